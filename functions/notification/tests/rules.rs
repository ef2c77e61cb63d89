//! Whom a notification reaches, in which language, and what becomes of one that cannot be sent.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::sync::{Arc, Mutex};

use notification::{
    Directory, Mail, MailError, Mailbox, MailboxEntry, Mailer, NotificationHandler, Profile,
};
use processing::{
    Attempt, Deliver, DeliverEngine, EngineSettings, Item as _, ItemKey, Processed, Processor as _,
    Timer as _,
};
use serde_json::{Value, json};
use testkit::{
    EventBuilder, KafkaRecord, MemoryDeadLetters, MemoryStore, VirtualTimer, invocation,
};

/// Makes a failure.
type Failure = fn() -> MailError;

/// A mailer that needs an address, as SES does, and fails as it is told.
#[derive(Clone, Default)]
struct Out {
    sent: Arc<Mutex<Vec<(String, String)>>>,
    failures: Arc<Mutex<Vec<Failure>>>,
    attempts: Arc<Mutex<Vec<(String, u32)>>>,
}

impl Out {
    fn failing(failures: impl IntoIterator<Item = Failure>) -> Self {
        let out = Self::default();
        out.failures.lock().unwrap().extend(failures);
        out
    }
}

impl Mailer for Out {
    async fn send(&self, mail: &Mail, attempt: &Attempt) -> Result<(), MailError> {
        let about = (attempt.token.clone(), attempt.number);
        self.attempts.lock().unwrap().push(about);
        if let Some(failure) = self.failures.lock().unwrap().pop() {
            return Err(failure());
        }
        let address = mail.address.clone().ok_or(MailError::NoAddress)?;
        let sent = (address, mail.text.subject.clone());
        self.sent.lock().unwrap().push(sent);
        Ok(())
    }
}

struct Office {
    store: MemoryStore,
    letters: MemoryDeadLetters,
    timer: VirtualTimer,
}

impl Office {
    fn new() -> Self {
        let timer = VirtualTimer::automatic();
        Self {
            store: MemoryStore::with_clock(&timer),
            letters: MemoryDeadLetters::new(),
            timer,
        }
    }

    fn with_user(self, user: &str, email: Option<&str>, locale: Option<&str>) -> Self {
        let profile = json!({ "user_id": user, "email": email, "locale": locale, "name": "Ada",
            "registered_at": "2026-11-21T10:15:30.123Z" });
        self.store
            .seed(testkit::item_key("users", user, "-"), &profile);
        self
    }

    async fn deliver<M: Mailer>(&self, mailer: M, values: &[Value]) -> Processed {
        let directory = Directory::new(self.store.clone());
        self.run(NotificationHandler::new(directory, mailer), values)
            .await
    }

    async fn run<H: Deliver>(&self, handler: H, values: &[Value]) -> Processed {
        let settings = EngineSettings {
            partial_batch_response: true,
            ..EngineSettings::default()
        };
        let (store, letters) = (self.store.clone(), self.letters.clone());
        let engine = DeliverEngine::new(handler, store, letters, self.timer.clone(), settings);
        let records: Vec<_> = (0..)
            .zip(values)
            .map(|(n, value)| {
                KafkaRecord::new("notification.notification.requested", 0, n).json(value)
            })
            .collect();
        let payload = EventBuilder::new().records(&records).build();
        let invocation = invocation("request", &self.timer);
        engine.process(&payload, &invocation).await.unwrap()
    }

    async fn mailed(&self, values: &[Value]) -> Vec<MailboxEntry> {
        self.deliver(Mailbox::new(self.store.clone()), values).await;
        let entries = self.store.table("mailbox").into_iter();
        entries
            .map(|(key, stored)| {
                let entry: MailboxEntry =
                    serde_json::from_value(Value::Object(stored.body)).unwrap();
                assert_eq!(key, ItemKey::of::<MailboxEntry>(entry.key()).unwrap());
                entry
            })
            .collect()
    }

    fn codes(&self) -> Vec<&'static str> {
        let letters = self.letters.letters();
        letters.iter().map(|letter| letter.code).collect()
    }
}

