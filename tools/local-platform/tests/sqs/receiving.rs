//! Messages on their way out: visibility, receive counts, deletes and waiting.

use super::*;

#[tokio::test]
async fn receives_are_counted_and_timed() {
    let queue = Fixture::with(&[(QueueAttributeName::VisibilityTimeout, "0")]).await;
    queue.send("a").await;
    for count in ["1", "2", "3"] {
        let message = queue.receive().await.pop().unwrap();
        let value = |name| system(&message, &name);
        let counted = value(MessageSystemAttributeName::ApproximateReceiveCount);
        assert_eq!(counted.as_deref(), Some(count));
        let sent: u64 = value(MessageSystemAttributeName::SentTimestamp)
            .unwrap()
            .parse()
            .unwrap();
        let first = value(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp);
        assert!(first.unwrap().parse::<u64>().unwrap() >= sent);
        assert!(sent > 1_700_000_000_000, "milliseconds since 1970");
    }
}

#[tokio::test]
async fn a_message_given_back_with_visibility_zero_is_received_at_once() {
    let queue = Fixture::new().await;
    queue.send("a").await;
    let message = queue.receive().await.pop().unwrap();
    assert_eq!(queue.receive().await.len(), 0);
    assert_eq!(queue.counts().await, strings(["0", "1", "0"]));
    queue.change_visibility(&message, 0).await.unwrap();
    assert_eq!(queue.receive().await.len(), 1);
}

#[tokio::test]
async fn visibility_changes_are_refused_out_of_range_out_of_flight_and_after_the_delete() {
    let queue = Fixture::new().await;
    queue.send("a").await;
    let message = queue.receive().await.pop().unwrap();
    assert_eq!(
        queue.change_visibility(&message, 43_201).await.unwrap_err(),
        "InvalidParameterValue"
    );
    queue.change_visibility(&message, 0).await.unwrap();
    let refused = queue.change_visibility(&message, 10).await.unwrap_err();
    assert!(refused.ends_with("MessageNotInflight"), "{refused}");
    let delete = queue.client.delete_message().queue_url(&queue.url);
    delete
        .set_receipt_handle(message.receipt_handle.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(
        queue.change_visibility(&message, 10).await.unwrap_err(),
        "InvalidParameterValue"
    );
}

#[tokio::test]
async fn a_deleted_message_is_gone_and_may_be_deleted_again() {
    let queue = Fixture::new().await;
    queue.send("a").await;
    let message = queue.receive().await.pop().unwrap();
    for _ in 0..2 {
        let delete = queue.client.delete_message().queue_url(&queue.url);
        delete
            .set_receipt_handle(message.receipt_handle.clone())
            .send()
            .await
            .unwrap();
    }
    assert_eq!(queue.counts().await, strings(["0", "0", "0"]));
    let delete = queue
        .client
        .delete_message()
        .queue_url(&queue.url)
        .receipt_handle("made-up");
    let error = delete.send().await.unwrap_err().into_service_error();
    assert!(error.is_receipt_handle_is_invalid(), "{error:?}");
}

#[tokio::test]
async fn messages_received_too_often_go_to_the_dead_letter_queue() {
    let mut queue = Fixture::new().await;
    let dead_letters = queue.url.clone();
    let arn = {
        let read = queue.client.get_queue_attributes().queue_url(&dead_letters);
        let read = read
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .unwrap();
        read.attributes.unwrap()[&QueueAttributeName::QueueArn].clone()
    };
    assert_eq!(arn, "arn:aws:sqs:us-east-1:000000000000:queue");
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":"2"}}"#);
    let attributes = [
        (QueueAttributeName::RedrivePolicy, policy.as_str()),
        (QueueAttributeName::VisibilityTimeout, "0"),
    ];
    queue.url = create(&queue.client, "source", &attributes).await;
    queue.send("poison").await;
    assert_eq!(queue.receive().await.len(), 1);
    assert_eq!(queue.receive().await.len(), 1);
    assert_eq!(queue.receive().await.len(), 0);
    queue.url = dead_letters;
    let dead = queue.receive().await.pop().unwrap();
    let source = system(&dead, &MessageSystemAttributeName::DeadLetterQueueSourceArn);
    assert_eq!(
        source.as_deref(),
        Some("arn:aws:sqs:us-east-1:000000000000:source")
    );
}

#[tokio::test]
async fn a_receive_that_waits_gets_a_message_sent_meanwhile() {
    let queue = Fixture::new().await;
    let waiting = queue
        .client
        .receive_message()
        .queue_url(&queue.url)
        .wait_time_seconds(20);
    // Whether the receive waits already or not, it must get the message.
    let both = Box::pin(async { tokio::join!(waiting.send(), queue.send("a")) });
    let (received, ()) = timeout(PATIENCE, both).await.unwrap();
    assert_eq!(received.unwrap().messages().len(), 1);
}

#[tokio::test]
async fn a_receive_waits_as_long_as_it_may_and_then_returns_nothing() {
    let queue = Fixture::new().await;
    let started = Instant::now();
    let waiting = queue
        .client
        .receive_message()
        .queue_url(&queue.url)
        .wait_time_seconds(1);
    assert!(waiting.send().await.unwrap().messages().is_empty());
    assert!(started.elapsed() >= Duration::from_secs(1));
    let too_long = queue
        .client
        .receive_message()
        .queue_url(&queue.url)
        .wait_time_seconds(21);
    assert_eq!(
        code(&too_long.send().await.unwrap_err()),
        "InvalidParameterValue"
    );
    let none = queue
        .client
        .receive_message()
        .queue_url(&queue.url)
        .max_number_of_messages(0);
    assert_eq!(
        code(&none.send().await.unwrap_err()),
        "InvalidParameterValue"
    );
}

#[tokio::test]
async fn one_receive_takes_at_most_the_number_asked_for() {
    let queue = Fixture::new().await;
    for body in ["a", "b", "c"] {
        queue.send(body).await;
    }
    let receive = || queue.client.receive_message().queue_url(&queue.url);
    assert_eq!(receive().send().await.unwrap().messages().len(), 1);
    let two = receive().max_number_of_messages(10).send().await.unwrap();
    assert_eq!(two.messages().len(), 2);
}

#[tokio::test]
async fn a_batch_of_deletes_reports_each_entry() {
    let queue = Fixture::new().await;
    queue.send("a").await;
    let message = queue.receive().await.pop().unwrap();
    let entry = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(handle)
            .build()
            .unwrap()
    };
    let deleted = queue
        .client
        .delete_message_batch()
        .queue_url(&queue.url)
        .entries(entry("good", message.receipt_handle().unwrap()))
        .entries(entry("bad", "made-up"))
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.successful()[0].id(), "good");
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
    assert_eq!(queue.counts().await, strings(["0", "0", "0"]));
}
