//! `serve` answers clients that know nothing of this project, over a real socket.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use serde_json::{Value, json};

use crate::served::server::Server;

#[tokio::test]
async fn s3_and_glue_answer_on_one_port() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let credentials = Credentials::new("any", "thing", None, None, "test");
    let s3 = server.s3();
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"hello");
    s3.put_object().bucket("auth0-logs").key("a b/c+d").body(body).send().await.unwrap();
    assert_eq!(std::fs::read(data.path().join("auth0-logs/a b/c+d")).unwrap(), b"hello");
    let glue = aws_sdk_glue::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(&server.endpoint)
        .build();
    let tables = aws_sdk_glue::Client::from_conf(glue).get_tables().database_name("auth0_event_logs").send().await;
    let tables = tables.unwrap().table_list.unwrap();
    assert_eq!(
        tables.iter().map(|table| table.name()).collect::<Vec<_>>(),
        ["auth0_logs_daily", "auth0_logs_json", "auth0_logs_parquet"]
    );
}

/// The access log shows what a query reads.
#[tokio::test]
async fn every_request_to_s3_is_in_the_access_log() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("access.ndjson");
    let server = Server::start(data.path(), &["--access-log", log.to_str().unwrap()]);
    let s3 = server.s3();
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"hello");
    s3.put_object().bucket("auth0-logs").key("a b").body(body).send().await.unwrap();
    let part = s3.get_object().bucket("auth0-logs").key("a b").range("bytes=1-3").send().await.unwrap();
    assert_eq!(part.body.collect().await.unwrap().into_bytes(), "ell");
    assert!(s3.get_object().bucket("auth0-logs").key("none").send().await.is_err());
    let lines: Vec<Value> =
        std::fs::read_to_string(&log).unwrap().lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let logged: Vec<Value> =
        lines.iter().map(|it| json!([it["call"], it["resource"], it["detail"], it["status"]])).collect();
    let (object, none) = ("arn:aws:s3:::auth0-logs/a b", "arn:aws:s3:::auth0-logs/none");
    let expected = [
        json!(["PutObject", object, "", 200]),
        json!(["GetObject", object, "range=bytes=1-3", 206]),
        json!(["GetObject", none, "", 404]),
    ];
    assert_eq!((logged.as_slice(), &lines[1]["bytes"]), (expected.as_slice(), &json!(3)));
}
