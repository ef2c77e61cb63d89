//! Numbers, bars and tables as text.
//!
//! It knows nothing of what they mean, nor of colours.

/// Writes a number with a comma before every third digit from the right.
pub(crate) fn grouped(number: impl Into<i128>) -> String {
    let number = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// As [`grouped`], of a count in memory.
pub(crate) fn counted(count: usize) -> String {
    grouped(i128::try_from(count).unwrap_or(i128::MAX))
}

/// Returns the plural ending that goes with a count.
pub(crate) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Draws `part` of `whole` as a bar of `width` characters; something is never drawn as nothing.
pub(crate) fn bar(part: u64, whole: u64, width: usize) -> String {
    let wide = u64::try_from(width).unwrap_or(u64::MAX);
    let exact = part.saturating_mul(wide).checked_div(whole).unwrap_or(0);
    let filled = if part > 0 { exact.max(1) } else { 0 };
    let filled = usize::try_from(filled).unwrap_or(width).min(width);
    format!("{}{}", "█".repeat(filled), "░".repeat(width - filled))
}

/// A table whose columns are as wide as they must be: the first from the left, numbers from the right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// For each column, whether it stands at its left edge.
    left: &'static [bool],
}

impl Table {
    /// Makes a table; `left` says for each column whether it stands at its left edge.
    pub(crate) fn new(left: &'static [bool]) -> Self {
        let rows = Vec::new();
        Self { rows, left }
    }

    /// Appends a row.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Lays the table out, indented, without a line end after the last row.
    pub(crate) fn lay_out(&self) -> String {
        let widths: Vec<usize> = (0..self.left.len())
            .map(|column| self.column_width(column))
            .collect();
        let lines = self.rows.iter().map(|row| {
            let cells = row.iter().zip(self.left).zip(&widths);
            let cells: Vec<String> = cells
                .map(|((cell, left), width)| {
                    if *left {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            format!("  {}", cells.join("  ")).trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn column_width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let numbers = [0_i64, 999, 1_000, 1_234_567, -12_345];
        assert_eq!(
            numbers.map(grouped),
            ["0", "999", "1,000", "1,234,567", "-12,345"]
        );
    }

    #[test]
    fn a_bar_shows_a_part_of_the_whole() {
        assert_eq!(bar(0, 10, 4), "░░░░");
        assert_eq!(bar(1, 1_000, 4), "█░░░");
        assert_eq!(bar(5, 10, 4), "██░░");
        assert_eq!(bar(10, 10, 4), "████");
        assert_eq!(bar(0, 0, 4), "░░░░");
    }

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&[true, false, true]);
        table.row(["orders", "1,200", "all of them"]);
        table.row(["poison", "18", ""]);
        assert_eq!(
            table.lay_out(),
            "  orders  1,200  all of them\n  poison     18"
        );
    }
}
