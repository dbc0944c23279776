//! No value of an event and no name of an object acts on a terminal, whatever command shows it.

use std::process::Output;

use fixtures::gzip;
use log_format::{Hour, layout};
use serde_json::json;
use telemetry::plain;
use tempfile::TempDir;

use crate::support::{BUCKET, binary};

/// Clears the screen, sets the title, goes back, is red by one character, reads from right to left, and has no width.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\r\u{8}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{2028}\nexit 0";

/// What of it the name of an object may have.
const LISTED: &str = "\r\u{9b}31m\u{202e}\u{2066}\u{200b}\u{2028}\nexit 0";

/// A folder whose events, names of objects and kept records are hostile, as far as each may be.
fn filled() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let put = |key: String, body: Vec<u8>| {
        let path = data.path().join(BUCKET).join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, body).unwrap();
    };
    let hour: Hour = "2026-11-20T13".parse().unwrap();
    let event = json!({"log_id": HOSTILE, "type": HOSTILE, "description": HOSTILE, "user_id": HOSTILE});
    put(format!("{}1.gz", layout::json_prefix(hour)), gzip(format!("{event}\n{HOSTILE}\n")));
    for name in [HOSTILE, LISTED] {
        put(format!("{}{name}.gz", layout::json_prefix(hour.next())), gzip(format!("{event}\n")));
        put(format!("logs/{name}"), b"no log".to_vec());
        put(format!("parquet/2026/11/20/13/{name}/x.parquet"), b"no parquet".to_vec());
        put(format!("error/processing-failed/2026/11/20/13/{name}"), HOSTILE.as_bytes().to_vec());
    }
    data
}

fn run(data: &TempDir, arguments: &[&str]) -> Output {
    binary().args(arguments).arg("--data").arg(data.path()).output().unwrap()
}

fn check_plain(arguments: &[&str], output: &Output) {
    for printed in [&output.stdout, &output.stderr] {
        let text = std::str::from_utf8(printed).unwrap();
        let acts = text.chars().find(|character| *character != '\n' && plain::acts(*character));
        assert_eq!(acts, None, "{arguments:?}: {text:?}");
        assert!(
            !text.lines().any(|line| line.trim_start().starts_with("exit 0")),
            "{arguments:?}: a value begins a line: {text}"
        );
    }
}

#[test]
fn no_command_shows_a_value_that_acts() {
    let data = filled();
    let mut shown = 0;
    let events = data.path().join("events.ndjson");
    std::fs::write(&events, format!("{}\n{HOSTILE}\n", json!({"log_id": HOSTILE, "type": HOSTILE}))).unwrap();
    let events = events.to_str().unwrap();
    let all = "SELECT * FROM auth0_logs_json";
    let wrong = format!("SELECT \"{HOSTILE}\" FROM auth0_logs");
    let named = format!("SELECT log_id AS \"{HOSTILE}\" FROM auth0_logs");
    let commands: [&[&str]; 17] = [
        &["status"],
        &["compact"],
        &["verify"],
        &["verify", "--deep"],
        &["verify", "--deep", "--repair"],
        &["replay", "--dry-run"],
        &["replay"],
        &["run", "--events", events],
        &["query", all],
        &["query", &named],
        &["query", "-o", "record", all],
        &["query", "-o", "ndjson", all],
        &["query", "SELECT * FROM nothing", "--workgroup", HOSTILE],
        &["query", &wrong],
        &["tail", "--day", "2026-11-20"],
        &["tail", "--day", "2026-11-20", "-o", "ndjson"],
        &["tail", "--day", "2026-11-20", "--user", HOSTILE],
    ];
    for command in commands {
        for form in [&[][..], &["--json"]] {
            let arguments = [command, form].concat();
            let output = run(&data, &arguments);
            check_plain(&arguments, &output);
            shown += usize::from(String::from_utf8_lossy(&output.stdout).contains("202e"));
        }
    }
    assert!(shown > 4, "values are shown, escaped: {shown}");
    println!("{} commands with hostile values, {shown} of which show some", 2 * commands.len());
}
