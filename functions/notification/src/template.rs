//! What mail says: a text for each kind of notification in each language.
//!
//! A line that needs data which the event does not have is left out, so that a text is never half filled in.

mod texts;

use event_schema::Labels;
use event_schema::events::NotificationKind;

/// Characters of one datum that are filled in.
const DATUM_CHARS_MAX: usize = 1_000;

/// A language that mail is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// English.
    #[default]
    English,
    /// Korean.
    Korean,
}

/// A text with its data filled in.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// Its language.
    pub locale: Locale,
    /// The subject; it has no data in it.
    pub subject: String,
    /// What it says.
    pub body: String,
}

impl Locale {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::Korean];

    /// Returns the language of a BCP 47 tag, such as `ko` of `ko-KR`; none where there are no texts in it.
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let language = tag.split(['-', '_']).next().unwrap_or_default();
        let is_it = |locale: &Self| locale.as_str().eq_ignore_ascii_case(language);
        Self::ALL.into_iter().find(is_it)
    }

    /// Returns the language as a BCP 47 tag.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }
}

/// Returns the text of a kind; none of a kind that this version does not know.
#[must_use]
pub fn text(kind: &NotificationKind, locale: Locale, data: &Labels) -> Option<Text> {
    let (subject, lines) = match locale {
        Locale::English => texts::english(kind),
        Locale::Korean => texts::korean(kind),
    }?;
    let lines = lines.iter().filter_map(|line| filled_in(line, data));
    Some(Text {
        locale,
        subject: subject.to_owned(),
        body: lines.collect::<Vec<_>>().join("\n"),
    })
}

/// Fills data into a line's `{names}`; none where one is missing.
fn filled_in(line: &str, data: &Labels) -> Option<String> {
    let mut parts = line.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, after) = part.split_once('}')?;
        let datum = data.get(name).filter(|datum| !datum.is_empty())?;
        // What an event says stays in its line: it must not look like another part of the mail.
        let plain = datum.chars().take(DATUM_CHARS_MAX);
        out.extend(plain.map(|c| if c.is_control() { ' ' } else { c }));
        out.push_str(after);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [NotificationKind; 12] = [
        NotificationKind::OrderPlaced,
        NotificationKind::OrderRejected,
        NotificationKind::PaymentCompleted,
        NotificationKind::PaymentFailed,
        NotificationKind::LowStock,
        NotificationKind::Welcome,
        NotificationKind::CouponIssued,
        NotificationKind::CouponRefused,
        NotificationKind::ReservationCreated,
        NotificationKind::ConcertSoldOut,
        NotificationKind::MetricThreshold,
        NotificationKind::CriticalError,
    ];

    #[test]
    fn every_kind_has_a_text_in_every_language_that_says_something_without_data() {
        let mut subjects = std::collections::BTreeSet::new();
        for (kind, locale) in KINDS
            .iter()
            .flat_map(|kind| Locale::ALL.map(|locale| (kind, locale)))
        {
            let text = text(kind, locale, &Labels::default()).unwrap();
            assert!(
                !text.body.is_empty() && !text.body.contains(['{', '}']),
                "{kind} {locale:?}"
            );
            let is_korean = text.body.chars().any(|c| ('가'..='힣').contains(&c));
            assert_eq!(is_korean, locale == Locale::Korean, "{kind} {locale:?}");
            assert!(
                subjects.insert(text.subject),
                "{kind} {locale:?} has another's subject"
            );
        }
    }

    #[test]
    fn both_languages_of_a_kind_fill_in_the_same_data() {
        let names = |lines: &[&str]| -> Vec<String> {
            let parts = lines.iter().flat_map(|line| line.split('{').skip(1));
            parts
                .map(|part| part.split_once('}').unwrap().0.to_owned())
                .collect()
        };
        for kind in &KINDS {
            let (english, korean) = (texts::english(kind).unwrap(), texts::korean(kind).unwrap());
            assert_eq!(names(english.1), names(korean.1), "{kind}");
        }
    }

    #[test]
    fn a_line_whose_data_is_missing_is_left_out() {
        let data = [("a", "1"), ("empty", "")].into_iter().collect();
        assert_eq!(filled_in("x {a} y {a}", &data).as_deref(), Some("x 1 y 1"));
        assert_eq!(filled_in("no data", &data).as_deref(), Some("no data"));
        assert_eq!(filled_in("{a} {b}", &data), None);
        assert_eq!(filled_in("{empty}", &data), None);
    }

    #[test]
    fn data_stays_in_its_line_and_is_filled_in_as_it_is() {
        let long = "x".repeat(2_000);
        let data = [("a", "1\r\nBcc: all {b}"), ("b", "2"), ("long", &long)];
        let data = data.into_iter().collect();
        assert_eq!(filled_in("{a}", &data).as_deref(), Some("1  Bcc: all {b}"));
        assert_eq!(
            filled_in("{long}", &data).map(|line| line.len()),
            Some(1_000)
        );
    }

    #[test]
    fn a_language_is_found_by_the_beginning_of_its_tag() {
        for (tag, locale) in [
            ("ko", Some(Locale::Korean)),
            ("KO-kr", Some(Locale::Korean)),
            ("ko_KR", Some(Locale::Korean)),
            ("en-GB", Some(Locale::English)),
            ("kok-IN", None),
            ("de", None),
            ("", None),
        ] {
            assert_eq!(Locale::of(tag), locale, "{tag}");
        }
    }
}
