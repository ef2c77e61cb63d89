//! How a locale, which producers write as they like, becomes a language tag.
//!
//! Whether the language exists, and whether there are texts in it, is not known here.

/// The longest tag that is kept, in bytes: what RFC 5646 (§4.4.1) has every reader hold.
const TAG_BYTES_MAX: usize = 35;
/// The longest part of a tag, in bytes.
const PART_BYTES_MAX: usize = 8;

/// Returns the tag in the form of BCP 47, with hyphens; none for a text that is not of that form.
pub(crate) fn language_tag(text: &str) -> Option<String> {
    let tag = text.replace('_', "-");
    let is_part = |part: &str| {
        (1..=PART_BYTES_MAX).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let language = tag.split('-').next().unwrap_or_default();
    let is_language =
        language.len() >= 2 && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    (tag.len() <= TAG_BYTES_MAX && is_language && tag.split('-').all(is_part)).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_kept_and_an_underscore_becomes_a_hyphen() {
        for (text, tag) in [
            ("de", "de"),
            ("ko-KR", "ko-KR"),
            ("en_US", "en-US"),
            ("zh-Hant-TW", "zh-Hant-TW"),
            ("de-CH-1901", "de-CH-1901"),
            ("sl-rozaj-biske-1994", "sl-rozaj-biske-1994"),
        ] {
            assert_eq!(language_tag(text).as_deref(), Some(tag));
        }
    }

    #[test]
    fn what_is_no_tag_is_left_out() {
        let long = "en-".repeat(20) + "us";
        let text = [
            "",
            "-",
            "e",
            "de-",
            "-de",
            "de--CH",
            "12-US",
            "en US",
            "<b>",
            "deutschland",
            &long,
        ];
        for text in text {
            assert_eq!(language_tag(text), None, "{text}");
        }
    }
}
