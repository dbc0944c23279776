//! Faults, gates and the trace, as a client meets them.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{outcome, start};
use aws_config::timeout::TimeoutConfig;
use aws_sdk_glue::types::{Column, DatabaseInput, PartitionInput, PartitionValueList, TableInput};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use bytes::Bytes;
use futures::FutureExt;
use local_aws::LocalAws;
use local_aws::firehose::Function;
use local_aws::seam::{Failure, Fault, Faults};
use tokio::time::Instant;

/// A client of `aws` that tries once and gives up after 60 seconds.
fn once(aws: &LocalAws) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(60)).build();
    let config = Builder::from(&aws.sdk_config()).force_path_style(true).timeout_config(timeouts);
    Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

async fn put(s3: &Client, key: &str) -> String {
    let answer = s3.put_object().bucket("bucket").key(key).body(b"one".to_vec().into()).if_none_match("*").send().await;
    match &answer {
        Err(error) if error.raw_response().is_none() => kind(error).to_owned(),
        _ => outcome(answer, |_| "ok".to_owned()),
    }
}

async fn get(s3: &Client, key: &str) -> String {
    match s3.get_object().bucket("bucket").key(key).send().await {
        Err(error) if error.raw_response().is_none() => kind(&error).to_owned(),
        Err(error) => outcome::<(), _>(Err(error), |()| String::new()),
        Ok(answer) => match answer.body.collect().await {
            Ok(body) => String::from_utf8(body.to_vec()).unwrap(),
            Err(_) => "body broken off".to_owned(),
        },
    }
}

fn kind<E>(error: &aws_sdk_s3::error::SdkError<E>) -> &'static str {
    match error {
        aws_sdk_s3::error::SdkError::TimeoutError(_) => "timeout",
        aws_sdk_s3::error::SdkError::DispatchFailure(_) => "no answer",
        _ => "other",
    }
}

fn lines(aws: &LocalAws) -> Vec<String> {
    aws.trace().iter().map(ToString::to_string).collect()
}

/// Puts a new key under `fault`, then reads it.
async fn check(fault: Fault, put_says: &str, then_get_says: &str, traced: &str) {
    let (aws, _folder) = start();
    let s3 = once(&aws);
    aws.inject(Faults::listed([(1, fault.clone())]));
    assert_eq!((put(&s3, "a").await.as_str(), get(&s3, "a").await.as_str()), (put_says, then_get_says), "{fault}");
    assert_eq!(lines(&aws)[0], format!("1 local s3:PutObject arn:aws:s3:::bucket/a if-none-match=* {traced}"));
}

#[tokio::test(start_paused = true)]
async fn a_call_fails_before_or_after_it_is_carried_out() {
    let missing = "404 NoSuchKey";
    for (failure, says) in [
        (Failure::SlowDown, "503 SlowDown"),
        (Failure::Throttled, "503 ServiceUnavailable"),
        (Failure::Internal, "500 InternalError"),
        (Failure::Conflict, "409 ConditionalRequestConflict"),
        (Failure::Expired, "403 RequestTimeTooSkewed"),
        (Failure::Reset, "no answer"),
        (Failure::Silence, "timeout"),
    ] {
        check(Fault::Before(failure), says, missing, &format!("(before: {failure:?}) -> not carried out")).await;
        check(Fault::After(failure), says, "one", &format!("(after: {failure:?}) -> 200")).await;
    }
    check(Fault::Torn, "no answer", "one", "(torn) -> 200").await;
    check(Fault::Slow(Duration::from_secs(59)), "ok", "one", "(slow: 59s) -> 200").await;
    check(Fault::Slow(Duration::from_secs(61)), "timeout", "one", "(slow: 61s) -> 200").await;
}

#[tokio::test(start_paused = true)]
async fn a_late_call_takes_effect_when_nobody_waits_any_more() {
    let (aws, _folder) = start();
    let s3 = once(&aws);
    aws.inject(Faults::listed([(1, Fault::Late(Duration::from_secs(120)))]));
    let started = Instant::now();
    assert_eq!(put(&s3, "a").await, "timeout");
    assert_eq!((started.elapsed().as_secs(), get(&s3, "a").await.as_str()), (60, "404 NoSuchKey"));
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(get(&s3, "a").await, "one");
    let numbers: Vec<u64> = aws.trace().iter().map(|traced| traced.number).collect();
    assert_eq!(numbers, [2, 1, 3], "the trace is in the order of effect");
}

#[tokio::test(start_paused = true)]
async fn a_body_breaks_off() {
    let (aws, _folder) = start();
    let s3 = once(&aws);
    put(&s3, "a").await;
    aws.inject(Faults::by(|_, call| (call.name == "GetObject").then_some(Fault::Torn)));
    assert_eq!(get(&s3, "a").await, "body broken off");
}

