//! `serve` answers clients that know nothing of this project, over a real socket.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

/// The server, ended when the test is.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    fn start(data: &std::path::Path) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auth0-s3-logs"));
        let command = command.args(["serve", "--port", "0", "--data"]).arg(data).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let endpoint = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
        Server { child, endpoint: endpoint.trim_end_matches(',').to_string() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test]
async fn s3_and_glue_answer_on_one_port() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path());
    let credentials = Credentials::new("any", "thing", None, None, "test");
    let s3 = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials.clone())
        .endpoint_url(&server.endpoint)
        .force_path_style(true)
        .build();
    let s3 = aws_sdk_s3::Client::from_conf(s3);
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
    assert_eq!(tables.iter().map(|table| table.name()).collect::<Vec<_>>(), ["auth0_logs_json", "auth0_logs_parquet"]);
}
