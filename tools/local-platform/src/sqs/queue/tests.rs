//! The queue under a clock that the tests move by hand.

use std::collections::BTreeMap;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn queue(attributes: &[(&str, &str)]) -> Queue {
    let attributes: BTreeMap<String, String> = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Queue::new(Settings::read(&attributes).unwrap(), Instant::now())
}

fn send(queue: &mut Queue, body: &str, now: Instant) {
    let content = Content::new(body.to_owned(), BTreeMap::new(), BTreeMap::new()).unwrap();
    queue.send(content, Duration::ZERO, now).unwrap();
}

fn receive(queue: &mut Queue, now: Instant) -> Vec<Stored> {
    queue.receive(10, 30 * SECOND, now).unwrap().messages
}

#[test]
fn a_received_message_is_out_of_sight_until_its_visibility_ends() {
    let (mut queue, now) = (queue(&[]), Instant::now());
    send(&mut queue, "a", now);
    assert_eq!(receive(&mut queue, now).len(), 1);
    assert_eq!(receive(&mut queue, now + 29 * SECOND).len(), 0);
    let again = receive(&mut queue, now + 30 * SECOND);
    assert_eq!(again[0].receive_count, 2);
    assert_eq!(again[0].first_received_at, Some(now));
}

#[test]
fn only_the_last_receipt_deletes() {
    let (mut queue, now) = (queue(&[]), Instant::now());
    send(&mut queue, "a", now);
    let first = receive(&mut queue, now)[0].receipt.clone().unwrap();
    let second = receive(&mut queue, now + 30 * SECOND)[0]
        .receipt
        .clone()
        .unwrap();
    queue.delete(&first).unwrap();
    assert_eq!(queue.counts(now + 30 * SECOND).in_flight, 1);
    queue.delete(&second).unwrap();
    queue.delete(&second).unwrap();
    assert_eq!(queue.counts(now + 30 * SECOND), Counts::default());
}

#[test]
fn a_message_received_too_often_leaves_as_a_dead_letter_with_its_age_and_count() {
    let policy = r#"{"deadLetterTargetArn":"arn","maxReceiveCount":2}"#;
    let (mut source, now) = (queue(&[("RedrivePolicy", policy)]), Instant::now());
    send(&mut source, "a", now);
    assert_eq!(
        source
            .receive(10, Duration::ZERO, now)
            .unwrap()
            .messages
            .len(),
        1
    );
    assert_eq!(
        source
            .receive(10, Duration::ZERO, now)
            .unwrap()
            .messages
            .len(),
        1
    );
    let mut taken = source.receive(10, Duration::ZERO, now).unwrap();
    assert_eq!((taken.messages.len(), taken.dead.len()), (0, 1));
    let mut target = queue(&[]);
    target.adopt(taken.dead.pop().unwrap(), "source", now + SECOND);
    let dead = receive(&mut target, now + SECOND).pop().unwrap();
    assert_eq!((dead.receive_count, dead.sent_at), (3, now));
    assert_eq!(dead.source_arn.as_deref(), Some("source"));
}

#[test]
fn messages_past_their_retention_are_gone() {
    let (mut queue, now) = (queue(&[("MessageRetentionPeriod", "60")]), Instant::now());
    send(&mut queue, "a", now);
    send(&mut queue, "b", now + SECOND);
    assert_eq!(receive(&mut queue, now + 60 * SECOND).len(), 1);
    queue.expire(now + 61 * SECOND);
    assert_eq!(queue.counts(now + 61 * SECOND), Counts::default());
}

#[test]
fn one_receive_never_takes_a_message_twice_even_without_visibility() {
    let (mut queue, now) = (queue(&[]), Instant::now());
    for body in ["a", "b", "c"] {
        send(&mut queue, body, now);
    }
    let taken = queue.receive(10, Duration::ZERO, now).unwrap().messages;
    let ids: BTreeSet<&str> = taken.iter().map(|message| message.id.as_str()).collect();
    assert_eq!((taken.len(), ids.len()), (3, 3));
}

#[test]
fn a_handle_that_was_never_given_out_is_refused() {
    let (mut queue, now) = (queue(&[]), Instant::now());
    assert!(matches!(
        queue.delete("?"),
        Err(Refusal::ReceiptHandleIsInvalid { .. })
    ));
    let unknown = new_receipt(7);
    queue.delete(&unknown).unwrap();
    let refused = queue.change_visibility(&unknown, SECOND, now);
    assert!(matches!(refused, Err(Refusal::InvalidParameter { .. })));
}

#[test]
fn visibility_changes_only_while_in_flight() {
    let (mut queue, now) = (queue(&[]), Instant::now());
    send(&mut queue, "a", now);
    let handle = receive(&mut queue, now)[0].receipt.clone().unwrap();
    queue.change_visibility(&handle, 100 * SECOND, now).unwrap();
    assert_eq!(receive(&mut queue, now + 99 * SECOND).len(), 0);
    queue
        .change_visibility(&handle, Duration::ZERO, now + 99 * SECOND)
        .unwrap();
    let refused = queue.change_visibility(&handle, SECOND, now + 99 * SECOND);
    assert_eq!(refused, Err(Refusal::MessageNotInflight));
    assert_eq!(receive(&mut queue, now + 99 * SECOND).len(), 1);
}
