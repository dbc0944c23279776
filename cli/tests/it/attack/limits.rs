//! What a process is short of ends in a sentence: memory, files, room, the right to write.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use fixtures::gzip;
use log_format::{Hour, layout};
use serde_json::json;
use tempfile::TempDir;

use crate::served::server::Server;
use crate::support::{BUCKET, binary};

const HOUR: &str = "2026-11-20T13";

/// A folder with an hour of so many events.
fn filled(events: usize) -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let hour: Hour = HOUR.parse().unwrap();
    let line = |number| json!({"log_id": format!("{number:0900}"), "type": "s"}).to_string() + "\n";
    let object = data.path().join(BUCKET).join(format!("{}1.gz", layout::json_prefix(hour)));
    fs::create_dir_all(object.parent().unwrap()).unwrap();
    fs::write(object, gzip((0..events).map(line).collect::<String>())).unwrap();
    data
}

/// Runs the command in a shell after `limit`, with a minute's time.
fn run_within(limit: &str, data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("bash");
    command.arg("-c").arg(format!("{limit} && exec timeout 60 \"$@\"")).arg("bash").arg(binary().get_program());
    command.args(arguments).arg("--data").arg(data).output().unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{:?}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The command ends by itself. Without enough memory it says so; the loader alone may say nothing.
#[test]
fn little_memory_is_an_error_and_never_a_hang() {
    let data = filled(2000);
    let (mut well, mut said) = (0, 0);
    for kilobytes in (120_000..700_000).step_by(29_000) {
        for arguments in [&["verify", "--deep"][..], &["compact", "--hour", HOUR, "--rewrite"]] {
            // A backtrace takes memory too.
            let limit = format!("export RUST_BACKTRACE=1; ulimit -v {kilobytes}");
            let output = run_within(&limit, data.path(), arguments);
            assert_ne!(output.status.code(), Some(124), "{kilobytes} kB, {arguments:?} hangs: {}", text(&output));
            let printed = text(&output);
            match output.status.code() {
                Some(0) => well += 1,
                // What a run left that was killed for lack of memory, and no damage.
                Some(1) => assert!(!printed.contains("damage"), "{kilobytes} kB, {arguments:?}: {printed}"),
                _ if printed.contains("memory") => said += 1,
                // The loader has no room for the program.
                code => assert!(kilobytes < 400_000, "{kilobytes} kB, {arguments:?}, {code:?}: {printed}"),
            }
        }
    }
    assert!(well > 0 && said > 0, "{well} {said}");
}

#[test]
fn sixty_four_open_files_are_enough() {
    let data = filled(100);
    let commands: [&[&str]; 6] = [
        &["compact"],
        &["verify", "--deep"],
        &["status"],
        &["replay"],
        &["query", "SELECT count(*) AS rows FROM auth0_logs"],
        &["compact", "--hour", HOUR, "--rewrite"],
    ];
    for arguments in commands {
        let output = run_within("ulimit -n 64", data.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output));
    }
}

