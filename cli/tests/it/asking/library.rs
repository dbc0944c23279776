//! The library of questions: what is rendered from it, and what its questions find.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use auth0_s3_logs::library::{self, Question, questions};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use expect_test::expect_file;
use fixtures::gzip;
use log_format::Object;
use serde_json::{Value, json};

use crate::support::{BUCKET, ask, binary, command};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_templates_have_every_question() {
    let path = root().join("templates/queries.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let (before, _) = text.split_once("\n  # The library of questions.").unwrap();
    let (_, after) = text.split_once("\nOutputs:\n").unwrap();
    let queries = library::saved_queries(questions()).unwrap();
    let hint = "  # The library of questions. Written from queries/ by the tests: UPDATE_EXPECT=1 cargo test library";
    expect_file![path].assert_eq(&format!("{before}\n{hint}\n{queries}\nOutputs:\n{after}"));
    assert!(queries.lines().all(|line| line.len() <= 262_144));
}

#[test]
fn the_page_tells_of_every_question() {
    let path = root().join("docs/queries.md");
    let text = fs::read_to_string(&path).unwrap();
    let mark = "<!-- Written from queries/ by the tests: UPDATE_EXPECT=1 cargo test library -->";
    let (before, _) = text.split_once(mark).unwrap();
    expect_file![path].assert_eq(&format!("{before}{mark}\n\n{}", library::page(questions())));
}

/// Auth0's detections: their ids are read from their files where these are at hand.
#[test]
fn every_detection_of_auth0_is_followed() {
    let references = questions().iter().flat_map(|question| &question.references);
    let followed: BTreeSet<&str> =
        references.filter(|text| !text.starts_with("https://")).map(String::as_str).collect();
    assert_eq!(followed.len(), 33);
    let Ok(files) = fs::read_dir(root().join("../shared/auth0-customer-detections/detections")) else { return };
    let texts: Vec<String> = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let id = |text: &String| text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().trim().to_owned();
    let ids: BTreeSet<String> = texts.iter().map(id).collect();
    assert_eq!(followed, ids.iter().map(String::as_str).collect::<BTreeSet<_>>());
}

/// Over a day of traffic, each question has the rows that the JSON holds; the reports and investigations have some, the
/// detections none.
#[tokio::test(flavor = "multi_thread")]
async fn every_question_finds_what_the_json_holds() {
    let data = tempfile::tempdir().unwrap();
    let (code, printed) = command(data.path(), &["demo", "--events", "15000", "--hours", "24"]);
    assert_eq!(code, 0, "{printed}");
    let known = "SELECT CAST(max(\"date\") AS varchar) AS day, max(user_id) FILTER (WHERE type = 'fp') AS \"user\", \
         max(ip) FILTER (WHERE type = 'fp') AS ip, max(log_id) AS log_id FROM auth0_logs";
    let known = &ask(data.path(), known).await[0];
    for question in questions() {
        let sql = statement(data.path(), question, known);
        let answer = ask(data.path(), &sql).await;
        let rows = answer.as_array().unwrap().len();
        assert_eq!(rows > 0, question.level.is_none(), "{} has {rows} rows: {sql}", question.name);
        // The plan of an erasure is about the JSON objects themselves.
        if question.level.is_some() || sql.contains("auth0_logs_json") {
            continue;
        }
        // The JSON table has a row for each delivery of an event.
        let over_json = sql.replace("FROM auth0_logs", "FROM (SELECT DISTINCT * FROM auth0_logs_json)");
        assert_ne!(over_json, sql, "{} asks the view", question.name);
        assert_eq!(ask(data.path(), &over_json).await, answer, "{}", question.name);
    }
}

/// What `ask` would ask about the last day of the traffic.
fn statement(data: &Path, question: &Question, known: &Value) -> String {
    let text = |name: &str| known[name].as_str().unwrap().to_owned();
    let day: NaiveDate = text("day").parse().unwrap();
    let (from, to) = (day - TimeDelta::days(1), day + TimeDelta::days(1));
    let mut arguments = vec![format!("--from={from}"), format!("--to={to}")];
    for parameter in &question.parameters {
        if parameter.default().is_null() {
            arguments.push(format!("--set={}={}", parameter.name, text(&parameter.name)));
        }
    }
    let output = binary().args(["ask", question.name, "--sql", "--data"]).arg(data).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The events on which a detection is tried.
struct Case {
    rule: String,
    fires: bool,
    parameters: BTreeMap<String, Value>,
    events: Vec<Value>,
    day: NaiveDate,
}

/// The cases beside the detections, each on a day that is far from the others'.
fn cases() -> Vec<Case> {
    let mut day: NaiveDate = "2016-01-01".parse().unwrap();
    let mut cases = Vec::new();
    for topic in fs::read_dir(root().join("queries/detect")).unwrap() {
        let text = fs::read_to_string(topic.unwrap().path().join("cases.json")).unwrap();
        let rules: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
        for (rule, tried) in rules {
            let parameters = tried.get("parameters").cloned().unwrap_or(json!({}));
            let parameters: BTreeMap<String, Value> = serde_json::from_value(parameters).unwrap();
            for (key, fires) in [("fires", true), ("quiet", false)] {
                let events = tried[key].as_array().unwrap().clone();
                let (rule, parameters) = (rule.clone(), parameters.clone());
                cases.push(Case { rule, fires, parameters, events, day });
                day += TimeDelta::days(40);
            }
        }
    }
    cases
}

impl Case {
    /// Writes the events into the objects of the hours in which they happened.
    fn write(&self, data: &Path) {
        let start: DateTime<Utc> = self.day.and_hms_opt(10, 0, 0).unwrap().and_utc();
        let mut hours: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut number = 0;
        for (position, event) in self.events.iter().enumerate() {
            let at = event.get("at").and_then(Value::as_i64).unwrap_or(i64::try_from(position).unwrap());
            for repeat in 0..event.get("repeat").and_then(Value::as_i64).unwrap_or(1) {
                let time = start + TimeDelta::minutes(at) + TimeDelta::seconds(repeat);
                number += 1;
                let log_id = format!("900{}{number:08}", self.day.format("%Y%m%d"));
                let line = line(event, time, &log_id, repeat);
                hours.entry(time.format("%Y/%m/%d/%H").to_string()).or_default().extend(line);
            }
        }
        for (hour, lines) in hours {
            let folder = data.join(BUCKET).join("logs").join(hour);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{}-{}.gz", self.rule, self.fires)), gzip(lines)).unwrap();
        }
    }

    /// The number of findings.
    fn findings(&self, data: &Path) -> usize {
        let mut arguments = vec!["ask".to_owned(), self.rule.clone()];
        arguments.push(format!("--day={}", self.day));
        for (name, value) in &self.parameters {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            arguments.push(format!("--set={name}={value}"));
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, found) = command(data, &arguments);
        assert_eq!(code, 0, "{}: {found}", self.rule);
        found.as_array().unwrap().len()
    }
}

/// The line of an event at a moment.
fn line(event: &Value, time: DateTime<Utc>, log_id: &str, repeat: i64) -> Vec<u8> {
    let mut event = event.as_object().unwrap().clone();
    event.retain(|name, _| !["at", "repeat"].contains(&name.as_str()));
    event.insert("date".to_owned(), time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string().into());
    event.insert("log_id".to_owned(), log_id.into());
    let text = Value::Object(event).to_string().replace("{n}", &repeat.to_string());
    let mut line = Vec::new();
    log_format::write_line(&Object::parse(text.as_bytes()).unwrap(), None, &mut line).unwrap();
    line
}

/// Every detection has a case, fires on the events made for it, and not on the near miss.
#[test]
fn detections_fire_on_their_events_alone() {
    let data = tempfile::tempdir().unwrap();
    let cases = cases();
    let tried: BTreeSet<&str> = cases.iter().map(|case| case.rule.as_str()).collect();
    let rules = questions().iter().filter(|question| question.level.is_some()).map(|question| question.name);
    assert_eq!(tried, rules.collect());
    cases.iter().for_each(|case| case.write(data.path()));
    let (code, printed) = command(data.path(), &["compact"]);
    assert_eq!(code, 0, "{printed}");
    for case in cases {
        let findings = case.findings(data.path());
        assert_eq!(findings > 0, case.fires, "{} on {}: {findings} findings", case.rule, case.day);
    }
}
