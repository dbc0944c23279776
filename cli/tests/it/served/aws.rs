//! `--aws`: the commands over a real socket find what they find over the folder itself.

use std::path::Path;
use std::process::Output;

use crate::served::server::Server;
use crate::support::binary;

/// Runs the command with `--aws` against the server, over the default bucket of a folder unless `arguments` name one.
pub(super) fn over_aws(server: &Server, arguments: &[&str]) -> Output {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = binary();
    if !arguments.contains(&"--bucket") {
        command.args(["--bucket", "auth0-logs"]);
    }
    command.args(arguments).arg("--aws").current_dir(elsewhere.path()).env("AWS_ENDPOINT_URL", &server.endpoint);
    let credentials = [("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "thing"), ("AWS_REGION", "eu-west-1")];
    let output = command.envs(credentials).output().unwrap();
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "{arguments:?}");
    output
}

/// Runs the command over the folder, which no other process may have open.
pub(super) fn over_folder(data: &Path, arguments: &[&str]) -> Output {
    binary().args(arguments).arg("--data").arg(data).output().unwrap()
}

pub(super) fn shown(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn check(data: &Path, arguments: &[&str], code: i32) {
    let over_folder = shown(&over_folder(data, arguments));
    let over_aws = shown(&over_aws(&Server::start(data, &[]), arguments));
    assert_eq!(over_aws, over_folder, "{arguments:?}");
    assert_eq!(over_aws.0, Some(code), "{over_aws:?}");
}

#[test]
fn the_same_is_found_as_over_the_folder() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(shown(&over_folder(data.path(), &["demo", "--events", "1000", "--hours", "4"])).0, Some(0));
    // The demo ended at its own time; by now its days are due.
    assert_eq!(shown(&over_folder(data.path(), &["compact"])).0, Some(0));
    check(data.path(), &["status"], 0);
    check(data.path(), &["compact", "--json"], 0);
    check(data.path(), &["verify", "--deep"], 0);
    check(data.path(), &["replay", "--dry-run"], 0);
    let (code, printed, _) = shown(&over_aws(&Server::start(data.path(), &[]), &["replay"]));
    assert!(code == Some(0) && printed.contains("All that is an event is replayed; "), "{printed}");
    check(data.path(), &["replay"], 0);
    check(data.path(), &["verify"], 0);
    let new = data.path().join("auth0-logs/logs/2025/03/01/07/new");
    std::fs::create_dir_all(new.parent().unwrap()).unwrap();
    std::fs::write(new, "{\"type\":\"s\"}\n").unwrap();
    let (code, printed, _) = shown(&over_aws(&Server::start(data.path(), &[]), &["compact"]));
    assert!(code == Some(0) && printed.contains("1 hours compacted"), "{printed}");
}

#[test]
fn nothing_is_made_on_aws() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let (code, _, errors) = shown(&over_aws(&server, &["compact", "--bucket", "acme-logs"]));
    assert!(code == Some(2) && errors.contains("failed to list s3://acme-logs/"), "{errors}");
    assert!(!data.path().join("acme-logs").exists());
}

/// A repair makes dropped tables anew, but no database whose name was mistyped.
#[test]
fn no_database_is_made_by_mistake() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(shown(&over_folder(data.path(), &["demo", "--events", "1000", "--hours", "4"])).0, Some(0));
    let server = Server::start(data.path(), &[]);
    let (code, _, errors) = shown(&over_aws(&server, &["verify", "--repair", "--database", "auth0_evnt_logs"]));
    assert!(code == Some(2) && errors.contains("\"auth0_evnt_logs\" has none of the tables"), "{errors}");
    assert_eq!(shown(&over_aws(&server, &["replay"])).0, Some(0));
    assert_eq!(shown(&over_aws(&server, &["verify", "--repair"])).0, Some(0));
}

