//! Receives that wait, under a paused clock.

use std::net::Ipv4Addr;

use super::super::wire::{Outgoing, ReceiveMessage, ReceivedMessages, SendMessage};
use super::*;
use crate::serving::Stop;

fn service(stop: &Stop, visibility_seconds: u64) -> Service {
    let service = Service::new((Ipv4Addr::LOCALHOST, 1).into(), stop.signal());
    let seconds = visibility_seconds.to_string();
    let request = CreateQueue {
        queue_name: Some("queue".to_owned()),
        attributes: BTreeMap::from([("VisibilityTimeout".to_owned(), seconds)]),
    };
    service.create_queue(request).unwrap();
    service
}

fn send(service: &Service, delay_seconds: u64) {
    let message = Outgoing {
        message_body: Some("body".to_owned()),
        delay_seconds: Some(delay_seconds),
        message_attributes: BTreeMap::new(),
        message_system_attributes: BTreeMap::new(),
    };
    let queue_url = Some("http://any/queue".to_owned());
    service
        .send_message(SendMessage { queue_url, message })
        .unwrap();
}

async fn receive(service: &Service, wait_seconds: u64) -> ReceivedMessages {
    let request = ReceiveMessage {
        queue_url: Some("queue".to_owned()),
        max_number_of_messages: None,
        visibility_timeout: None,
        wait_time_seconds: Some(wait_seconds),
        attribute_names: Vec::new(),
        message_system_attribute_names: Vec::new(),
        message_attribute_names: Vec::new(),
    };
    service.receive_message(request).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_waits_gets_a_message_the_moment_its_visibility_ends() {
    let stop = Stop::new();
    let service = service(&stop, 7);
    send(&service, 0);
    let started = Instant::now();
    assert_eq!(receive(&service, 0).await.messages.len(), 1);
    assert_eq!(receive(&service, 20).await.messages.len(), 1);
    let waited = started.elapsed();
    assert_eq!(waited.as_secs(), 7, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_waits_gets_a_delayed_message_the_moment_it_is_due() {
    let stop = Stop::new();
    let service = service(&stop, 30);
    send(&service, 15);
    let started = Instant::now();
    assert_eq!(receive(&service, 20).await.messages.len(), 1);
    assert_eq!(started.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_waits_is_woken_by_a_message_sent() {
    let stop = Stop::new();
    let service = service(&stop, 30);
    let started = Instant::now();
    let later = async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        send(&service, 0);
    };
    let (received, ()) = tokio::join!(receive(&service, 20), later);
    assert_eq!(
        (received.messages.len(), started.elapsed().as_secs()),
        (1, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_receive_waits_as_long_as_it_was_told_and_no_longer() {
    let stop = Stop::new();
    let service = service(&stop, 30);
    let started = Instant::now();
    assert!(receive(&service, 20).await.messages.is_empty());
    assert_eq!(started.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_receive_that_waits() {
    let stop = Stop::new();
    let service = service(&stop, 30);
    let started = Instant::now();
    let later = async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        drop(stop);
    };
    let (received, ()) = tokio::join!(receive(&service, 20), later);
    assert_eq!(
        (received.messages.len(), started.elapsed().as_secs()),
        (0, 3)
    );
}
