//! A text in pieces: words, and what is told apart from them by its form.
//!
//! Every byte of the text belongs to one piece. What the pieces are replaced by is not said here.

/// Bytes between two quotation marks that belong together.
const QUOTED_BYTES_MAX: usize = 512;
/// Characters from which on digits and letters together are an id.
const ID_CHARS_MIN: usize = 8;
/// Words behind which a secret stands.
const SECRETS: [&str; 10] = [
    "api_key",
    "apikey",
    "authorization",
    "basic",
    "bearer",
    "passwd",
    "password",
    "pwd",
    "secret",
    "token",
];

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A word, a blank or a mark.
    Plain(&'a str),
    /// What stands in quotation marks, with them.
    Quoted,
    /// An address of mail.
    Email,
    /// What follows the name of a secret.
    Secret,
    /// A UUID, or letters and digits together.
    Id(&'a str),
    /// Hexadecimal digits.
    Hex(&'a str),
    /// Digits, with points, colons and dashes among them.
    Number(&'a str),
}

/// Cuts a text into pieces.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    let mut before = None;
    let mut is_secret = false;
    std::iter::from_fn(move || {
        let (piece, length) = first(rest, before, is_secret)?;
        let (taken, left) = rest.split_at_checked(length)?;
        is_secret = match piece {
            Piece::Plain(word) => announces_secret(word, left, is_secret),
            _ => false,
        };
        before = taken.chars().next_back();
        rest = left;
        Some(piece)
    })
}

/// The first piece of what is left, and its bytes.
fn first(rest: &str, before: Option<char>, is_secret: bool) -> Option<(Piece<'_>, usize)> {
    let next = rest.chars().next()?;
    if is_secret && !is_between(next) {
        let length = run(rest, |c| !c.is_whitespace() && !",;&)\"'".contains(c));
        if !is_secret_word(rest.get(..length)?) {
            return Some((Piece::Secret, length.max(next.len_utf8())));
        }
    }
    let is_start = before.is_none_or(|before| !before.is_alphanumeric());
    let special = is_start.then(|| at_start(rest, next)).flatten();
    special.or_else(|| {
        let plain = |length| Some((Piece::Plain(rest.get(..length)?), length));
        if next.is_ascii_digit() {
            let length = number(rest);
            return Some((Piece::Number(rest.get(..length)?), length));
        }
        if is_word(next) {
            return plain(run(rest, |c| is_word(c) && !c.is_ascii_digit()));
        }
        if next.is_whitespace() {
            return plain(run(rest, char::is_whitespace));
        }
        plain(next.len_utf8())
    })
}

/// What only a whole word, or what begins one, can be.
fn at_start(rest: &str, next: char) -> Option<(Piece<'_>, usize)> {
    if let Some(length) = quoted(rest, next) {
        return Some((Piece::Quoted, length));
    }
    if let Some(length) = email(rest) {
        return Some((Piece::Email, length));
    }
    if next == '-' && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()) {
        let length = 1 + number(rest.get(1..)?);
        return Some((Piece::Number(rest.get(..length)?), length));
    }
    if let Some(length) = uuid(rest) {
        return Some((Piece::Id(rest.get(..length)?), length));
    }
    let length = run(rest, |c| c.is_ascii_alphanumeric());
    let word = rest.get(..length)?;
    if is_hex(word) {
        return Some((Piece::Hex(word), length));
    }
    is_id(word).then_some((Piece::Id(word), length))
}

fn quoted(rest: &str, next: char) -> Option<usize> {
    let close = match next {
        '"' | '\'' | '`' => next,
        '“' | '„' => '”',
        '‘' => '’',
        '«' => '»',
        _ => return None,
    };
    let mut inner = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = inner.next() {
        if at > QUOTED_BYTES_MAX || c == '\n' {
            return None;
        }
        // A mark inside a word is an apostrophe.
        let ends = inner
            .peek()
            .is_none_or(|(_, after)| !after.is_alphanumeric());
        if c == close && ends {
            return Some(at + c.len_utf8());
        }
    }
    None
}

fn email(rest: &str) -> Option<usize> {
    let is_local = |c: char| c.is_alphanumeric() || "._%+-".contains(c);
    let local = run(rest, is_local);
    let domain = rest.get(local..)?.strip_prefix('@')?;
    let length = run(domain, |c| c.is_alphanumeric() || ".-".contains(c));
    let domain = domain.get(..length)?.trim_end_matches(['.', '-']);
    let is_email = local > 0 && !domain.is_empty();
    is_email.then_some(local + 1 + domain.len())
}

fn uuid(rest: &str) -> Option<usize> {
    let mut length = 0;
    for (n, digits) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        let dash = usize::from(n > 0);
        let part = rest.get(length..length + dash + digits)?;
        let (mark, hex) = part.split_at_checked(dash)?;
        if (dash == 1 && mark != "-") || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        length += dash + digits;
    }
    let after = rest.get(length..)?.chars().next();
    after.is_none_or(|c| !c.is_alphanumeric()).then_some(length)
}

/// Digits, and marks between digits.
fn number(rest: &str) -> usize {
    let mut length = 0;
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map(|(_, after)| *after);
        let joins = ".,:-".contains(c) && after.is_some_and(|c| c.is_ascii_digit());
        if !c.is_ascii_digit() && !joins {
            break;
        }
        length = at + 1;
    }
    length
}

fn is_hex(word: &str) -> bool {
    let is_all_hex = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    if let Some(digits) = word.strip_prefix("0x").or(word.strip_prefix("0X")) {
        return !digits.is_empty() && is_all_hex(digits);
    }
    let has = |is: fn(&char) -> bool| word.chars().any(|c| is(&c));
    word.len() >= ID_CHARS_MIN
        && is_all_hex(word)
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
}

/// Letters and digits that change places more than once.
fn is_id(word: &str) -> bool {
    let digits: Vec<bool> = word.chars().map(|c| c.is_ascii_digit()).collect();
    let changes = digits.windows(2).filter(|pair| pair.first() != pair.last());
    word.len() >= ID_CHARS_MIN && changes.count() > 1
}

/// Whether a secret follows: the word names one, and a mark stands behind it, or a blank behind the name of a
/// scheme of authorization.
fn announces_secret(word: &str, left: &str, is_secret: bool) -> bool {
    if is_secret && word.chars().all(is_between) {
        return true;
    }
    if !is_secret_word(word) {
        return false;
    }
    let is_scheme = ["basic", "bearer"].contains(&word.to_ascii_lowercase().as_str());
    left.trim_start().starts_with(['=', ':']) || is_scheme && left.starts_with(' ')
}

fn is_secret_word(word: &str) -> bool {
    SECRETS.contains(&word.to_ascii_lowercase().as_str())
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || c == '=' || c == ':'
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Bytes of the characters at the beginning that are of a kind.
fn run(text: &str, is: impl Fn(char) -> bool) -> usize {
    let end = text.char_indices().find(|(_, c)| !is(*c));
    end.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_belongs_to_a_piece_whatever_the_text() {
        for text in [
            "",
            "'",
            "@",
            "-",
            "a@",
            "\u{fffd}9é-8 \"",
            "0x",
            "- -1",
            "’’“a",
        ] {
            let mut left = text;
            let mut before = None;
            while !left.is_empty() {
                let (_, length) = first(left, before, false).unwrap();
                assert!(length > 0 && left.is_char_boundary(length), "{text}");
                before = left[..length].chars().next_back();
                left = &left[length..];
            }
        }
    }
}
