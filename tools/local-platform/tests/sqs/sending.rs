//! Messages and batches on their way in: what is taken, what is refused, what comes back.

use super::*;

#[tokio::test]
async fn a_message_comes_back_with_its_attributes_and_digests() {
    let queue = Fixture::new().await;
    let binary = MessageAttributeValue::builder()
        .data_type("Binary.gzip")
        .binary_value(Blob::new([0, 255]))
        .build()
        .unwrap();
    let number = MessageAttributeValue::builder()
        .data_type("Number")
        .string_value("7")
        .build()
        .unwrap();
    let sent = queue
        .client
        .send_message()
        .queue_url(&queue.url)
        .message_body("This is a test message")
        .message_attributes("code", string("permanent"))
        .message_attributes("payload", binary.clone())
        .message_attributes("attempts", number)
        .send()
        .await
        .unwrap();
    assert_eq!(
        sent.md5_of_message_body(),
        Some("fafb00f5732ab283681e124bf8747ed1")
    );
    let message = queue.receive().await.pop().unwrap();
    assert_eq!(message.body(), Some("This is a test message"));
    assert_eq!(message.md5_of_body(), sent.md5_of_message_body());
    assert_eq!(message.message_id(), sent.message_id());
    assert!(message.md5_of_message_attributes().is_some());
    assert_eq!(
        message.md5_of_message_attributes(),
        sent.md5_of_message_attributes()
    );
    let attributes = message.message_attributes.unwrap();
    assert_eq!((attributes.len(), &attributes["payload"]), (3, &binary));
}

#[tokio::test]
async fn only_the_attributes_asked_for_come_back() {
    let queue = Fixture::new().await;
    let send = queue
        .client
        .send_message()
        .queue_url(&queue.url)
        .message_body("a")
        .message_attributes("trace.id", string("1"))
        .message_attributes("trace.state", string("2"))
        .message_attributes("code", string("3"));
    send.send().await.unwrap();
    for (wanted, count) in [("trace.*", 2), ("code", 1), ("All", 3), ("none", 0)] {
        let receive = queue.client.receive_message().queue_url(&queue.url);
        let received = receive
            .visibility_timeout(0)
            .message_attribute_names(wanted)
            .send()
            .await
            .unwrap();
        let message = received.messages.unwrap().pop().unwrap();
        let attributes = message.message_attributes.unwrap_or_default();
        assert_eq!(attributes.len(), count, "{wanted}");
        assert_eq!(message.md5_of_message_attributes.is_some(), count > 0);
        assert_eq!(message.attributes, None);
    }
}

#[tokio::test]
async fn a_batch_succeeds_and_fails_entry_by_entry() {
    let queue = Fixture::with(&[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
    let sent = queue
        .client
        .send_message_batch()
        .queue_url(&queue.url)
        .entries(entry("good", "a"))
        .entries(entry("large", "a".repeat(1_025)))
        .entries(entry("bad", "\u{1}"))
        .send()
        .await
        .unwrap();
    let good: Vec<_> = sent
        .successful()
        .iter()
        .map(aws_sdk_sqs::types::SendMessageBatchResultEntry::id)
        .collect();
    assert_eq!(good, ["good"]);
    let failed: Vec<_> = sent
        .failed()
        .iter()
        .map(|it| (it.id(), it.code(), it.sender_fault()))
        .collect();
    let expected = [
        ("large", "InvalidParameterValue", true),
        ("bad", "InvalidMessageContents", true),
    ];
    assert_eq!(failed, expected);
    assert_eq!(queue.counts().await, strings(["1", "0", "0"]));
}

#[tokio::test]
async fn a_batch_is_refused_whole_for_its_number_its_ids_and_its_size() {
    let queue = Fixture::new().await;
    let half = "a".repeat(MESSAGE_BYTES_MAX / 2);
    let cases = [
        (Vec::new(), "EmptyBatchRequest"),
        (
            (0..11).map(|id| entry(&id.to_string(), "a")).collect(),
            "TooManyEntriesInBatchRequest",
        ),
        (
            vec![entry("a", "a"), entry("a", "b")],
            "BatchEntryIdsNotDistinct",
        ),
        (vec![entry("a b", "a")], "InvalidBatchEntryId"),
        (
            vec![
                entry("a", half.clone()),
                entry("b", half.clone()),
                entry("c", "a"),
            ],
            "BatchRequestTooLong",
        ),
    ];
    for (entries, expected) in cases {
        let send = queue.client.send_message_batch().queue_url(&queue.url);
        let refused = send.set_entries(Some(entries)).send().await.unwrap_err();
        assert!(
            code(&refused).ends_with(expected),
            "{expected}: {refused:?}"
        );
    }
    let full = queue.client.send_message_batch().queue_url(&queue.url);
    let full = full
        .entries(entry("a", half.clone()))
        .entries(entry("b", half));
    assert_eq!(full.send().await.unwrap().successful().len(), 2);
}

#[tokio::test]
async fn a_message_of_1_mib_is_taken_and_one_more_byte_is_refused() {
    let queue = Fixture::new().await;
    queue.send(&"\n".repeat(MESSAGE_BYTES_MAX)).await;
    let send = |body: String| {
        queue
            .client
            .send_message()
            .queue_url(&queue.url)
            .message_body(body)
    };
    let over = send("a".repeat(MESSAGE_BYTES_MAX + 1))
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&over), "InvalidParameterValue");
    let with_attribute = send("a".repeat(MESSAGE_BYTES_MAX - 8));
    let over = with_attribute
        .message_attributes("ab", string("c"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&over), "InvalidParameterValue");
    assert_eq!(
        queue.receive().await[0].body().unwrap().len(),
        MESSAGE_BYTES_MAX
    );
}

#[tokio::test]
async fn a_delayed_message_is_counted_and_not_received() {
    let queue = Fixture::new().await;
    let send = queue
        .client
        .send_message()
        .queue_url(&queue.url)
        .message_body("a");
    send.delay_seconds(900).send().await.unwrap();
    assert_eq!(queue.receive().await.len(), 0);
    assert_eq!(queue.counts().await, strings(["0", "0", "1"]));
}