fn to(recipient: &str, fields: &Value) -> Value {
    let mut value = json!({ "event_id": format!("e-{recipient}"), "recipient": recipient,
        "kind": "order_placed", "data": { "order_id": "o-1" } });
    for (name, field) in fields.as_object().unwrap() {
        value
            .as_object_mut()
            .unwrap()
            .insert(name.clone(), field.clone());
    }
    value
}

#[tokio::test]
async fn a_user_is_reached_at_the_address_and_in_the_language_of_the_profile() {
    let office = Office::new().with_user("u-1", Some("ada@example.com"), Some("ko-KR"));
    let mailbox = office.mailed(&[to("u-1", &json!({}))]).await;
    let mail = mailbox.first().unwrap();
    assert_eq!((mailbox.len(), mail.recipient.as_str()), (1, "u-1"));
    assert_eq!(mail.address.as_deref(), Some("ada@example.com"));
    assert_eq!(mail.locale, "ko");
    assert_eq!(
        mail.body,
        "감사합니다. 주문이 접수되었습니다.\n주문 번호: o-1"
    );
}

#[tokio::test]
async fn the_language_is_the_events_else_the_users_else_english() {
    for (of_event, of_user, found) in [
        (json!("en-GB"), Some("ko"), "en"),
        (json!("ko"), Some("en"), "ko"),
        (json!("de"), Some("ko"), "ko"),
        (Value::Null, Some("ko"), "ko"),
        (Value::Null, Some("fr"), "en"),
        (Value::Null, None, "en"),
    ] {
        let office = Office::new().with_user("u-1", None, of_user);
        let mailbox = office
            .mailed(&[to("u-1", &json!({ "locale": of_event }))])
            .await;
        assert_eq!(
            mailbox.first().unwrap().locale,
            found,
            "{of_event} {of_user:?}"
        );
    }
}

#[tokio::test]
async fn a_recipient_that_is_an_address_needs_no_profile() {
    let office = Office::new().with_user("bob@example.com", Some("eve@example.com"), None);
    let out = Out::default();
    office
        .deliver(
            out.clone(),
            &[to("bob@example.com", &json!({ "locale": "ko" }))],
        )
        .await;
    let sent = out.sent.lock().unwrap().clone();
    let expected = (
        "bob@example.com".to_owned(),
        "주문이 접수되었습니다".to_owned(),
    );
    assert_eq!(sent, [expected]);
}

#[tokio::test]
async fn mail_to_an_unknown_address_lands_in_the_mailbox_and_is_never_sent_out() {
    let office = Office::new().with_user("u-2", None, None);
    let mailbox = office
        .mailed(&[to("u-1", &json!({})), to("u-2", &json!({}))])
        .await;
    assert_eq!(mailbox.len(), 2);
    assert!(mailbox.iter().all(|mail| mail.address.is_none()));
    let office = Office::new().with_user("u-2", None, None);
    let out = Out::default();
    office
        .deliver(out.clone(), &[to("u-1", &json!({})), to("u-2", &json!({}))])
        .await;
    assert_eq!(office.codes(), ["unknown_address", "unknown_address"]);
    assert_eq!(
        out.attempts.lock().unwrap().len(),
        2,
        "neither is tried again"
    );
}

#[tokio::test]
async fn what_passes_is_tried_three_more_times_a_second_apart_under_one_token() {
    let office = Office::new().with_user("u-1", Some("ada@example.com"), None);
    let throttled: Failure = || MailError::Throttled("busy".into());
    let unavailable: Failure = || MailError::Unavailable("down".into());
    let out = Out::failing([throttled, unavailable, throttled]);
    let before = office.timer.now().as_ms();
    office.deliver(out.clone(), &[to("u-1", &json!({}))]).await;
    assert_eq!(out.sent.lock().unwrap().len(), 1);
    assert_eq!(office.timer.now().as_ms() - before, 3_000);
    let attempts = out.attempts.lock().unwrap().clone();
    let numbers: Vec<_> = attempts.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    let token = &attempts.first().unwrap().0;
    assert!(attempts.iter().all(|(of, _)| of == token));
}

