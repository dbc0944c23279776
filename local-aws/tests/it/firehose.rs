//! Firehose's stand-in over the embedded S3, with transforms that the tests define.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use flate2::read::MultiGzDecoder;
use local_aws::LocalAws;
use local_aws::firehose::{Delivered, Firehose, FirehoseError, Function, FunctionError, Settings};
use local_aws::seam::{Failure, Fault, Faults};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

const BUCKET: &str = "logs-bucket";

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The payloads that a function was called with.
type Calls = Arc<Mutex<Vec<Value>>>;

/// A function that answers by `answer` and keeps the payloads it gets.
fn function(answer: impl Fn(&Value) -> Result<Value, &'static str> + Send + Sync + 'static) -> (Function, Calls) {
    let calls = Calls::default();
    let kept = Arc::clone(&calls);
    let function: Function = Arc::new(move |payload| {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        let answered = answer(&event);
        kept.lock().unwrap().push(event);
        let error = |message: &str| FunctionError { error_type: "Test".into(), message: message.into() };
        Box::pin(async move { answered.map(|value| Bytes::from(value.to_string())).map_err(error) })
    });
    (function, calls)
}

/// A transform that answers each record by its content: a line, `drop` or `fail`.
fn lines(event: &Value) -> Result<Value, &'static str> {
    let answers = event["records"].as_array().unwrap().iter().map(|record| {
        let text = text(&record["data"]);
        let result = match text.as_str() {
            "drop" => "Dropped",
            "fail" => "ProcessingFailed",
            _ => "Ok",
        };
        json!({"recordId": record["recordId"], "result": result, "data": STANDARD.encode(text + "\n")})
    });
    Ok(json!({"records": answers.collect::<Vec<_>>()}))
}

fn text(base64: &Value) -> String {
    String::from_utf8(STANDARD.decode(base64.as_str().unwrap()).unwrap()).unwrap()
}

struct Stream {
    aws: LocalAws,
    firehose: Firehose,
    transformed: Calls,
    created: Calls,
    _folder: TempDir,
}

impl Stream {
    fn new(answer: impl Fn(&Value) -> Result<Value, &'static str> + Send + Sync + 'static) -> Stream {
        Stream::with(answer, |_| Ok(Value::Null), |_| {})
    }

    fn with(
        answer: impl Fn(&Value) -> Result<Value, &'static str> + Send + Sync + 'static,
        taken: impl Fn(&Value) -> Result<Value, &'static str> + Send + Sync + 'static,
        set: impl FnOnce(&mut Settings),
    ) -> Stream {
        let folder = TempDir::new().unwrap();
        let aws = LocalAws::open(folder.path(), Arc::new(|| moment("2026-11-20T13:00:00Z"))).unwrap();
        aws.create_bucket(BUCKET).unwrap();
        let mut settings = Settings::new("auth0", BUCKET, Uuid::from_u128(7));
        set(&mut settings);
        let ((transform, transformed), (created_function, created)) = (function(answer), function(taken));
        let firehose = Firehose::new(settings, aws.s3(), transform, created_function);
        Stream { aws, firehose, transformed, created, _folder: folder }
    }

    async fn put(&mut self, record: &str, arrival: &str) {
        self.firehose.put(Bytes::from(record.to_string()), moment(arrival)).await.unwrap();
    }

    async fn flush(&mut self, now: &str) -> &Delivered {
        self.firehose.flush(moment(now)).await.unwrap();
        self.firehose.delivered()
    }

    /// The records of each batch.
    fn batches(&self) -> Vec<Vec<String>> {
        let calls = self.transformed.lock().unwrap();
        let records = |event: &Value| event["records"].as_array().unwrap().clone();
        calls.iter().map(|event| records(event).iter().map(|record| text(&record["data"])).collect()).collect()
    }

    /// Every object by its key, decompressed.
    async fn objects(&self) -> BTreeMap<String, String> {
        let s3 = self.aws.s3();
        let listed = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        let mut objects = BTreeMap::new();
        for key in listed.contents().iter().filter_map(|object| object.key()) {
            let body = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap().body.collect().await.unwrap();
            let mut text = String::new();
            match key.ends_with(".gz") {
                true => MultiGzDecoder::new(&*body.into_bytes()).read_to_string(&mut text).unwrap(),
                false => (&*body.into_bytes()).read_to_string(&mut text).unwrap(),
            };
            objects.insert(key.to_string(), text);
        }
        objects
    }

