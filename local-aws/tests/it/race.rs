//! Twelve clients write one key under a condition, and one of them wins. Each client is a thread with its own
//! connection.
#![expect(clippy::print_stdout, reason = "the counts are what a reader of the run wants")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Instant;

use local_aws::LocalAws;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::support::start;

const RACERS: usize = 12;

/// An answer. The ETag has quotes, or is empty if the answer has none.
#[derive(Debug)]
struct Answer {
    status: u16,
    etag: String,
    body: String,
}

/// A connection that is kept from one request to the next.
struct Connection(TcpStream);

impl Connection {
    fn to(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Connection(stream)
    }

    /// Sends a request in one write and reads the answer. `headers` are whole lines.
    fn call(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let (host, length) = (self.0.peer_addr().unwrap(), body.len());
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}\r\n\r\n{body}");
        self.0.write_all(request.as_bytes()).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        let mut text = Vec::new();
        let mut block = [0; 4096];
        loop {
            let read = self.0.read(&mut block).unwrap();
            assert_ne!(read, 0, "the connection was closed");
            text.extend_from_slice(&block[..read]);
            let whole = String::from_utf8(text.clone()).unwrap();
            let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
            let field =
                |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
            if body.len() == field("content-length: ").parse::<usize>().unwrap_or(0) {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return Answer { status, etag: field("etag: "), body: body.to_owned() };
            }
        }
    }
}

/// A server in its own threads. It ends with the test.
fn serve() -> (SocketAddr, TempDir) {
    let (aws, folder) = start();
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        runtime.block_on(listen(aws, tell));
    });
    (told.recv().unwrap(), folder)
}

async fn listen(aws: LocalAws, tell: std::sync::mpsc::Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tell.send(listener.local_addr().unwrap()).unwrap();
    aws.serve(listener, std::future::pending()).await.unwrap();
}

/// Lets each racer prepare, then all of them run at once. Repeats this `rounds` times and returns the winner of each.
fn race<P>(
    address: SocketAddr,
    rounds: usize,
    prepare: impl Fn(&mut Connection, usize, usize) -> P + Sync,
    run: impl Fn(&mut Connection, usize, usize, P) -> Answer + Sync,
) -> Vec<usize> {
    let barrier = Barrier::new(RACERS);
    let outcomes: Vec<Mutex<Vec<(usize, u16)>>> = (0..rounds).map(|_| Mutex::default()).collect();
    thread::scope(|scope| {
        for racer in 0..RACERS {
            let (barrier, outcomes, prepare, run) = (&barrier, &outcomes, &prepare, &run);
            scope.spawn(move || {
                let mut connection = Connection::to(address);
                for (round, outcomes) in outcomes.iter().enumerate() {
                    let prepared = prepare(&mut connection, round, racer);
                    barrier.wait();
                    let answer = run(&mut connection, round, racer, prepared);
                    outcomes.lock().unwrap().push((racer, answer.status));
                    barrier.wait();
                }
            });
        }
    });
    outcomes.into_iter().enumerate().map(|(round, outcomes)| winner(round, &outcomes.into_inner().unwrap())).collect()
}

/// The racer with the answer 200. All others must have the answer 412.
fn winner(round: usize, outcomes: &[(usize, u16)]) -> usize {
    let winners: Vec<usize> = outcomes.iter().filter(|(_, status)| *status == 200).map(|(racer, _)| *racer).collect();
    let losers = outcomes.iter().filter(|(_, status)| *status == 412).count();
    assert_eq!((winners.len(), losers), (1, RACERS - 1), "round {round}: {outcomes:?}");
    winners[0]
}

/// Prints the number of rounds, and how many of the racers won at least one.
fn report(what: &str, winners: &[usize], started: Instant) {
    let different = (0..RACERS).filter(|racer| winners.contains(racer)).count();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{what}: {} rounds of {RACERS}, one winner each, {different} different ones, {seconds:.1} s",
        winners.len()
    );
}

#[test]
fn one_creates_the_key() {
    let (address, _folder) = serve();
    let started = Instant::now();
    let put = |connection: &mut Connection, round: usize, racer: usize, ()| {
        connection.call("PUT", &format!("/bucket/{round}"), "if-none-match: *\r\n", &racer.to_string())
    };
    let winners = race(address, 1000, |_, _, _| (), put);
    let mut reader = Connection::to(address);
    for (round, winner) in winners.iter().enumerate() {
        assert_eq!(reader.call("GET", &format!("/bucket/{round}"), "", "").body, winner.to_string(), "round {round}");
    }
    report("PUT if-none-match", &winners, started);
}

#[test]
fn one_replaces_the_object() {
    let (address, _folder) = serve();
    let started = Instant::now();
    let current = Mutex::new(Connection::to(address).call("PUT", "/bucket/key", "", "the first").etag);
    let read = |_: &mut Connection, _: usize, _: usize| current.lock().unwrap().clone();
    let put = |connection: &mut Connection, round: usize, racer: usize, etag: String| {
        let condition = format!("if-match: {etag}\r\n");
        let answer = connection.call("PUT", "/bucket/key", &condition, &format!("{round} {racer}"));
        if answer.status == 200 {
            current.lock().unwrap().clone_from(&answer.etag);
        }
        answer
    };
    let winners = race(address, 1000, read, put);
    let left = Connection::to(address).call("GET", "/bucket/key", "", "");
    assert_eq!(left.body, format!("999 {}", winners[999]));
    assert_eq!(left.etag, *current.lock().unwrap());
    report("PUT if-match", &winners, started);
}

#[test]
fn one_completes_its_upload() {
    let (address, _folder) = serve();
    let started = Instant::now();
    let upload = |connection: &mut Connection, round: usize, racer: usize| {
        let begun = connection.call("POST", &format!("/bucket/{round}?uploads"), "", "").body;
        let id = begun.split_once("<UploadId>").unwrap().1.split_once('<').unwrap().0.to_owned();
        let path = format!("/bucket/{round}?uploadId={id}");
        let etag = connection.call("PUT", &format!("{path}&partNumber=1"), "", &racer.to_string()).etag;
        (path, format!("<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"))
    };
    let complete = |connection: &mut Connection, _: usize, _: usize, (path, part): (String, String)| {
        let body = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
        connection.call("POST", &path, "if-none-match: *\r\n", &body)
    };
    let winners = race(address, 100, upload, complete);
    let mut reader = Connection::to(address);
    for (round, winner) in winners.iter().enumerate() {
        assert_eq!(reader.call("GET", &format!("/bucket/{round}"), "", "").body, winner.to_string(), "round {round}");
    }
    report("CompleteMultipartUpload if-none-match", &winners, started);
}
