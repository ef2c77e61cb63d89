//! What a command shows: lines, and one progress line that is drawn over while it lasts.
//!
//! Colours and drawing over are for terminals only, colours not even there if `NO_COLOR` is set
//! (no-color.org). Logs do not go this way.

use std::io::{self, IsTerminal, Write};

use crate::text::{bar, counted};

/// Columns that a progress line may fill; a longer one would wrap and not be drawn over.
const PROGRESS_COLUMNS_MAX: usize = 78;
const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const BOLD: &str = "\u{1b}[1m";
/// Characters of the bar of [`Steps`].
const BAR_WIDTH: usize = 30;
/// Without a terminal, steps are shown so many times.
const PLAIN_STEPS: usize = 4;
const PLAIN: &str = "\u{1b}[0m";

/// Where a command writes what it has to show.
pub(crate) struct Screen {
    out: Box<dyn Write + Send>,
    is_terminal: bool,
    has_colours: bool,
    /// Characters of the progress line that stands there now.
    progress_characters: usize,
}

impl Screen {
    /// Shows on standard output, as that can take it.
    pub(crate) fn of_stdout() -> Self {
        let is_terminal = io::stdout().is_terminal();
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            out: Box::new(io::stdout()),
            is_terminal,
            has_colours: is_terminal && !is_set("NO_COLOR") && !is_dumb,
            progress_characters: 0,
        }
    }

    /// Shows a line, or several; a progress line before them is wiped.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.end_progress()?;
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Shows a heading, after an empty line.
    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        let text = self.coloured(BOLD, text);
        self.line(&format!("\n{text}"))
    }

    /// Shows how far something is; on a terminal in place of the last such line.
    pub(crate) fn progress(&mut self, text: &str) -> io::Result<()> {
        if !self.is_terminal {
            return self.line(text);
        }
        let text: String = text.chars().take(PROGRESS_COLUMNS_MAX).collect();
        let width = self.progress_characters;
        write!(self.out, "\r{text:<width$}")?;
        self.progress_characters = text.chars().count();
        self.out.flush()
    }

    /// Whether progress can be drawn over, and so be shown often.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Returns the mark of a check that held or did not.
    pub(crate) fn mark(&self, holds: bool) -> String {
        if holds {
            self.coloured(GREEN, "✓")
        } else {
            self.coloured(RED, "✗")
        }
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.has_colours {
            format!("{colour}{text}{PLAIN}")
        } else {
            text.to_owned()
        }
    }

    fn end_progress(&mut self) -> io::Result<()> {
        let width = std::mem::take(&mut self.progress_characters);
        if width > 0 {
            write!(self.out, "\r{:width$}\r", "")?;
        }
        Ok(())
    }
}

/// A line that says how much of a whole is done; often on a terminal, seldom elsewhere.
#[derive(Debug)]
pub(crate) struct Steps {
    what: &'static str,
    whole: usize,
    /// The step that was shown last, of [`PLAIN_STEPS`].
    step: usize,
}

impl Steps {
    pub(crate) fn new(what: &'static str, whole: usize) -> Self {
        let step = 0;
        Self { what, whole, step }
    }

    pub(crate) fn show(&mut self, part: usize, screen: &mut Screen) -> io::Result<()> {
        let step = part.saturating_mul(PLAIN_STEPS) / self.whole.max(1);
        let is_due = screen.is_terminal() || step > self.step;
        if !is_due {
            return Ok(());
        }
        self.step = step;
        let wide = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        screen.progress(&format!(
            "  {:<8}  {} {} of {} records",
            self.what,
            bar(wide(part), wide(self.whole), BAR_WIDTH),
            counted(part),
            counted(self.whole)
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(is_terminal: bool, has_colours: bool) -> String {
        let shared = Shared::default();
        let mut screen = Screen {
            out: Box::new(shared.clone()),
            is_terminal,
            has_colours,
            progress_characters: 0,
        };
        screen.progress("half way").unwrap();
        screen.progress("done").unwrap();
        let mark = screen.mark(true);
        screen.line(&mark).unwrap();
        String::from_utf8(shared.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn without_a_terminal_progress_is_plain_lines() {
        assert_eq!(shown(false, false), "half way\ndone\n✓\n");
    }

    #[test]
    fn on_a_terminal_progress_is_drawn_over_and_wiped() {
        assert_eq!(
            shown(true, false),
            "\rhalf way\rdone    \r    \r✓\n".to_owned()
        );
    }

    #[test]
    fn colours_are_an_extra() {
        assert!(shown(true, true).contains(GREEN));
        assert!(!shown(true, false).contains('\u{1b}'));
    }
}