    /// Each object as `<folder of the hour> <content>`, without its name.
    async fn shown(&self) -> Vec<String> {
        let objects = self.objects().await;
        let folder = |key: &str| key.rsplit_once('/').unwrap().0.to_string();
        objects.iter().map(|(key, text)| format!("{} {}", folder(key), text.trim_end().replace('\n', ","))).collect()
    }
}

#[tokio::test]
async fn a_batch_goes_by_size_or_by_age() {
    let mut stream = Stream::with(lines, |_| Ok(Value::Null), |settings| settings.transform_buffer_bytes_max = 6);
    stream.put("aaa", "2026-11-20T13:00:00Z").await;
    stream.put("bbb", "2026-11-20T13:00:01Z").await;
    stream.put("c", "2026-11-20T13:00:02Z").await;
    assert_eq!(stream.batches(), [["aaa", "bbb"]]);
    stream.put("longer than the buffer", "2026-11-20T13:00:03Z").await;
    stream.firehose.advance(moment("2026-11-20T13:01:02Z")).await.unwrap();
    assert_eq!(stream.batches().len(), 2);
    stream.firehose.advance(moment("2026-11-20T13:01:03Z")).await.unwrap();
    assert_eq!(stream.batches()[1..], [["c"], ["longer than the buffer"]]);
    assert_eq!(stream.shown().await, [""; 0]);
}