#[test]
fn what_needs_a_folder_says_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    for (arguments, expected) in [
        (&["demo"][..], "leave out --aws"),
        (&["run", "--events", "-"], "on the event bus"),
        (&["serve", "--port", "0"], "reach AWS without it"),
        (&["--data", "x", "status"], "give one of them"),
        (&["status", "--data", "x"], "cannot be used with"),
    ] {
        let (code, printed, errors) = shown(&over_aws(&server, arguments));
        assert_eq!((code, printed.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_bucket_on_aws_has_to_be_named() {
    let output = binary().args(["status", "--aws"]).env("AWS_REGION", "eu-west-1").output();
    let (code, _, errors) = shown(&output.unwrap());
    assert!(code == Some(2) && errors.contains("give --deployment, or --bucket"), "{errors}");
}

#[test]
fn a_limit_it_cannot_have_is_named() {
    let mut command = binary();
    let output = command
        .args(["status", "--aws", "--bucket", "acme"])
        .env("AWS_REGION", "eu-west-1")
        .env("SETTLE_MINUTES", "soon")
        .output();
    let (code, _, errors) = shown(&output.unwrap());
    assert!(code == Some(2) && errors.contains("environment variable SETTLE_MINUTES is \"soon\""), "{errors}");
}

/// What is not said is asked of the deployed compactor; and what is said goes before it.
#[test]
fn a_deployment_is_found_by_its_name() {
    let data = tempfile::tempdir().unwrap();
    assert_eq!(
        shown(&over_folder(data.path(), &["demo", "--events", "300", "--hours", "2", "--bucket", "acme-logs"])).0,
        Some(0)
    );
    let server = Server::start(data.path(), &["--bucket", "acme-logs"]);
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], vars: &[(&str, &str)]| {
        let mut command = binary();
        command.args(arguments).current_dir(home.path()).env("XDG_CONFIG_HOME", home.path().join("config"));
        let aws = [("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "thing"), ("AWS_REGION", "eu-west-1")];
        command.env("AWS_ENDPOINT_URL", &server.endpoint).envs(aws).envs(vars.iter().copied());
        shown(&command.output().unwrap())
    };
    let found = |shown: (Option<i32>, String, String)| {
        assert!(shown.0 == Some(0) && shown.1.contains("watermark"), "{shown:?}");
    };
    found(run(&["status", "--deployment", "auth0-s3-logs"], &[]));
    found(run(&["status", "--aws"], &[("AUTH0_S3_LOGS_DEPLOYMENT", "auth0-s3-logs")]));
    found(run(&["status", "--aws"], &[("AUTH0_S3_LOGS_BUCKET", "acme-logs")]));
    let (code, _, errors) = run(&["status", "--deployment", "none"], &[]);
    assert!(code == Some(2) && errors.contains("failed to ask the function none-compactor"), "{errors}");
    let file = "default = \"here\"\n[deployments.here]\nprefix = \"auth0-s3-logs\"\n[deployments.other]\nbucket = \"nowhere\"\n";
    std::fs::write(home.path().join("auth0-s3-logs.toml"), file).unwrap();
    found(run(&["status", "--aws"], &[]));
    let (code, _, errors) = run(&["status", "--deployment", "other"], &[]);
    assert!(code == Some(2) && errors.contains("s3://nowhere/"), "{errors}");
    // The file is below the environment, and that below the command line. A deployment is not mixed with another.
    found(run(&["status", "--aws"], &[("AUTH0_S3_LOGS_BUCKET", "acme-logs"), ("AUTH0_S3_LOGS_DEPLOYMENT", "other")]));
    found(run(&["status", "--deployment", "here"], &[("AUTH0_S3_LOGS_BUCKET", "nowhere")]));
    found(run(&["status", "--aws", "--bucket", "acme-logs"], &[("AUTH0_S3_LOGS_BUCKET", "nowhere")]));
    std::fs::write(home.path().join("auth0-s3-logs.toml"), "defaults = 1").unwrap();
    let (code, _, errors) = run(&["status", "--aws"], &[]);
    assert!(code == Some(2) && errors.contains("auth0-s3-logs.toml") && errors.contains("defaults"), "{errors}");
}
