//! What a registration does: a profile, one welcome, and nothing personal anywhere else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use event_schema::Personal;
use event_schema::events::{NotificationKind, NotificationRequested};
use serde_json::{Value, json};
use testkit::Rig;
use user_registered::{Profile, UserRegisteredHandler};

fn ada() -> Value {
    json!({ "user_id": "u-1", "email": "ada@example.com", "name": "Ada Lovelace",
        "locale": "en_GB", "timestamp": "2026-11-21T10:15:30.123Z" })
}

fn profile(rig: &Rig<UserRegisteredHandler>) -> Profile {
    rig.item::<Profile>("u-1").unwrap()
}

fn text(personal: Option<&Personal>) -> Option<&str> {
    personal.map(Personal::as_str)
}

#[tokio::test]
async fn a_new_user_has_a_profile_and_is_welcomed_in_the_users_language() {
    let rig = Rig::new(UserRegisteredHandler);
    rig.send([ada()]).await;
    let stored = rig.store.item("users", "u-1", "-").unwrap().body;
    let expected = json!({ "user_id": "u-1", "email": "ada@example.com", "name": "Ada Lovelace",
        "locale": "en-GB", "registered_at": "2026-11-21T10:15:30.123Z" });
    assert_eq!(
        Value::Object(stored),
        expected,
        "plain texts, for who reads it"
    );
    let told = rig.published::<NotificationRequested>();
    let [welcome] = &told[..] else {
        panic!("{} notifications", told.len());
    };
    assert_eq!(welcome.recipient.as_str(), "u-1");
    assert_eq!(welcome.kind, NotificationKind::Welcome);
    assert_eq!(welcome.locale.as_deref(), Some("en-GB"));
}

#[tokio::test]
async fn a_user_of_whom_little_is_told_has_a_profile_all_the_same() {
    let rig = Rig::new(UserRegisteredHandler);
    rig.send([json!({ "user_id": "u-1", "locale": "<script>" })])
        .await;
    let profile = profile(&rig);
    assert_eq!((profile.email, profile.name), (None, None));
    assert_eq!(profile.locale, None, "it is no language tag");
    let told = rig.published::<NotificationRequested>();
    assert_eq!(told.first().unwrap().locale, None);
}

#[tokio::test]
async fn the_account_is_as_old_as_its_producer_says_else_as_the_event() {
    let rig = Rig::new(UserRegisteredHandler);
    let mut told = ada();
    let at = "2026-11-20T00:00:00.000Z";
    let fields = told.as_object_mut().unwrap();
    fields.insert("registered_at".to_owned(), json!(at));
    rig.send([told]).await;
    assert_eq!(profile(&rig).registered_at.to_string(), at);
}

#[tokio::test]
async fn another_registration_changes_nothing_that_is_known_and_welcomes_nobody() {
    let rig = Rig::new(UserRegisteredHandler);
    rig.send([ada()]).await;
    let before = rig.store.item("users", "u-1", "-").unwrap();
    let another = json!({ "user_id": "u-1", "email": "other@example.com", "name": "Other",
        "locale": "de", "registered_at": "2030-01-01T00:00:00Z" });
    rig.send([another.clone(), another]).await;
    let after = rig.store.item("users", "u-1", "-").unwrap();
    assert_eq!(after, before, "not even written again");
    assert_eq!(rig.published::<NotificationRequested>().len(), 1);
    assert!(rig.codes().is_empty());
}

#[tokio::test]
async fn another_registration_completes_the_profile() {
    let rig = Rig::new(UserRegisteredHandler);
    rig.send([
        json!({ "user_id": "u-1", "name": "Ada", "timestamp": "2026-11-21T10:15:30.123Z" }),
        json!({ "user_id": "u-1", "email": "ada@example.com", "name": "Other", "locale": "fr",
            "timestamp": "2026-11-22T00:00:00Z" }),
    ])
    .await;
    let profile = profile(&rig);
    assert_eq!(text(profile.email.as_ref()), Some("ada@example.com"));
    assert_eq!(text(profile.name.as_ref()), Some("Ada"));
    assert_eq!(profile.locale.as_deref(), Some("fr"));
    assert_eq!(
        profile.registered_at.to_string(),
        "2026-11-21T10:15:30.123Z"
    );
    assert_eq!(rig.published::<NotificationRequested>().len(), 1);
}

#[tokio::test]
async fn the_same_event_sent_twice_is_one_registration() {
    let rig = Rig::new(UserRegisteredHandler);
    let mut event = ada();
    let fields = event.as_object_mut().unwrap();
    fields.insert("event_id".to_owned(), json!("e-1"));
    rig.send([event.clone()]).await;
    rig.send([event]).await;
    assert_eq!(rig.published::<NotificationRequested>().len(), 1);
    assert_eq!(rig.store.item("users", "u-1", "-").unwrap().version, 1);
}

#[tokio::test]
async fn nothing_personal_is_in_what_is_published_or_shown() {
    let rig = Rig::new(UserRegisteredHandler);
    rig.send([ada()]).await;
    let shown = format!("{:?}", profile(&rig));
    assert!(shown.contains("u-1"), "{shown}");
    let outbox = rig.store.table("outbox").into_iter();
    let published: Vec<_> = outbox
        .map(|(_, row)| Value::Object(row.body).to_string())
        .collect();
    assert_eq!(published.len(), 1);
    let state = rig.store.table("state").into_iter();
    let marks = state.map(|(key, row)| format!("{key:?} {}", Value::Object(row.body)));
    for text in published.into_iter().chain(marks).chain([shown]) {
        assert!(
            !text.contains("ada@example") && !text.contains("Lovelace"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_refusal_does_not_quote_what_is_personal() {
    let rig = Rig::new(UserRegisteredHandler);
    let mut broken = ada();
    *broken.pointer_mut("/user_id").unwrap() = json!({ "of": "ada@example.com" });
    rig.send([broken]).await;
    let letters = rig.letters.letters();
    let chains: Vec<_> = letters.iter().flat_map(|letter| &letter.causes).collect();
    assert_eq!(rig.codes(), ["invalid_field"]);
    assert!(!chains.is_empty());
    assert!(!format!("{chains:?}").contains("ada@example"), "{chains:?}");
}
