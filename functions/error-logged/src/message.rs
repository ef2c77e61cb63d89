//! Messages of errors without what differs from error to error, and without what is personal.
//!
//! A message is cut into pieces, which are then written in one of two ways. Nothing here can tell a name from
//! another word: a name that stands in no quotes stays.

mod pieces;

use self::pieces::{Piece, pieces};

/// Bytes of a normalised message; what differs only behind them is the same.
const NORMALISED_BYTES_MAX: usize = 512;
/// Bytes of a message that are looked at.
const LOOKED_AT_BYTES_MAX: usize = 16_384;
/// Digits of a number that is taken for one of a telephone, a card or an account.
const PRIVATE_DIGITS_MIN: usize = 7;

/// Returns a message without numbers, ids, hexadecimal and quoted parts: what errors that are one have in common.
#[must_use]
pub fn normalised(message: &str) -> String {
    written(message, NORMALISED_BYTES_MAX, |piece| match piece {
        Piece::Plain(text) => text,
        Piece::Quoted => "<quoted>",
        Piece::Email => "<email>",
        Piece::Secret => "<secret>",
        Piece::Id(_) => "<id>",
        Piece::Hex(_) => "<hex>",
        Piece::Number(_) => "<number>",
    })
}

/// Returns a text with what may be personal or secret replaced: quoted parts, addresses of mail and of
/// machines, long numbers, and what follows the name of a secret.
#[must_use]
pub fn masked(text: &str, bytes_max: usize) -> String {
    written(text, bytes_max, |piece| match piece {
        Piece::Quoted => "<quoted>",
        Piece::Email => "<email>",
        Piece::Secret => "<secret>",
        Piece::Number(text) if is_private(text) => "<number>",
        Piece::Plain(text) | Piece::Id(text) | Piece::Hex(text) | Piece::Number(text) => text,
    })
}

/// Cuts a text off behind so many bytes, between characters.
pub(crate) fn bounded(text: &str, bytes_max: usize) -> String {
    let fits = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = fits.take_while(|end| *end <= bytes_max).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

/// A telephone number or an address of a machine.
fn is_private(number: &str) -> bool {
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let points = number.chars().filter(|c| *c == '.').count();
    digits >= PRIVATE_DIGITS_MIN || points == 3
}

/// Writes the pieces, with one blank for any blanks, up to so many bytes.
fn written<'a>(text: &'a str, bytes_max: usize, write: impl Fn(Piece<'a>) -> &'a str) -> String {
    let end = bounded(text, LOOKED_AT_BYTES_MAX).len();
    let mut out = String::new();
    for piece in pieces(text.get(..end).unwrap_or_default()) {
        let piece = write(piece);
        if piece.trim().is_empty() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else {
            out.push_str(piece);
        }
        if out.len() > bytes_max {
            break;
        }
    }
    bounded(out.trim_end(), bytes_max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_error_to_error_is_replaced() {
        for (message, expected) in [
            (
                "the store did not answer in 2000 ms",
                "the store did not answer in <number> ms",
            ),
            ("took 2.5s, limit -3", "took <number>s, limit <number>"),
            (
                "order o-17 of user u42 is gone",
                "order o-<number> of user u<number> is gone",
            ),
            (
                "no event 0190f5a2-7b1c-7cc0-9a55-3d0f6a1b2c3d",
                "no event <id>",
            ),
            ("at 0xDEADbeef and deadbee5", "at <hex> and <hex>"),
            ("request 01HXYZ7ABCQ failed", "request <id> failed"),
            (
                "no user \"Ada Lovelace\" in 'eu'",
                "no user <quoted> in <quoted>",
            ),
            ("mail to ada.l+x@example.com.", "mail to <email>."),
            ("10.0.0.17:8080 refused", "<number> refused"),
            ("a\n\t b   c ", "a b c"),
            ("2026-11-21T10:15:30Z down", "<number>T<number>Z down"),
        ] {
            assert_eq!(normalised(message), expected, "{message}");
        }
    }

    #[test]
    fn words_stay() {
        for message in [
            "connection reset by peer",
            "can't connect, don't retry",
            "a facade was added",
            "Zoë's Bestellung: 주문 실패",
            "an open \" quote",
            "",
        ] {
            assert_eq!(normalised(message), message);
        }
    }

    #[test]
    fn normalising_twice_is_once() {
        for message in [
            "order o-17 of 'x' at 0xff, ada@example.com, 10.0.0.1",
            "password=abc 0190f5a2-7b1c-7cc0-9a55-3d0f6a1b2c3d",
        ] {
            let once = normalised(message);
            assert_eq!(normalised(&once), once);
        }
    }

    #[test]
    fn a_message_is_bounded_between_characters() {
        let long = "주문 실패 ".repeat(10_000);
        let short = normalised(&long);
        assert!((NORMALISED_BYTES_MAX - 3..=NORMALISED_BYTES_MAX).contains(&short.len()));
        assert!(long.starts_with(&short));
        assert_eq!(masked("aé", 2), "a");
    }

    #[test]
    fn what_may_be_personal_or_secret_is_masked_and_the_rest_stays() {
        for (message, expected) in [
            (
                "no mail for ada@example.com in 30 s",
                "no mail for <email> in 30 s",
            ),
            ("user 'Ada Lovelace' is gone", "user <quoted> is gone"),
            ("call +49 170 1234567", "call +49 170 <number>"),
            ("card 4111-1111-1111-1111 refused", "card <number> refused"),
            ("from 192.168.1.7", "from <number>"),
            (
                "password=hunter2, user o-17",
                "password=<secret>, user o-17",
            ),
            (
                "Authorization: Bearer eyJh.x.y end",
                "Authorization: Bearer <secret> end",
            ),
            (
                "authorization=Basic dXNlcjpw",
                "authorization=Basic <secret>",
            ),
            ("api_key = k123", "api_key = <secret>"),
            (
                "at 0xdeadbeef in place.rs:42",
                "at 0xdeadbeef in place.rs:42",
            ),
        ] {
            assert_eq!(masked(message, 1_024), expected, "{message}");
        }
    }
}