#[tokio::test]
async fn a_request_never_exceeds_lambdas_limit() {
    let mut stream =
        Stream::with(lines, |_| Ok(Value::Null), |settings| settings.transform_buffer_bytes_max = 64 * 1024 * 1024);
    for _ in 0..6 {
        stream.put(&"x".repeat(1000 * 1024), "2026-11-20T13:00:00Z").await;
    }
    stream.flush("2026-11-20T13:00:00Z").await;
    assert_eq!(stream.batches().iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
}

#[tokio::test]
async fn an_object_lies_in_the_hour_of_its_oldest_record() {
    let mut stream = Stream::new(lines);
    stream.put("a", "2026-11-20T13:58:00Z").await;
    stream.put("b", "2026-11-20T14:01:00Z").await;
    stream.put("c", "2026-11-20T14:03:30Z").await;
    stream.firehose.advance(moment("2026-11-20T14:10:00Z")).await.unwrap();
    assert_eq!(stream.shown().await, ["logs/2026/11/20/13 a,b", "logs/2026/11/20/14 c"]);
}

#[tokio::test]
async fn an_object_goes_by_size() {
    let mut stream = Stream::with(
        lines,
        |_| Ok(Value::Null),
        |settings| {
            settings.transform_buffer_bytes_max = 2;
            settings.buffer_bytes_max = 6;
        },
    );
    for record in ["aa", "bb", "cc", "dd"] {
        stream.put(record, "2026-11-20T13:00:00Z").await;
    }
    assert_eq!(stream.shown().await, ["logs/2026/11/20/13 aa,bb"]);
    stream.flush("2026-11-20T13:00:00Z").await;
    assert_eq!(stream.firehose.delivered().objects, 2);
}

#[tokio::test]
async fn keys_follow_from_the_seed() {
    let mut stream = Stream::new(lines);
    stream.put("a", "2026-11-20T13:05:09.250Z").await;
    stream.put("fail", "2026-11-20T13:05:10Z").await;
    stream.flush("2026-11-20T13:06:00Z").await;
    let keys: Vec<String> = stream.objects().await.into_keys().collect();
    assert_eq!(
        keys,
        [
            "error/processing-failed/2026/11/20/13/auth0-1-2026-11-20-13-05-10-a68cefa5-13d6-4513-a123-1a3e33a6f7aa",
            "logs/2026/11/20/13/auth0-1-2026-11-20-13-05-09-d54ded44-b34e-4a6e-a007-841c7847f30b.gz",
        ]
    );
}

#[tokio::test]
async fn the_transform_gets_firehoses_event() {
    let mut stream = Stream::new(lines);
    stream.put("a", "2026-11-20T13:00:00.125Z").await;
    stream.flush("2026-11-20T13:00:01Z").await;
    let event = stream.transformed.lock().unwrap()[0].clone();
    let (invocation, record) = (&event["invocationId"], &event["records"][0]["recordId"]);
    assert_eq!(invocation.as_str().unwrap().len(), 36);
    assert_eq!(record.as_str().unwrap().len(), 56);
    let expected = json!({
        "invocationId": invocation,
        "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/auth0",
        "region": "us-east-1",
        "records": [{"recordId": record, "approximateArrivalTimestamp": 1795179600125_i64, "data": "YQ=="}],
    });
    assert_eq!(event, expected);
}

#[tokio::test]
async fn a_failed_record_is_kept_as_it_came() {
    let mut stream = Stream::new(lines);
    stream.put("fail", "2026-11-20T13:00:00Z").await;
    stream.put("a", "2026-11-20T13:00:01Z").await;
    let delivered = stream.flush("2026-11-20T13:00:30.500Z").await.clone();
    let objects = stream.objects().await;
    let (key, line) = objects.first_key_value().unwrap();
    assert!(key.starts_with("error/processing-failed/2026/11/20/13/auth0-1-2026-11-20-13-00-00-"), "{key}");
    assert_eq!(
        line,
        "{\"attemptsMade\":1,\"arrivalTimestamp\":1795179600000,\"errorCode\":\"Lambda.ProcessingFailedStatus\",\
         \"errorMessage\":\"ProcessingFailed status set for record\",\"attemptEndingTimestamp\":1795179630500,\
         \"rawData\":\"ZmFpbA==\",\"lambdaArn\":\"arn:aws:lambda:us-east-1:123456789012:function:transform:$LATEST\"}\n"
    );
    assert_eq!((delivered.ok, delivered.failed, delivered.objects, delivered.error_objects), (1, 1, 1, 1));
}

#[tokio::test]
async fn a_dropped_record_is_a_success_and_nothing_is_written() {
    let mut stream = Stream::new(lines);
    stream.put("drop", "2026-11-20T13:00:00Z").await;
    let delivered = stream.flush("2026-11-20T13:00:00Z").await;
    assert_eq!(*delivered, Delivered { records: 1, dropped: 1, ..Delivered::default() });
    assert_eq!(stream.shown().await, [""; 0]);
}

/// Runs two records through `answer`. Returns the number of invocations and the result of each record.
async fn fates(answer: impl Fn(&Value) -> Result<Value, &'static str> + Send + Sync + 'static) -> (usize, Vec<String>) {
    let mut stream = Stream::new(answer);
    stream.put("a", "2026-11-20T13:00:00Z").await;
    stream.put("b", "2026-11-20T13:00:00Z").await;
    stream.flush("2026-11-20T13:00:00Z").await;
    let mut fates = Vec::new();
    for (key, content) in stream.objects().await {
        fates.extend(content.lines().map(|line| match key.starts_with("error/") {
            false => format!("{line} Ok"),
            true => {
                let line: Value = serde_json::from_str(line).unwrap();
                let code = line["errorCode"].as_str().unwrap().replace("Lambda.", "");
                format!("{} {code} {}", text(&line["rawData"]), line["attemptsMade"])
            }
        }));
    }
    let attempts = stream.transformed.lock().unwrap().len();
    (attempts, fates)
}

/// Checks that the whole batch fails: after four invocations both records are kept with `code`.
fn whole_batch(code: &str) -> (usize, Vec<String>) {
    (4, vec![format!("a {code} 4"), format!("b {code} 4")])
}

#[tokio::test]
async fn a_failing_transform_is_called_four_times_and_loses_nothing() {
    assert_eq!(fates(|_| Err("boom")).await, whole_batch("FunctionError"));
    assert_eq!(fates(|_| Ok(json!("no object"))).await, whole_batch("JsonProcessingException"));
    let padded = |_: &Value| Ok(json!({"records": [], "padding": "x".repeat(6 << 20)}));
    assert_eq!(fates(padded).await, whole_batch("FunctionError"));
    let changed = |field: &'static str, value: Value| {
        move |event: &Value| {
            let mut response = lines(event)?;
            response["records"][1][field] = value.clone();
            Ok(response)
        }
    };
    assert_eq!(fates(changed("result", json!("Maybe"))).await, whole_batch("JsonProcessingException"));
    assert_eq!(fates(changed("data", json!("%%%"))).await, whole_batch("JsonProcessingException"));
    assert_eq!(fates(changed("data", Value::Null)).await, whole_batch("InvalidReturnFormat"));
}