#[test]
fn no_room_for_temporary_files_is_said() {
    let data = filled(40_000);
    let limit = "export TMPDIR=/no/such/folder MEMORY_BYTES_MAX=24000000";
    let output = run_within(limit, data.path(), &["compact"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(
        text(&output).contains("in a temporary file where TMPDIR says: No such file or directory"),
        "{}",
        text(&output)
    );
    // Nothing stays behind of what failed.
    let output = run_within("true", data.path(), &["compact"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

/// A small disk, in a namespace of its own. Some containers allow none; then only the automatic build checks this.
#[test]
fn a_full_disk_says_what_to_free() {
    let allowed = Command::new("unshare").args(["--map-root-user", "--mount", "true"]).output();
    #[expect(clippy::disallowed_methods, reason = "the automatic build must check everything")]
    if std::env::var("CI").is_err() && !allowed.is_ok_and(|output| output.status.success()) {
        println!("no disk can be made here, so a full one is not checked");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let events = data.path().join("events.ndjson");
    let line =
        |number| json!({"log_id": format!("{number}"), "type": "s", "user_agent": noise(number)}).to_string() + "\n";
    fs::write(&events, (0..1500).map(line).collect::<String>()).unwrap();
    let small = data.path().join("small");
    fs::create_dir(&small).unwrap();
    // What fails for lack of room must leave a folder that works again with more of it.
    let script = format!(
        "mount -t tmpfs -o size=2500k tmpfs {0} && cd {0} && head -c 2400000 /dev/zero > filler || exit 9\n\
         \"$@\"; echo \"ended with $?\"; rm filler\n\
         \"$@\" && \"$1\" verify --deep --data {0}/data; echo \"then with $?\"",
        small.display()
    );
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "bash", "-c", &script, "bash"]).arg(binary().get_program());
    let output =
        command.arg("run").arg("--events").arg(&events).arg("--data").arg(small.join("data")).output().unwrap();
    let printed = text(&output);
    assert!(printed.contains("ended with 2"), "{printed}");
    assert!(printed.contains("then with 0") && printed.contains("Proven"), "{printed}");
    assert!(
        printed.contains("No space left on device") && printed.contains("free some space on the disk"),
        "{printed}"
    );
}

/// Characters that do not compress.
fn noise(number: usize) -> String {
    let mut random = fastrand::Rng::with_seed(number as u64);
    (0..300).map(|_| random.alphanumeric()).collect()
}

/// A person who may read the folder and nothing more.
#[test]
fn a_folder_that_can_only_be_read_is_read() {
    let data = filled(100);
    let output = run_within("true", data.path(), &["compact"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let program = data.path().join("program");
    fs::copy(binary().get_program(), &program).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).arg("--data").arg(data.path()).env_remove("LOCAL_AWS_CALLS");
        if is_root() {
            // Nobody. Root writes wherever it likes.
            command.uid(65534).gid(65534);
        }
        command.output().unwrap()
    };
    assert!(Command::new("chmod").args(["-R", "a+rX,a-w"]).arg(data.path()).status().unwrap().success());
    let before = names(data.path());
    for arguments in [
        &["status"][..],
        &["verify"],
        &["verify", "--deep"],
        &["query", "SELECT count(*) AS rows FROM auth0_logs_json"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output));
    }
    for arguments in [&["compact"][..], &["replay"], &["verify", "--repair"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains("needs a folder that you may write to"), "{arguments:?}: {}", text(&output));
    }
    assert_eq!(names(data.path()), before);
    assert!(Command::new("chmod").args(["-R", "u+w"]).arg(data.path()).status().unwrap().success());
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// What a folder holds, by name, and when it was changed.
fn names(folder: &Path) -> String {
    let listed = Command::new("find").arg(folder).args(["-printf", "%p %s %T@\\n"]).output().unwrap();
    let mut lines: Vec<String> = String::from_utf8(listed.stdout).unwrap().lines().map(str::to_string).collect();
    lines.sort();
    lines.join("\n")
}

/// Half a thousand clients that say nothing, or half of a request, keep nobody from being served. `IDLE_SECONDS` says
/// for how long they stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_keep_nobody_out() {
    #[expect(clippy::disallowed_methods, reason = "who runs the tests may ask for a longer one")]
    let seconds = std::env::var("IDLE_SECONDS").map_or(4, |value| value.parse().unwrap());
    let data = filled(10);
    let server = Server::start_within("ulimit -n 256", data.path());
    let address = server.endpoint.trim_start_matches("http://").to_string();
    let until = Instant::now() + Duration::from_secs(seconds);
    let (mut idle, mut slowest) = (Vec::new(), Duration::ZERO);
    let (mut served, mut opened) = (0, 0);
    while Instant::now() < until || opened < 500 {
        for number in 0..50 {
            if idle.len() >= 500 {
                break;
            }
            opened += 1;
            let mut connection = TcpStream::connect(&address).unwrap();
            if number % 2 == 0 {
                connection.write_all(b"GET /auth0-logs HTTP/1.1\r\nHost: ").unwrap();
            }
            idle.push(connection);
        }
        let started = Instant::now();
        server.s3().list_objects_v2().bucket(BUCKET).send().await.unwrap();
        slowest = slowest.max(started.elapsed());
        served += 1;
        // Those that were closed come again.
        idle.retain_mut(is_open);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{served} requests beside {opened} connections that say nothing, the slowest took {slowest:?}");
    // A second where nothing else runs; here the whole suite does.
    assert!(slowest < Duration::from_secs(if seconds < 60 { 10 } else { 1 }), "{slowest:?}");
}

fn is_open(connection: &mut TcpStream) -> bool {
    connection.set_nonblocking(true).unwrap();
    let open = connection.read(&mut [0]).is_err() && connection.take_error().unwrap().is_none();
    connection.set_nonblocking(false).unwrap();
    open
}
