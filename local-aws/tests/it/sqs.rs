//! SQS as its SDK sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::support::{open, outcome, start};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use chrono::DateTime;
use local_aws::LocalAws;
use local_aws::seam::{Failure, Fault, Faults};

fn client(aws: &LocalAws) -> Client {
    Client::new(&aws.sdk_config())
}

async fn create(sqs: &Client, name: &str, seconds: &str) -> String {
    let create = sqs.create_queue().queue_name(name).attributes(QueueAttributeName::VisibilityTimeout, seconds);
    outcome(create.send().await, |answer| answer.queue_url.unwrap())
}

async fn send(sqs: &Client, url: &str, body: &str) -> String {
    sqs.send_message().queue_url(url).message_body(body).send().await.unwrap().message_id.unwrap()
}

async fn receive(sqs: &Client, url: &str) -> Vec<Message> {
    let receive = sqs.receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(5);
    receive.send().await.unwrap().messages.unwrap_or_default()
}

async fn delete(sqs: &Client, url: &str, receipt: &str) -> String {
    outcome(sqs.delete_message().queue_url(url).receipt_handle(receipt).send().await, |_| "ok".to_owned())
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

#[tokio::test]
async fn queues_are_made_once_and_found_by_name() {
    let (aws, _folder) = start();
    let sqs = client(&aws);
    let url = create(&sqs, "failed-events", "30").await;
    assert_eq!(url, "https://sqs.us-east-1.amazonaws.com/000000000000/failed-events");
    assert_eq!(create(&sqs, "failed-events", "30").await, url);
    assert_eq!(create(&sqs, "failed-events", "31").await, "400 QueueAlreadyExists");
    assert_eq!(create(&sqs, "failed.events", "30").await, "400 InvalidParameterValue");
    assert_eq!(create(&sqs, "other", "soon").await, "400 InvalidParameterValue");
    let found = |name: &'static str| sqs.get_queue_url().queue_name(name).send();
    assert_eq!(found("failed-events").await.unwrap().queue_url.unwrap(), url);
    assert!(found("other").await.unwrap_err().into_service_error().is_queue_does_not_exist());
}

#[tokio::test]
async fn a_received_message_is_hidden_until_its_time_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let seconds = Arc::new(AtomicI64::new(1_800_000_000));
    let now = Arc::clone(&seconds);
    let clock = Arc::new(move || DateTime::from_timestamp(now.load(Ordering::Relaxed), 0).unwrap());
    let aws = LocalAws::open(folder.path(), clock).unwrap();
    let sqs = client(&aws);
    let url = create(&sqs, "q", "30").await;
    send(&sqs, &url, "one").await;
    send(&sqs, &url, "zwei ü").await;
    let first = receive(&sqs, &url).await;
    assert_eq!(bodies(&first), ["one", "zwei ü"]);
    assert_eq!(first[0].md5_of_body(), Some("f97c5d29941bfb1b2fdab0874906ab82"));
    seconds.fetch_add(29, Ordering::Relaxed);
    assert_eq!(bodies(&receive(&sqs, &url).await), [""; 0]);
    seconds.fetch_add(1, Ordering::Relaxed);
    let again = receive(&sqs, &url).await;
    assert_eq!(bodies(&again), ["one", "zwei ü"]);
    assert_eq!(again[0].message_id(), first[0].message_id());
    // The second receiver has the message now, not the first.
    assert_eq!(delete(&sqs, &url, first[0].receipt_handle().unwrap()).await, "ok");
    assert_eq!(delete(&sqs, &url, again[1].receipt_handle().unwrap()).await, "ok");
    assert_eq!(delete(&sqs, &url, "anything").await, "400 ReceiptHandleIsInvalid");
    seconds.fetch_add(30, Ordering::Relaxed);
    assert_eq!(bodies(&receive(&sqs, &url).await), ["one"]);
}

#[tokio::test]
async fn queues_outlive_the_process_and_ids_are_not_drawn_again() {
    let (aws, folder) = start();
    let sqs = client(&aws);
    let url = create(&sqs, "q", "0").await;
    let ids = [send(&sqs, &url, "gone").await, send(&sqs, &url, "kept").await];
    let received = receive(&sqs, &url).await;
    assert_eq!(delete(&sqs, &url, received[0].receipt_handle().unwrap()).await, "ok");
    drop((sqs, aws));
    for _ in 0..2 {
        let aws = open(folder.path());
        let found = receive(&client(&aws), &url).await;
        assert_eq!((bodies(&found), found[0].message_id()), (vec!["kept"], Some(ids[1].as_str())));
    }
    let aws = open(folder.path());
    let sqs = client(&aws);
    let last = receive(&sqs, &url).await.remove(0);
    delete(&sqs, &url, last.receipt_handle().unwrap()).await;
    drop((sqs, aws));
    let sqs = client(&open(folder.path()));
    assert!(!ids.contains(&send(&sqs, &url, "new").await));
}

#[tokio::test]
async fn what_cannot_be_is_named() {
    let (aws, _folder) = start();
    let sqs = client(&aws);
    let url = create(&sqs, "q", "30").await;
    let send = |url: &str, body: &str| sqs.send_message().queue_url(url).message_body(body).send();
    let sent = |answer| outcome(answer, |_: aws_sdk_sqs::operation::send_message::SendMessageOutput| "ok".to_owned());
    assert_eq!(sent(send("https://x/1/other", "b").await), "400 AWS.SimpleQueueService.NonExistentQueue");
    assert_eq!(sent(send(&url, "").await), "400 InvalidParameterValue");
    assert_eq!(sent(send(&url, &"x".repeat(1024 * 1024 + 1)).await), "400 InvalidParameterValue");
    let receive = sqs.receive_message().queue_url(&url).max_number_of_messages(11).send().await;
    assert_eq!(outcome(receive, |_| "ok".to_owned()), "400 InvalidParameterValue");
    let attributes = sqs.get_queue_attributes().queue_url(&url).send().await;
    assert_eq!(outcome(attributes, |_| "ok".to_owned()), "400 AWS.SimpleQueueService.UnsupportedOperation");
}

/// The SDK repeats a call that failed on the side of the service.
#[tokio::test(start_paused = true)]
async fn calls_pass_the_seam() {
    let (aws, _folder) = start();
    let sqs = client(&aws.as_caller("replay"));
    let url = create(&sqs, "q", "30").await;
    aws.inject(Faults::listed([
        (1, Fault::Before(Failure::Throttled)),
        (3, Fault::Before(Failure::Internal)),
        (5, Fault::After(Failure::Reset)),
    ]));
    send(&sqs, &url, "one").await;
    assert_eq!(bodies(&receive(&sqs, &url).await), ["one"]);
    // The answer was lost, so the SDK sent the message again.
    send(&sqs, &url, "two").await;
    assert_eq!(bodies(&receive(&sqs, &url).await), ["two", "two"]);
    let trace: Vec<String> = aws.trace().iter().map(ToString::to_string).collect();
    let queue = "arn:aws:sqs:us-east-1:000000000000:q";
    assert_eq!(trace[0], format!("1 replay sqs:SendMessage {queue} (before: Throttled) -> not carried out"));
    assert_eq!(trace[3], format!("4 replay sqs:ReceiveMessage {queue} -> 200"));
    assert_eq!(trace.len(), 7, "{trace:#?}");
}
