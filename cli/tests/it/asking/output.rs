//! How `query` and `export` print what they find, as a person and a program run them.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

use crate::support::{BUCKET, binary};

/// A folder with three events of 2025-03-01T07: one with a text that is hard to print, one without a user.
fn filled() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let hour = data.path().join(BUCKET).join("logs/2025/03/01/07");
    std::fs::create_dir_all(&hour).unwrap();
    let events = [
        json!({"log_id": "1", "timestamp": "2025-03-01T07:00:01.000Z", "type": "s", "user_id": "auth0|1", "user_name": ""}),
        json!({"log_id": "2", "timestamp": "2025-03-01T07:00:02.000Z", "type": "fp", "user_name": "b, \"c\"\nd"}),
        json!({"log_id": "3", "timestamp": "2025-03-01T07:00:03.000Z", "type": "s", "user_id": "o'brien"}),
    ];
    std::fs::write(hour.join("one"), events.map(|event| format!("{event}\n")).concat()).unwrap();
    let output = binary().args(["compact", "--data"]).arg(data.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    data
}

fn run(data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    shown(&command(data, arguments).output().unwrap())
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = binary();
    command.args(arguments).arg("--data").arg(data);
    command
}

fn shown(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// What needs neither a folder nor AWS is not stopped by what the environment says of them.
#[test]
fn completions_need_no_settings() {
    let output = binary().args(["completions", "bash"]).env("MEMORY_BYTES_MAX", "much").output().unwrap();
    let (code, printed, errors) = shown(&output);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(printed.contains("--deployment"), "{printed}");
}

const ALL: &str = "SELECT type, user_id, user_name, CAST(log_id AS bigint) AS number FROM auth0_logs \
     WHERE \"date\" = DATE '2025-03-01' ORDER BY log_id";

#[test]
fn every_form_has_the_same_rows() {
    let data = filled();
    let printed = |arguments: &[&str]| {
        let (code, printed, errors) = run(data.path(), &[&["query", ALL], arguments].concat());
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{arguments:?}");
        printed
    };
    let table = printed(&[]);
    assert!(table.starts_with(" type  user_id  user_name"), "{table}");
    assert!(table.contains("b, \\\"c\\\"\\nd") || table.contains("b, \"c\"\\nd"), "{table}");
    assert!(table.contains("\n3 rows; "), "{table}");
    let csv = "type,user_id,user_name,number\ns,auth0|1,\"\",1\nfp,,\"b, \"\"c\"\"\nd\",2\ns,o'brien,,3\n";
    assert_eq!(printed(&["-o", "csv"]), csv);
    let rows = json!([
        {"type": "s", "user_id": "auth0|1", "user_name": "", "number": 1},
        {"type": "fp", "user_id": null, "user_name": "b, \"c\"\nd", "number": 2},
        {"type": "s", "user_id": "o'brien", "user_name": null, "number": 3},
    ]);
    let lines = printed(&["-o", "ndjson"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::from(lines), rows);
    for arguments in [&["-o", "json"][..], &["--json"]] {
        assert_eq!(serde_json::from_str::<Value>(&printed(arguments)).unwrap(), rows);
    }
    assert!(printed(&["-o", "record"]).contains("── 2 ──\ntype       fp (wrong password)\nuser_id    NULL\n"));
    assert!(printed(&["-o", "json"]).find("type") < printed(&["-o", "json"]).find("user_id"), "in SELECT's order");
}

#[test]
fn statements_come_from_anywhere() {
    let data = filled();
    let file = data.path().join("two.sql");
    std::fs::write(&file, "SELECT 1 AS one; -- done;\nSELECT ';' AS two;").unwrap();
    let (code, printed, errors) = run(data.path(), &["query", "-o", "csv", "-f", file.to_str().unwrap()]);
    assert_eq!((code, printed.as_str(), errors.as_str()), (Some(0), "one\n1\ntwo\n;\n", ""));
    let mut child =
        command(data.path(), &["query", "-o", "csv"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"SELECT 2 AS three").unwrap();
    assert_eq!(shown(&child.wait_with_output().unwrap()).1, "three\n2\n");
    let (code, _, errors) = run(data.path(), &["query", ";"]);
    assert!(code == Some(2) && errors.contains("there is no statement"), "{errors}");
    let (code, _, errors) = run(data.path(), &["query", "-f", "nowhere.sql"]);
    assert!(code == Some(2) && errors.contains("failed to read the statements in nowhere.sql"), "{errors}");
    let (code, printed, errors) = run(data.path(), &["query", "-o", "csv", "SELECT 1 AS one; SELECT 'x"]);
    assert!(code == Some(2) && printed.is_empty() && errors.contains("cannot be read"), "{errors}");
    let (code, printed, errors) = run(data.path(), &["query", "-o", "csv", "SELECT 1 AS one; SELECT * FROM none"]);
    assert!(code == Some(2) && printed == "one\n1\n" && errors.contains("there is no table none"), "{errors}");
}

#[test]
fn no_rows_are_said() {
    let data = filled();
    let (code, printed, _) = run(data.path(), &["query", "SELECT type FROM auth0_logs WHERE type = 'none'"]);
    assert!(code == Some(0) && printed.contains("0 rows; "), "{printed}");
    let (_, printed, _) = run(data.path(), &["query", "--json", "SELECT type FROM auth0_logs WHERE type = 'none'"]);
    assert_eq!(printed, "[]\n");
    let (_, printed, _) = run(data.path(), &["query", "-o", "json", "SELECT NULL AS nothing"]);
    assert_eq!(printed, "[\n{\"nothing\":null}\n]\n");
}

/// A reader that has seen enough is no error, whatever is printed.
#[test]
fn a_closed_pipe_is_quiet() {
    let data = filled();
    let many = "SELECT lpad('', 1000, 'x') AS x FROM auth0_logs a, auth0_logs b, auth0_logs c, auth0_logs d, auth0_logs e, \
         auth0_logs f, auth0_logs g, auth0_logs h";
    for format in ["table", "record", "csv", "ndjson", "json"] {
        let pipe = "\"$@\" | head -n 2 > /dev/null; exit ${PIPESTATUS[0]}";
        let mut command = Command::new("bash");
        command.args(["-c", pipe, "bash"]).arg(binary().get_program());
        let output = command.args(["query", "-o", format, many, "--data"]).arg(data.path()).output().unwrap();
        assert_eq!((output.status.code(), shown(&output).2.as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn events_are_exported() {
    let data = filled();
    let export = |arguments: &str| {
        run(data.path(), &["export"].into_iter().chain(arguments.split_whitespace()).collect::<Vec<&str>>())
    };
    let (code, csv, errors) = export("--day 2025-03-01");
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(csv.starts_with("log_id,timestamp,connection,"), "{csv}");
    assert_eq!(csv.matches(",2025-03-01,07\n").count(), 3, "{csv}");
    let (_, lines, _) = export("--user o'brien -o ndjson");
    let only: Value = serde_json::from_str(&lines).unwrap();
    assert_eq!((&only["log_id"], &only["user_id"], &only["hour"]), (&json!("3"), &json!("o'brien"), &json!("07")));
    assert_eq!(export("--from 2025-03-01T08 -o ndjson").1, "");
    assert_eq!(export("--from 2025-03-01T07 --to 2025-03-01T08 -o ndjson").1.lines().count(), 3);
    let file = data.path().join("all.parquet");
    let (code, printed, errors) = export(&format!("--from 2025-03-01 --to-file {}", file.display()));
    assert!(code == Some(0) && printed.starts_with("3 events written to "), "{printed}{errors}");
    let reader = SerializedFileReader::new(File::open(&file).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 3);
    let mut ids: Vec<String> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| row.unwrap().get_column_iter().next().unwrap().1.to_string())
        .collect();
    ids.sort();
    assert_eq!(ids, ["\"1\"", "\"2\"", "\"3\""]);
    for (arguments, expected) in [
        ("", "say which events"),
        ("--day 2025-03-01 --to-file x.xlsx", "no format is known by the ending .xlsx"),
        ("--day 2025-03-01 --to-file no/such/folder.csv", "failed to make no/such/folder.csv"),
    ] {
        let (code, _, errors) = export(arguments);
        assert!(code == Some(2) && errors.contains(expected), "{arguments}: {errors}");
    }
    // What was there stays where nothing can be exported, and nothing else is left.
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept.csv");
    std::fs::write(&kept, "kept").unwrap();
    let none = folder.path().join("none");
    let (code, ..) = run(&none, &["export", "--day", "2025-03-01", "--to-file", kept.to_str().unwrap()]);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!((code, std::fs::read_to_string(&kept).unwrap().as_str(), files), (Some(2), "kept", 1));
}
