//! The AWS over a port: with the SDK's own HTTP client, and with requests as other clients send them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::support::{outcome, start};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_glue::types::DatabaseInput;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use local_aws::LocalAws;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on its own port.
struct Server {
    address: SocketAddr,
    shutdown: oneshot::Sender<()>,
    ended: JoinHandle<io::Result<()>>,
}

async fn serve(aws: &LocalAws) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, ended) = oneshot::channel();
    let aws = aws.clone();
    let ended = tokio::spawn(async move { aws.serve(listener, async { ended.await.unwrap() }).await });
    Server { address, shutdown, ended }
}

impl Server {
    /// The configuration of a client with the SDK's default HTTP client.
    fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("any", "secret", Some("token".to_owned()), None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(format!("http://{}", self.address))
            .build()
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk_config()).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// Sends `request` unchanged and returns the status line and the body.
    async fn send(&self, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// A request to read `path`, with these header lines beside those that every client sends.
    fn get(&self, path: &str, headers: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{headers}\r\n", self.address)
    }

    async fn end(self) {
        self.shutdown.send(()).unwrap();
        self.ended.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn port_and_seam_lead_to_the_same_place() {
    let (aws, _folder) = start();
    let server = serve(&aws).await;
    let s3 = server.s3();
    s3.put_object().bucket("bucket").key("a b/+").body(b"one".to_vec().into()).send().await.unwrap();
    let got = aws.s3().get_object().bucket("bucket").key("a b/+").send().await.unwrap();
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"one");

    let glue = aws_sdk_glue::Client::new(&server.sdk_config());
    let database = DatabaseInput::builder().name("logs").build().unwrap();
    glue.create_database().database_input(database).send().await.unwrap();
    let database = aws.glue().get_database().name("logs").send().await.unwrap().database.unwrap();
    assert_eq!(database.name(), "logs");
    drop((s3, glue));
    server.end().await;
}

#[tokio::test]
async fn streamed_uploads_lose_their_chunks() {
    let (aws, folder) = start();
    let server = serve(&aws).await;
    // A file is streamed in chunks, and its checksum follows. 3 MB arrive in many pieces and are returned in several.
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let file = folder.path().join("upload");
    std::fs::write(&file, &content).unwrap();
    for s3 in [server.s3(), aws.s3()] {
        let body = ByteStream::from_path(&file).await.unwrap();
        s3.put_object().bucket("bucket").key("big").body(body).send().await.unwrap();
        let got = s3.get_object().bucket("bucket").key("big").send().await.unwrap();
        assert_eq!(got.content_encoding(), None);
        assert!(got.body.collect().await.unwrap().to_vec() == content);
        s3.delete_object().bucket("bucket").key("big").send().await.unwrap();
    }
    server.end().await;
}

#[tokio::test]
async fn any_signature_will_do() {
    let (aws, _folder) = start();
    aws.s3().put_object().bucket("bucket").key("a").body(b"one".to_vec().into()).send().await.unwrap();
    let server = serve(&aws).await;
    let presigning = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let presigned = server.s3().get_object().bucket("bucket").key("a").presigned(presigning).await.unwrap();
    let path = presigned.uri().split_once(&server.address.to_string()).unwrap().1;
    let get = |path: &str, headers: &str| server.get(path, headers);
    let one = ("HTTP/1.1 200 OK".to_owned(), "one".to_owned());
    assert_eq!(server.send(&get(path, "")).await, one, "presigned");
    assert_eq!(server.send(&get("/bucket/a", "")).await, one, "unsigned");
    assert_eq!(server.send(&get("/bucket/a", "authorization: AWS any:c2ln\r\n")).await, one, "version 2");
    let (ours, virtual_host) =
        (format!("host: {}", server.address), format!("host: bucket.localhost:{}", server.address.port()));
    assert_eq!(server.send(&get("/a", "").replace(&ours, &virtual_host)).await, one, "virtual host");
    server.end().await;
}

#[tokio::test]
async fn signed_chunks_are_taken_as_other_clients_send_them() {
    let (aws, _folder) = start();
    let server = serve(&aws).await;
    let body = "5;chunk-signature=aa\r\nhello\r\n0;chunk-signature=bb\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";
    let put = format!(
        "PUT /bucket/a HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: AWS4-HMAC-SHA256 Credential=x\r\n\
         x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER\r\nx-amz-decoded-content-length: 5\r\n\
         content-encoding: aws-chunked\r\nx-amz-trailer: x-amz-checksum-crc32\r\ncontent-length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    assert_eq!(server.send(&put).await.0, "HTTP/1.1 200 OK");
    let got = aws.s3().get_object().bucket("bucket").key("a").send().await.unwrap();
    assert_eq!(got.content_encoding(), None);
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"hello");
    let short = put.replace("decoded-content-length: 5", "decoded-content-length: 6").replace("/bucket/a", "/bucket/b");
    assert_eq!(server.send(&short).await.0, "HTTP/1.1 400 Bad Request");
    let missing = aws.s3().head_object().bucket("bucket").key("b").send().await;
    assert_eq!(outcome(missing, |_| "ok".to_owned()), "404 NotFound");
    server.end().await;
}

/// A page of another origin can make a browser send these requests. Each is refused, so it reads and writes nothing.
#[tokio::test]
async fn a_web_page_gets_nothing_and_writes_nothing() {
    let (aws, _folder) = start();
    aws.s3().put_object().bucket("bucket").key("logs/a").body(b"secret".to_vec().into()).send().await.unwrap();
    let server = serve(&aws).await;
    let evil = "origin: https://evil.example\r\n";
    let get = server.get("/bucket/logs/a", "");
    let ours = format!("host: {}", server.address);
    let form = "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nlogs/b\r\n--x\r\n\
                Content-Disposition: form-data; name=\"file\"; filename=\"b\"\r\n\r\nrows\r\n--x--\r\n";
    let length = format!("content-length: {}\r\n", form.len());
    let post = |headers: &str| {
        let get = server.get("/bucket", &format!("content-type: multipart/form-data; boundary=x\r\n{length}{headers}"));
        format!("{}{form}", get.replacen("GET", "POST", 1))
    };
    let pages = [
        get.replace("\r\n\r\n", &format!("\r\n{evil}\r\n")),
        get.replace("\r\n\r\n", "\r\nsec-fetch-site: cross-site\r\n\r\n"),
        get.replacen("GET", "OPTIONS", 1)
            .replace("\r\n\r\n", &format!("\r\n{evil}access-control-request-method: PUT\r\n\r\n")),
        get.replacen("GET", "DELETE", 1).replace("\r\n\r\n", &format!("\r\n{evil}\r\n")),
        get.replace("\r\n\r\n", &format!("\r\n{evil}upgrade: websocket\r\n\r\n")),
        get.replace(&ours, "host: evil.example"),
        get.replace(&ours, &format!("host: evil.example:{}", server.address.port())),
        post(evil),
        post(""),
    ];
    for page in &pages {
        let (status, body) = server.send(page).await;
        assert_eq!(status, "HTTP/1.1 403 Forbidden", "{page}");
        assert!(body.contains("<Code>AccessDenied</Code>") && !body.contains("secret"), "{page}: {body}");
    }
    let kept = aws.s3().list_objects_v2().bucket("bucket").send().await.unwrap();
    assert_eq!(kept.contents().iter().map(|it| it.key().unwrap()).collect::<Vec<_>>(), ["logs/a"]);
    assert_eq!(server.send(&get).await, ("HTTP/1.1 200 OK".to_owned(), "secret".to_owned()), "what any client gets");
    server.end().await;
}

/// A link leads to what a log line says, and that may be a page.
#[tokio::test]
async fn no_browser_shows_an_object_as_a_page() {
    let (aws, _folder) = start();
    let put = aws.s3().put_object().bucket("bucket").key("a").content_type("text/html").content_disposition("inline");
    put.body(b"<script>".to_vec().into()).send().await.unwrap();
    let server = serve(&aws).await;
    let request = server.get("/bucket/a?response-content-disposition=inline&response-content-type=text%2Fhtml", "");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    for header in [
        "x-content-type-options: nosniff\r\n",
        "content-security-policy: default-src 'none'; sandbox\r\n",
        "content-disposition: attachment\r\n",
    ] {
        assert!(answer.to_ascii_lowercase().contains(header), "{header}: {answer}");
    }
    server.end().await;
}

/// Clients that connect and say nothing, and one that stops within a request.
#[tokio::test]
async fn idle_connections_keep_nobody_out() {
    let (aws, _folder) = start();
    let server = serve(&aws).await;
    let mut idle = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        if number % 3 == 0 {
            stream.write_all(b"GET / HT").await.unwrap();
        }
        idle.push(stream);
    }
    let one = tokio::time::timeout(Duration::from_secs(5), server.send(&server.get("/", ""))).await.unwrap();
    assert_eq!(one.0, "HTTP/1.1 200 OK");
    drop(idle);
    server.end().await;
}

/// Clients that stop within a body, or take nothing of an answer, keep others waiting for some seconds at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_stop_within_a_request_keep_nobody_out() {
    let (aws, _folder) = start();
    let large = vec![b'x'; 16 << 20];
    aws.s3().put_object().bucket("bucket").key("large").body(large.into()).send().await.unwrap();
    let server = serve(&aws).await;
    let mut stopped = Vec::new();
    for number in 0..120 {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        let head = match number % 2 {
            0 => format!("PUT /bucket/half HTTP/1.1\r\nhost: {}\r\ncontent-length: 100\r\n\r\nhalf", server.address),
            _ => format!("GET /bucket/large HTTP/1.1\r\nhost: {}\r\n\r\n", server.address),
        };
        client.write_all(head.as_bytes()).await.unwrap();
        stopped.push(client);
    }
    let listed = tokio::time::timeout(Duration::from_secs(20), server.s3().list_buckets().send()).await;
    listed.expect("it is served").unwrap();
    drop(stopped);
    server.end().await;
}
