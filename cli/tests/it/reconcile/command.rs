//! The command as a person runs it.

use std::process::Output;

use super::*;
use crate::support::binary;

/// Runs the command against the tenant of `world`.
fn command(world: &World, arguments: &str) -> Output {
    let mut command = binary();
    command.args(arguments.split_whitespace()).current_dir(world.data.path());
    command.env("AUTH0_DOMAIN", world.auth0.domain()).env("AUTH0_CLIENT_ID", "id").env("AUTH0_CLIENT_SECRET", "secret");
    command.output().unwrap()
}

/// A tenant whose events are those of the last two days, by this machine's clock, since the command reads that.
async fn world(comes: impl Fn(usize) -> bool) -> World {
    let now = Tenant::default().now;
    let now = now();
    let events = events(now - TimeDelta::hours(40), now - TimeDelta::minutes(5), 960, 3);
    let tenant = Tenant { events, ..Tenant::default() };
    let data = tempfile::tempdir().unwrap();
    let world = World { data, auth0: Auth0::start(tenant).await, http: http(), time: Time(Arc::new(Mutex::new(now))) };
    let events = world.events();
    world.deliver(events.iter().enumerate().filter(|(number, _)| comes(*number)).map(|(_, event)| event)).await;
    world
}

/// A text without its line feeds.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shown(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_is_missing_and_brings_it() {
    let world = world(|number| number % 100 != 3).await;
    let (code, text, errors) = shown(&command(&world, "reconcile --last 39h --data ."));
    assert_eq!(code, Some(1), "{text}{errors}");
    assert!(text.contains("MISSING: 3 of ") && words(&text).contains("`reconcile --repair` fetches them"), "{text}");
    assert_eq!(text.matches("  900").count(), 3, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let table: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("all ")).collect();
    assert_eq!(table.len(), 1, "{text}");
    let (code, text, errors) = shown(&command(&world, "reconcile --last 39h --repair --data ."));
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(text.contains("3 missing events were fetched and stored."), "{text}");
    let (code, text, _) = shown(&command(&world, "reconcile --last 39h --again --json --data ."));
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &found["missing"], found["calls"].as_u64() > Some(5)),
        (Some(0), &Value::Array(Vec::new()), true)
    );
    let (code, text, _) = shown(&command(&world, "verify --data ."));
    assert!(code.is_some() && text.contains("by `reconcile`, all that 127.0.0.1-"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_what_to_do_and_prints_no_secret() {
    let world = world(|_| true).await;
    let without =
        binary().args(["reconcile", "--data"]).arg(world.data.path()).env_remove("AUTH0_DOMAIN").output().unwrap();
    let (code, _, errors) = shown(&without);
    assert!(code == Some(2) && errors.contains("AUTH0_DOMAIN is not set"), "{errors}");
    world.auth0.change(|tenant| tenant.client.1 = "changed".to_owned());
    let (code, text, errors) = shown(&command(&world, "reconcile --data ."));
    assert!(code == Some(2) && errors.contains("check AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET"), "{text}{errors}");
    assert!(!errors.contains("\"secret\"") && !errors.contains("Bearer"), "{errors}");
    let (code, _, errors) = shown(&command(&world, "reconcile --data none-such"));
    assert!(code == Some(2) && errors.contains("there is no folder"), "{errors}");
}

/// The commands of the README between two marks, without what follows them as a comment.
fn commands_of_readme(mark: &str) -> Vec<String> {
    let readme = std::fs::read_to_string("../README.md").unwrap();
    let section = readme.split(&format!("<!-- {mark} -->")).nth(1).unwrap();
    let section = section.split(&format!("<!-- /{mark} -->")).next().unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("auth0-s3-logs "));
    lines.map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_is_pasted() {
    let world = world(|_| true).await;
    let commands = commands_of_readme("reconcile");
    assert_eq!(commands.len(), 3, "{commands:?}");
    for arguments in commands {
        let (code, text, errors) = shown(&command(&world, &format!("{arguments} --data .")));
        assert_eq!(code, Some(0), "{arguments}: {text}{errors}");
    }
    let begin = at("2025-03-01T00:00:00Z");
    let history = events(begin, begin + TimeDelta::hours(3), 60, 9);
    let lines: String = history.values().map(|event| format!("{event}\n")).collect();
    std::fs::write(world.data.path().join("history.ndjson.gz"), gzip(lines)).unwrap();
    let commands = commands_of_readme("import");
    assert_eq!(commands.len(), 2, "{commands:?}");
    for arguments in commands {
        let (code, text, errors) = shown(&command(&world, &format!("{arguments} --data .")));
        assert_eq!(code, Some(0), "{arguments}: {text}{errors}");
    }
    let (ids, doubled) = world.ids().await;
    assert!(history.keys().all(|id| ids.contains(id)) && doubled == 0);
}
