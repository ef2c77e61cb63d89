//! Queues themselves, and requests that are refused for their form.

use super::*;

#[tokio::test]
async fn a_dead_letter_target_must_exist() {
    let queue = Fixture::new().await;
    let policy =
        r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:no","maxReceiveCount":1}"#;
    let create = queue.client.create_queue().queue_name("source");
    let refused = create
        .attributes(QueueAttributeName::RedrivePolicy, policy)
        .send()
        .await;
    assert_eq!(code(&refused.unwrap_err()), "InvalidParameterValue");
}

#[tokio::test]
async fn a_purge_removes_every_message() {
    let queue = Fixture::new().await;
    for body in ["a", "b"] {
        queue.send(body).await;
    }
    assert_eq!(queue.receive().await.len(), 2);
    queue.send("c").await;
    queue
        .client
        .purge_queue()
        .queue_url(&queue.url)
        .send()
        .await
        .unwrap();
    assert_eq!(queue.counts().await, strings(["0", "0", "0"]));
}

#[tokio::test]
async fn a_queue_is_created_once_and_found_by_its_name() {
    let queue = Fixture::new().await;
    assert_eq!(queue.url, queue.server.queue_url("queue"));
    assert_eq!(create(&queue.client, "queue", &[]).await, queue.url);
    let found = queue
        .client
        .get_queue_url()
        .queue_name("queue")
        .send()
        .await
        .unwrap();
    assert_eq!(found.queue_url(), Some(queue.url.as_str()));
    let other = queue.client.create_queue().queue_name("queue");
    let other = other
        .attributes(QueueAttributeName::VisibilityTimeout, "31")
        .send()
        .await;
    let error = other.unwrap_err().into_service_error();
    assert!(error.is_queue_name_exists(), "{error:?}");
    let fifo = queue
        .client
        .create_queue()
        .queue_name("queue.fifo")
        .send()
        .await
        .unwrap_err();
    assert!(code(&fifo).ends_with("UnsupportedOperation"), "{fifo:?}");
}

#[tokio::test]
async fn queues_are_listed_by_prefix_and_page() {
    let queue = Fixture::new().await;
    for name in ["a-1", "a-2", "a-3"] {
        create(&queue.client, name, &[]).await;
    }
    let list = || queue.client.list_queues().queue_name_prefix("a-");
    let first = list().max_results(2).send().await.unwrap();
    assert_eq!(first.queue_urls().len(), 2);
    let rest = list()
        .set_next_token(first.next_token.clone())
        .max_results(2)
        .send()
        .await
        .unwrap();
    assert_eq!(rest.queue_urls(), [queue.server.queue_url("a-3")]);
    assert_eq!(rest.next_token(), None);
    assert_eq!(
        queue
            .client
            .list_queues()
            .send()
            .await
            .unwrap()
            .queue_urls()
            .len(),
        4
    );
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_named_as_such_in_both_protocols() {
    let queue = Fixture::new().await;
    let url = queue.server.queue_url("unknown");
    let send = queue
        .client
        .send_message()
        .queue_url(&url)
        .message_body("a")
        .send()
        .await;
    let error = send.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
    let response = reqwest::Client::new()
        .post(queue.server.endpoint())
        .header("X-Amz-Target", "AmazonSQS.GetQueueUrl")
        .body(r#"{"QueueName":"unknown"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
    let code = &response.headers()["x-amzn-query-error"];
    assert_eq!(code, "AWS.SimpleQueueService.NonExistentQueue;Sender");
    let document: serde_json::Value = response.json().await.unwrap();
    assert_eq!(document["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let queue = Fixture::new().await;
    for (target, body, expected) in [
        ("AmazonSQS.Unknown", "{}", "UnsupportedOperation"),
        ("Other.Thing", "{}", "UnknownOperationException"),
        ("AmazonSQS.SendMessage", "{", "SerializationException"),
        (
            "AmazonSQS.SendMessage",
            "{}",
            "MissingRequiredParameterException",
        ),
    ] {
        let post = reqwest::Client::new()
            .post(queue.server.endpoint())
            .body(body);
        let response = post.header("X-Amz-Target", target).send().await.unwrap();
        assert_eq!(response.status(), 400, "{target}");
        let document: serde_json::Value = response.json().await.unwrap();
        assert!(
            document["__type"].as_str().unwrap().ends_with(expected),
            "{document}"
        );
    }
}