#[tokio::test(start_paused = true)]
async fn a_transform_that_hangs_is_given_up_after_five_minutes() {
    let mut stream = Stream::new(lines);
    let hangs: Function = Arc::new(|_| Box::pin(std::future::pending()));
    let (created, _) = function(|_| Ok(Value::Null));
    stream.firehose =
        Firehose::new(Settings::new("auth0", BUCKET, Uuid::from_u128(7)), stream.aws.s3(), hangs, created);
    stream.put("a", "2026-11-20T13:00:00Z").await;
    let started = tokio::time::Instant::now();
    stream.flush("2026-11-20T13:00:00Z").await;
    assert_eq!(started.elapsed().as_secs(), 4 * 300);
    let kept = stream.objects().await.into_values().next().unwrap();
    assert!(kept.contains(r#""errorCode":"Lambda.FunctionTimedOut""#), "{kept}");
}

#[tokio::test]
async fn a_transform_that_recovers_is_called_no_further() {
    let failures = Mutex::new(2);
    let answer = move |event: &Value| {
        let mut left = failures.lock().unwrap();
        *left -= i32::from(*left > 0);
        if *left > 0 { Err("throttled") } else { lines(event) }
    };
    assert_eq!(fates(answer).await, (2, vec!["a Ok".to_string(), "b Ok".to_string()]));
}

#[tokio::test]
async fn every_record_must_be_returned_once_and_no_other() {
    let edited = |edit: fn(&mut Vec<Value>)| {
        move |event: &Value| {
            let mut response = lines(event)?;
            edit(response["records"].as_array_mut().unwrap());
            Ok(response)
        }
    };
    let missing = edited(|records| drop(records.pop()));
    assert_eq!(fates(missing).await, whole_batch("MissingRecordId"));
    let wrong = edited(|records| records[1]["recordId"] = json!("never sent"));
    assert_eq!(fates(wrong).await, whole_batch("MissingRecordId"));
    let doubled = edited(|records| records.push(records[1].clone()));
    assert_eq!(fates(doubled).await, whole_batch("DuplicatedRecordId"));
    let more = edited(|records| records.push(json!({"recordId": "never sent", "result": "Dropped", "data": null})));
    assert_eq!(fates(more).await, whole_batch("JsonProcessingException"));
    assert_eq!(fates(|_| Ok(json!({}))).await, whole_batch("MissingRecordId"));
    let turned = edited(|records| records.reverse());
    assert_eq!(fates(turned).await, (1, vec!["a Ok".to_string(), "b Ok".to_string()]));
}

#[tokio::test]
async fn an_object_can_be_delivered_twice() {
    let mut stream = Stream::new(lines);
    let now = moment("2026-11-20T13:30:00Z");
    stream.firehose.deliver_again(now).await.unwrap();
    assert_eq!(stream.shown().await, [""; 0], "there is nothing to deliver again");
    stream.put("a", "2026-11-20T13:00:00Z").await;
    stream.flush("2026-11-20T13:00:00Z").await;
    stream.firehose.deliver_again(now).await.unwrap();
    assert_eq!(stream.shown().await, ["logs/2026/11/20/13 a", "logs/2026/11/20/13 a"]);
    assert_eq!((stream.firehose.delivered().ok, stream.firehose.delivered().objects), (1, 2));
    assert_eq!(stream.created.lock().unwrap().len(), 2, "each is announced");
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_makes_two_objects_of_one() {
    let mut stream = Stream::new(lines);
    stream.aws.inject(Faults::by(|number, _| (number <= 3).then_some(Fault::After(Failure::Reset))));
    stream.put("a", "2026-11-20T13:00:00Z").await;
    let error = stream.firehose.flush(moment("2026-11-20T13:00:00Z")).await.unwrap_err();
    assert!(matches!(error, FirehoseError::Write { .. }), "{error}");
    stream.flush("2026-11-20T13:05:00Z").await;
    assert_eq!(stream.shown().await, ["logs/2026/11/20/13 a", "logs/2026/11/20/13 a"]);
}

#[tokio::test]
async fn an_object_can_be_held_back() {
    let mut stream = Stream::new(lines);
    let release = moment("2026-11-20T20:00:00Z");
    for (record, arrival) in [("late", "2026-11-20T13:10:00Z"), ("late too", "2026-11-20T14:10:00Z")] {
        stream.firehose.put_held(Bytes::from(record), moment(arrival), release).await.unwrap();
    }
    stream.put("in time", "2026-11-20T14:10:01Z").await;
    stream.firehose.advance(moment("2026-11-20T19:59:59Z")).await.unwrap();
    assert_eq!(stream.shown().await, ["logs/2026/11/20/14 in time"]);
    assert_eq!(stream.created.lock().unwrap().len(), 1);
    stream.firehose.advance(release).await.unwrap();
    let mut shown = stream.shown().await;
    shown.sort();
    assert_eq!(shown, ["logs/2026/11/20/13 late", "logs/2026/11/20/14 in time", "logs/2026/11/20/14 late too"]);
    assert_eq!(stream.created.lock().unwrap()[1]["time"], "2026-11-20T20:00:00Z");
}

#[tokio::test]
async fn an_object_is_announced_as_eventbridge_does() {
    let mut stream = Stream::new(lines);
    stream.put("a", "2026-11-20T13:00:00Z").await;
    stream.firehose.advance(moment("2026-11-20T13:30:00Z")).await.unwrap();
    let key = stream.objects().await.into_keys().next().unwrap();
    let head = stream.aws.s3().head_object().bucket(BUCKET).key(&key).send().await.unwrap();
    let event = stream.created.lock().unwrap()[0].clone();
    let expected = json!({
        "version": "0",
        "id": event["id"],
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": "2026-11-20T13:05:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::logs-bucket"],
        "detail": {
            "version": "0",
            "bucket": {"name": "logs-bucket"},
            "object": {
                "key": key,
                "size": head.content_length().unwrap(),
                "etag": head.e_tag().unwrap().trim_matches('"'),
                "sequencer": event["detail"]["object"]["sequencer"],
            },
            "request-id": event["detail"]["request-id"],
            "requester": "123456789012",
            "source-ip-address": "192.0.2.1",
            "reason": "PutObject",
        },
    });
    assert_eq!(event, expected);
    assert_eq!(stream.firehose.delivered().notifications, 1);
}

#[tokio::test]
async fn a_refused_notification_is_tried_three_times_and_kept() {
    let mut stream = Stream::with(lines, |_| Err("Glue is away"), |_| {});
    stream.put("a", "2026-11-20T13:00:00Z").await;
    let delivered = stream.flush("2026-11-20T13:00:00Z").await.clone();
    assert_eq!((delivered.objects, delivered.notifications, delivered.undelivered.len()), (1, 0, 1));
    assert_eq!(delivered.undelivered[0].error.to_string(), "Test: Glue is away");
    let kept: Value = serde_json::from_slice(&delivered.undelivered[0].event).unwrap();
    assert_eq!(*stream.created.lock().unwrap(), vec![kept; 3]);
}

#[tokio::test]
async fn a_failed_write_loses_nothing_and_a_new_bucket_heals_it() {
    let mut stream = Stream::with(lines, |_| Ok(Value::Null), |settings| settings.bucket = "another-bucket".into());
    stream.put("a", "2026-11-20T13:00:00Z").await;
    let error = stream.firehose.flush(moment("2026-11-20T13:00:00Z")).await.unwrap_err();
    assert!(matches!(error, FirehoseError::Write { .. }), "{error}");
    stream.aws.create_bucket("another-bucket").unwrap();
    let delivered = stream.flush("2026-11-20T13:00:00Z").await;
    assert_eq!((delivered.ok, delivered.objects), (1, 1));
}

#[tokio::test]
async fn a_record_over_the_limit_is_refused() {
    let mut stream = Stream::new(lines);
    let record = Bytes::from(vec![b'x'; 1000 * 1024 + 1]);
    let error = stream.firehose.put(record, moment("2026-11-20T13:00:00Z")).await.unwrap_err();
    assert_eq!(error.to_string(), "record of 1024001 bytes is larger than the 1024000 that Firehose takes");
    assert_eq!(stream.firehose.delivered().records, 0);
}

#[tokio::test]
async fn the_same_calls_give_the_same_bucket_and_another_seed_other_keys() {
    let run = async |seed: u128| {
        let mut stream = Stream::with(lines, |_| Ok(Value::Null), |settings| settings.seed = Uuid::from_u128(seed));
        let start = moment("2026-11-20T13:00:00Z");
        for minute in 0..30 {
            let record = if minute % 7 == 0 { "fail".to_string() } else { format!("line {minute}") };
            stream.put(&record, &(start + TimeDelta::minutes(minute)).to_rfc3339()).await;
        }
        stream.flush("2026-11-20T14:00:00Z").await;
        stream.objects().await
    };
    let (first, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(first, again);
    assert!(first.keys().all(|key| !other.contains_key(key)));
    assert!(first.values().eq(other.values()));
}