#[tokio::test(start_paused = true)]
async fn the_sdk_retries_what_fails_once() {
    let (aws, _folder) = start();
    // If the reply to a conditional write is lost, its retry is refused.
    for (fault, says) in [
        (Fault::Before(Failure::SlowDown), "ok"),
        (Fault::Before(Failure::Throttled), "ok"),
        (Fault::Before(Failure::Reset), "ok"),
        (Fault::After(Failure::Internal), "412 PreconditionFailed"),
        (Fault::After(Failure::Reset), "412 PreconditionFailed"),
    ] {
        aws.inject(Faults::listed([(1, fault.clone())]));
        assert_eq!(put(&aws.s3(), &fault.to_string()).await, says, "{fault}");
        assert_eq!(aws.trace().len(), 2, "{fault}");
    }
    aws.inject(Faults::listed([(1, Fault::Before(Failure::Throttled)), (2, Fault::Before(Failure::Internal))]));
    let databases = aws.glue().get_databases().send().await;
    assert_eq!(outcome(databases, |_| "ok".to_owned()), "ok");
    assert_eq!(aws.trace().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_process_ends_and_the_others_go_on() {
    let (aws, _folder) = start();
    let (first, second) = (aws.as_caller("first"), aws.as_caller("second"));
    for (end, left) in [(Fault::Before(Failure::End), "404 NoSuchKey"), (Fault::After(Failure::End), "one")] {
        let key = end.to_string();
        aws.inject(Faults::listed([(2, end)]));
        let (s3, other) = (first.s3(), second.s3());
        let life = async {
            put(&s3, &format!("{key}/before")).await;
            put(&s3, &key).await;
            put(&s3, &format!("{key}/never")).await;
        };
        tokio::select! {
            () = life => panic!("the process must not outlive its end"),
            () = first.ended() => {}
        }
        let beyond = tokio::time::timeout(Duration::from_secs(3600), get(&s3, &key)).await;
        assert!(beyond.is_err(), "no call of an ended process is answered");
        assert_eq!(get(&other, &format!("{key}/before")).await, "one");
        assert_eq!(get(&other, &key).await, left);
        assert_eq!(get(&other, &format!("{key}/never")).await, "404 NoSuchKey");
        aws.inject(Faults::none());
        assert_eq!(get(&s3, &format!("{key}/before")).await, "one", "started anew");
    }
}

#[tokio::test(start_paused = true)]
async fn gates_open_in_the_order_of_a_schedule() {
    for order in [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]] {
        let (aws, _folder) = start();
        aws.inject(Faults::none());
        let gates = aws.hold();
        let calls: Vec<_> = ["a", "b", "c"]
            .map(|name| {
                let s3 = aws.as_caller(name).s3();
                tokio::spawn(async move { put(&s3, "same").await })
            })
            .into();
        gates.settled().await;
        let held: Vec<String> = gates.held().iter().map(|held| held.call.caller.to_string()).collect();
        assert_eq!(held, ["a", "b", "c"]);
        for name in order {
            assert!(gates.open_for(name));
            gates.settled().await;
        }
        assert!(!gates.open_for("a"), "there is nothing left to open");
        let outcome = futures::future::join_all(calls).await;
        let won = outcome.iter().position(|outcome| outcome.as_ref().unwrap() == "ok").unwrap();
        assert_eq!(["a", "b", "c"][won], order[0], "who comes first wins");
        let traced: Vec<String> = aws.trace().iter().map(|traced| traced.call.caller.to_string()).collect();
        assert_eq!(traced, order);
    }
}

#[tokio::test(start_paused = true)]
async fn gates_hold_whom_they_are_told_to() {
    let (aws, _folder) = start();
    let gates = aws.hold_if(|call| &*call.caller == "slow");
    let slow = aws.as_caller("slow").s3();
    let slow = tokio::spawn(async move { put(&slow, "same").await });
    assert_eq!(put(&aws.as_caller("quick").s3(), "same").await, "ok");
    gates.settled().await;
    assert!(gates.open_for("slow"));
    assert_eq!(slow.await.unwrap(), "412 PreconditionFailed");
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waits_at_no_gate_and_dropped_gates_let_all_go() {
    let (aws, _folder) = start();
    let gates = aws.hold();
    let s3 = once(&aws);
    assert_eq!(put(&s3, "a").await, "timeout");
    assert_eq!(gates.held(), []);
    let waiting = tokio::spawn(async move { put(&s3, "a").await });
    gates.settled().await;
    assert_eq!(gates.held().len(), 1);
    drop(gates);
    assert_eq!(waiting.await.unwrap(), "ok");
}

#[tokio::test(start_paused = true)]
async fn an_observer_goes_past_the_seam() {
    let (aws, _folder) = start();
    aws.inject(Faults::by(|_, _| Some(Fault::Before(Failure::Reset))));
    let gates = aws.hold();
    assert_eq!(put(&aws.as_observer().s3(), "a").await, "ok");
    assert_eq!((gates.held(), aws.trace()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn one_entry_of_a_batch_fails() {
    let (aws, _folder) = start();
    let (s3, glue) = (aws.s3(), aws.glue());
    for key in ["a", "b", "c"] {
        put(&s3, key).await;
    }
    glue.create_database().database_input(DatabaseInput::builder().name("d").build().unwrap()).send().await.unwrap();
    let key = Column::builder().name("hour").build().unwrap();
    let table = TableInput::builder().name("t").partition_keys(key).build().unwrap();
    glue.create_table().database_name("d").table_input(table).send().await.unwrap();

    aws.inject(Faults::by(|_, _| Some(Fault::Entry(4))));
    let keys = ["a", "b", "c"].map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(keys.to_vec())).build().unwrap();
    let deleted = s3.delete_objects().bucket("bucket").delete(delete).send().await.unwrap();
    let errors: Vec<_> = deleted.errors().iter().map(|it| (it.key().unwrap(), it.code().unwrap())).collect();
    assert_eq!((deleted.deleted().len(), errors), (2, vec![("b", "InternalError")]));
    assert_eq!((get(&s3, "a").await.as_str(), get(&s3, "b").await.as_str()), ("404 NoSuchKey", "one"));

    let partitions = ["1", "2", "3"].map(|hour| PartitionInput::builder().values(hour).build());
    let create = glue.batch_create_partition().database_name("d").table_name("t");
    let created = create.set_partition_input_list(Some(partitions.to_vec())).send().await.unwrap();
    let errors: Vec<_> = created.errors().iter().map(|it| it.partition_values().join(",")).collect();
    let code = created.errors()[0].error_detail().unwrap().error_code();
    assert_eq!((errors, code), (vec!["2".to_owned()], Some("InternalServiceException")));
    let values = ["1", "3"].map(|hour| PartitionValueList::builder().values(hour).build().unwrap());
    let ask = glue.batch_get_partition().database_name("d").table_name("t");
    let got = ask.set_partitions_to_get(Some(values.to_vec())).send().await.unwrap();
    let got: Vec<_> = got.partitions().iter().map(|it| it.values().join(",")).collect();
    assert_eq!(got, ["3"], "entry 4 of two is the first");
}

#[tokio::test(start_paused = true)]
async fn invocations_are_calls_too() {
    let (aws, _folder) = start();
    let echo: Function = Arc::new(|payload: Bytes| async move { Ok(payload) }.boxed());
    let echo = aws.as_caller("firehose").function("transform", echo);
    aws.inject(Faults::listed([(1, Fault::Before(Failure::Throttled)), (2, Fault::After(Failure::Silence))]));
    let mut outcome = Vec::new();
    for _ in 0..3 {
        outcome.push(echo(Bytes::from_static(b"hello")).await.map_err(|error| error.error_type));
    }
    let errors = ["TooManyRequestsException", "Sandbox.Timedout"].map(|name| Err(name.to_owned()));
    assert_eq!(outcome, [errors[0].clone(), errors[1].clone(), Ok(Bytes::from_static(b"hello"))]);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:transform";
    assert_eq!(lines(&aws)[2], format!("3 firehose lambda:Invoke {arn} -> 200"));
}

/// Writes, reads and lists under random faults. Returns the trace as text and the time it took.
async fn under_faults(seed: u64) -> (String, Duration) {
    let (aws, _folder) = start();
    aws.inject(Faults::seeded(
        seed,
        [
            (0.10, Fault::Before(Failure::SlowDown)),
            (0.05, Fault::Before(Failure::Throttled)),
            (0.10, Fault::Before(Failure::Reset)),
            (0.05, Fault::After(Failure::Reset)),
            (0.05, Fault::Torn),
            (0.02, Fault::Slow(Duration::from_secs(3))),
        ],
    ));
    let (s3, glue, started) = (aws.s3(), aws.glue(), Instant::now());
    for number in 0..50 {
        let key = format!("{}", number % 20);
        put(&s3, &key).await;
        get(&s3, &key).await;
        // Some of these fail after all retries. The trace shows which.
        let _ = s3.list_objects_v2().bucket("bucket").send().await;
        let _ = glue.get_databases().send().await;
    }
    (lines(&aws).join("\n"), started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_seed_gives_the_same_trace_byte_for_byte() {
    let (first, again, other) = (under_faults(7).await, under_faults(7).await, under_faults(8).await);
    assert_eq!(first, again);
    assert_ne!(first.0, other.0);
    for fault in ["before: SlowDown", "before: Throttled", "before: Reset", "after: Reset", "torn", "slow: 3s"] {
        assert!(first.0.contains(fault), "{fault} was never drawn");
    }
    let failed = first.0.lines().filter(|line| line.contains(" (")).count() as f64 / first.0.lines().count() as f64;
    assert!((0.30..0.44).contains(&failed), "{failed} of the calls met a fault, of 0.37");
}
