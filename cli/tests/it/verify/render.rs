//! What a person and a machine read: a line for each hour, its differences below it, a summary.

use auth0_s3_logs::Verdict;
use auth0_s3_logs::commands::verify::run;
use local_aws::seam::{Failure, Fault, Faults};
use log_format::layout;

use super::{ADOPTED, MIXED, command, damage, delete, env, filled, hour, keys, options, put_lines, stack};
use crate::support::deployment;

const HOURS: &str = r#" hour           state    objects  lines  rows  duplicates  rejected
────────────────────────────────────────────────────────────────────
 2025-03-01T07  differs        2      8     4           2         2
     file missing: parquet/2025/03/01/07/2025-03-01T13-0/00000.parquet
     → `verify --repair` writes the hour anew from its JSON
     partition elsewhere: 2025-03-01T07 of auth0_logs_parquet names s3://auth0-logs/parquet/2025/03/01/09/2025-03-01T19-0/, not s3://auth0-logs/parquet/2025/03/01/07/2025-03-01T13-0/
     → `verify --repair` has the compactor look at the hour
 2025-03-01T08  unknown        1      -     -
     could not tell: failed to read s3://auth0-logs/manifests/2025/03/01/08.json: unhandled error (InternalError): Error { code: "InternalError", message: "this call was made to fail" }
 2025-03-01T09  sound          2      4     3           1
 2025-03-01T10  differs        2      9     6                     3
     unknown folder: rejected/2025/03/01/10/stranger.ndjson.gz
     → `verify --repair` retires it; the compactor deletes it a day later
 2025-03-01T11  sound          1      2     0                     2
 2025-03-01T19  pending        1      -     -
 in no hour
     watermark missing: manifests/watermark.json
     → `verify --repair` finds the watermark and makes the view say it
"#;
const LAST: [&str; 2] = [
    " differences                4  1 × file missing, 1 × unknown folder, 1 × partition elsewhere, 1 × watermark missing",
    "COULD NOT TELL: 1 × unknown, with the reason above; run it again.",
];

/// Nobody has to look the command up.
#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_gone_the_versions_are_asked_for() {
    let data = filled().await;
    let stack = stack(data.path());
    let look = async || run(&deployment(&stack, "verify"), &options(false, false), &env(1)).await.unwrap();
    assert_eq!(look().await.versions_of_gone("logs"), "");
    let inputs = keys(&stack, &layout::json_prefix(hour(MIXED))).await;
    delete(&stack, &inputs[0]).await;
    let expected = format!(
        "With versioning, S3 may still have what is gone:\n  \
         aws s3api list-object-versions --bucket 'it'\\''s' --prefix '{}'\n",
        inputs[0]
    );
    assert_eq!(look().await.versions_of_gone("it's"), expected);
}

/// An hour may differ in thousands of objects.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_differences_the_first_are_printed() {
    let data = filled().await;
    let stack = stack(data.path());
    for number in 10..25 {
        put_lines(&stack, MIXED, &format!("{number}.gz"), "{\"type\":\"s\"}\n").await;
    }
    damage(&stack, "partition dropped").await;
    let found = run(&deployment(&stack, "verify"), &options(false, false), &env(1)).await.unwrap();
    let text = found.to_text();
    let (hours, _) = text.split_once("\n\n").unwrap();
    let below: Vec<&str> = hours.lines().filter_map(|line| line.strip_prefix("     ")).collect();
    assert_eq!(below.len(), 13, "{text}");
    assert_eq!(below[9], "JSON object not in Parquet: logs/2025/03/01/07/19.gz, 33 bytes");
    assert_eq!(below[10], "JSON object not in Parquet: 5 more; --json has them all");
    assert!(below[11].starts_with("partition missing: 2025-03-01T07 of auth0_logs_parquet"), "{text}");
    // Both have the same remedy.
    assert_eq!(below[12], "→ `verify --repair` has the compactor look at the hour");
    assert!(text.ends_with("NOT PROVEN: 16 differences.\n"), "{text}");
}

/// Sound, unknown, differing and pending hours, and a difference in no hour.
#[tokio::test(flavor = "multi_thread")]
async fn an_hour_is_a_line() {
    let data = filled().await;
    let stack = stack(data.path());
    put_lines(&stack, "2025-03-01T19", "1.gz", "{\"type\":\"s\"}\n").await;
    stack.catalog.ensure_json_partition(hour("2025-03-01T19")).await.unwrap();
    for name in ["partition to another folder", "watermark gone", "unknown rejected lines", "file missing"] {
        damage(&stack, name).await;
    }
    let one = layout::manifest_key(hour(ADOPTED));
    stack.aws.inject(Faults::by(move |_, call| {
        let hit = &*call.name == "GetObject" && call.resources.iter().any(|it| it.ends_with(&one));
        hit.then_some(Fault::Before(Failure::Internal))
    }));
    let found = run(&deployment(&stack, "verify"), &options(true, false), &env(1)).await.unwrap();
    assert_eq!(found.verdict(), Verdict::Unknown);
    let text = found.to_text();
    let (hours, summary) = text.split_once("\n\n").unwrap();
    assert_eq!(format!("{hours}\n"), HOURS);
    let summary: Vec<&str> = summary.lines().map(str::trim_end).collect();
    assert_eq!(summary[summary.len() - 2..], LAST);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hours_are_in_the_json_too() {
    let data = filled().await;
    let opened = stack(data.path());
    put_lines(&opened, "2025-03-01T19", "1.gz", "{\"type\":\"s\"}\n").await;
    damage(&opened, "unknown rejected lines").await;
    drop(opened);
    let (code, printed, _) = command(data.path(), &["--deep"]);
    assert_eq!((code, printed["hours"].as_u64(), printed["rows"].as_u64()), (1, Some(6), Some(16)), "{printed}");
    let hours = printed["by_hour"].as_array().unwrap();
    let line = |line: &serde_json::Value| {
        let findings = line["findings"].as_array().unwrap().iter().map(|it| it["difference"].as_str().unwrap());
        let findings: Vec<&str> = findings.collect();
        let [objects, lines, rows, duplicates, rejected] =
            ["objects", "lines", "rows", "duplicates", "rejected"].map(|name| line[name].to_string());
        let (hour, state) = (line["hour"].as_str().unwrap(), line["state"].as_str().unwrap());
        let compared = if line["compared"].as_bool().unwrap() { "compared" } else { "" };
        format!("{hour} {state} {objects} {lines} {rows} {duplicates} {rejected} {compared}{findings:?}")
    };
    let expected = [
        "2025-03-01T07 sound 2 8 4 2 2 compared[]",
        "2025-03-01T08 sound 1 3 3 0 0 compared[]",
        "2025-03-01T09 sound 2 4 3 1 0 compared[]",
        "2025-03-01T10 differs 2 9 6 0 3 compared[\"unknown folder\"]",
        "2025-03-01T11 sound 1 2 0 0 2 compared[]",
        "2025-03-01T19 differs 1 null null null null [\"hour not compacted\", \"JSON partition missing\"]",
    ];
    assert_eq!(hours.iter().map(line).collect::<Vec<String>>(), expected);
    assert_eq!(printed["findings"].as_array().unwrap().len(), 3);
}
