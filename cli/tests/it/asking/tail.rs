//! `tail`: the newest events, and those that arrive.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fixtures::gzip;
use serde_json::json;

use crate::support::{BUCKET, binary};

fn put(data: &Path, key: &str, events: &[(&str, &str, &str)]) {
    let path = data.join(BUCKET).join("logs").join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let line = |(id, of, user): &(&str, &str, &str)| {
        let time = format!("2025-03-01T07:00:{id}.000Z");
        json!({"log_id": id, "timestamp": time, "type": of, "user_name": user, "ip": "192.0.2.7"}).to_string() + "\n"
    };
    let text: String = events.iter().map(line).collect();
    std::fs::write(path, if key.ends_with(".gz") { gzip(text) } else { text.into_bytes() }).unwrap();
}

fn filled() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    put(data.path(), "2025/03/01/06/a.gz", &[("01", "s", "ann"), ("02", "fp", "bob")]);
    put(data.path(), "2025/03/01/07/a.gz", &[("04", "s", "bob"), ("03", "fp", "ann"), ("04", "s", "bob")]);
    put(data.path(), "2025/03/01/07/b", &[("05", "new_type", "eve\u{1b}[2J")]);
    std::fs::write(data.path().join(BUCKET).join("logs/2025/03/01/07/c"), "no event\n").unwrap();
    data
}

fn tail(data: &Path, arguments: &str) -> Vec<String> {
    let output = binary().arg("tail").args(arguments.split_whitespace()).arg("--data").arg(data).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_newest_events_come_last() {
    let data = filled();
    let during = "--from 2025-03-01 --to 2025-03-02";
    let lines = tail(data.path(), during);
    let shown: Vec<&str> = lines.iter().map(|line| &line[..19]).collect();
    assert_eq!(shown, ["01", "02", "03", "04", "05"].map(|second| format!("2025-03-01 07:00:{second}")));
    assert!(lines[1].contains("fp     wrong password") && lines[1].contains("bob  192.0.2.7  -  -"), "{lines:?}");
    assert!(lines[4].contains("a type that is not known here") && lines[4].contains("eve\\u{1b}[2J"), "{lines:?}");
    let ids = |arguments: &str| -> Vec<String> {
        let lines = tail(data.path(), &format!("{during} -o ndjson {arguments}"));
        let id = |line: &String| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["log_id"].as_str().unwrap().to_owned()
        };
        lines.iter().map(id).collect()
    };
    assert_eq!(ids("-n 2"), ["04", "05"]);
    assert_eq!(ids("--type fp,s --user ann"), ["01", "03"]);
    assert_eq!(ids("--ip 192.0.2.8"), [""; 0]);
    assert_eq!(tail(data.path(), ""), [""; 0], "nothing happened in the last day");
}

/// `tail -f`, ended at the latest with the test.
struct Following(Child);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Nothing but what has arrived is shown, and others may have the folder meanwhile.
#[test]
fn events_are_followed() {
    let data = filled();
    let mut command = binary();
    command.args(["tail", "-f", "-n", "1", "--every", "1", "--from", "2025-03-01", "--to", "2025-03-02", "--data"]);
    let mut following = Following(command.arg(data.path()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(following.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("07:00:05"));
    // The folder may be taken for the moment of a look.
    let status = || binary().arg("status").arg("--data").arg(data.path()).output().unwrap().status.success();
    let is_free = |_| {
        std::thread::sleep(Duration::from_millis(100));
        status()
    };
    assert!((0..20).any(is_free));
    let now = Command::new("date").args(["-u", "+%Y/%m/%d/%H"]).output().unwrap().stdout;
    put(data.path(), &format!("{}/new", String::from_utf8(now).unwrap().trim()), &[("59", "limit_wc", "eve")]);
    let line = lines.next().unwrap();
    assert!(line.contains("ip blocked: one account tried too often") && line.contains("eve  192.0.2.7"), "{line}");
}