#[tokio::test]
async fn what_does_not_pass_in_four_tries_is_a_dead_letter() {
    for (failure, code) in [
        (
            (|| MailError::Throttled("busy".into())) as Failure,
            "mail_throttled",
        ),
        (|| MailError::Unavailable("down".into()), "mail_unavailable"),
    ] {
        let office = Office::new().with_user("u-1", Some("ada@example.com"), None);
        let out = Out::failing([failure; 4]);
        office.deliver(out.clone(), &[to("u-1", &json!({}))]).await;
        assert_eq!(office.codes(), [code]);
        assert!(out.sent.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    for (failure, code) in [
        (
            (|| MailError::Refused("x".into())) as Failure,
            "mail_refused",
        ),
        (
            || MailError::SenderUnverified("x".into()),
            "sender_unverified",
        ),
    ] {
        let office = Office::new().with_user("u-1", Some("ada@example.com"), None);
        let out = Out::failing([failure]);
        office.deliver(out.clone(), &[to("u-1", &json!({}))]).await;
        assert_eq!(office.codes(), [code]);
        assert_eq!(out.attempts.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn kinds_and_channels_that_are_not_known_are_refused() {
    let office = Office::new();
    let values = [
        to("u-1", &json!({ "kind": "kind_of_tomorrow" })),
        to("u-2", &json!({ "channel": "sms" })),
        to("u-3", &json!({ "channel": "push" })),
    ];
    assert!(office.mailed(&values).await.is_empty());
    let mut codes = office.codes();
    codes.sort_unstable();
    assert_eq!(
        codes,
        ["unknown_kind", "unsupported_channel", "unsupported_channel"]
    );
}

#[tokio::test]
async fn two_notifications_of_one_recipient_are_two_mails_and_one_sent_twice_is_one() {
    let office = Office::new();
    let (first, second) = (
        to("u-1", &json!({ "event_id": "e-1" })),
        to("u-1", &json!({ "event_id": "e-2" })),
    );
    let mailbox = office.mailed(&[first.clone(), second, first]).await;
    let events = mailbox
        .iter()
        .map(|mail| mail.event_id.as_ref().unwrap().as_str());
    let mut events: Vec<_> = events.collect();
    events.sort_unstable();
    assert_eq!(events, ["e-1", "e-2"]);
}

#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_in_the_mailbox_once() {
    let store = MemoryStore::new();
    let mailbox = Mailbox::new(store.clone());
    let mail = Mail {
        recipient: event_schema::Recipient::new("u-1").unwrap(),
        address: None,
        text: notification::text(
            &event_schema::events::NotificationKind::Welcome,
            notification::Locale::English,
            &event_schema::Labels::default(),
        )
        .unwrap(),
        event_id: None,
        requested_at: event_schema::Timestamp::from_ms(0),
    };
    let attempt = |number| Attempt {
        token: "5b2f6d1e-9a55-5d0f-8a1b-2c3d4e5f6a7b".to_owned(),
        number,
        remaining: std::time::Duration::from_secs(1),
    };
    for number in [1, 1, 2, 11] {
        mailbox.send(&mail, &attempt(number)).await.unwrap();
    }
    assert_eq!(store.table("mailbox").len(), 1);
}

#[tokio::test]
async fn no_dead_letter_and_no_mark_names_an_address() {
    let office = Office::new().with_user("u-1", Some("ada@example.com"), None);
    let unavailable: Failure = || MailError::Unavailable("down".into());
    office
        .deliver(Out::failing([unavailable; 4]), &[to("u-1", &json!({}))])
        .await;
    let letters = office.letters.letters();
    let letter = letters.first().expect("there is one");
    assert!(!format!("{:?}", letter.causes).contains("ada"));
    for (_, stored) in office.store.table("state") {
        assert!(!Value::Object(stored.body).to_string().contains("ada"));
    }
    let profile = Profile {
        user_id: "u-1".to_owned(),
        email: event_schema::Personal::new("ada@example.com").ok(),
        locale: None,
    };
    assert!(!format!("{profile:?}").contains("ada"));
}
