//! Processes that are killed at random moments leave nothing that the next plain command does not do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fixtures::gzip;
use log_format::{Hour, layout};
use serde_json::{Value, json};

use crate::support::{BUCKET, binary, command, number};

/// Kills in a run of the tests. `KILLS` asks for more.
const KILLS: u64 = 16;
/// What is drawn: which command is killed, when, and where the next event comes. `SEED` draws others.
const SEED: u64 = 17;
/// Nothing of ours takes that long here; the wait for another run would.
const NEXT_RUN_MAX: Duration = Duration::from_secs(60);
const HOURS: [&str; 3] = ["2026-11-20T13", "2026-11-20T14", "2026-11-21T00"];

fn asked(name: &str, otherwise: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "who runs the tests may ask for more of them")]
    std::env::var(name).map_or(otherwise, |value| value.parse().unwrap())
}

/// A folder that gets an event before each kill.
struct World {
    data: tempfile::TempDir,
    events: PathBuf,
    log_ids: BTreeSet<String>,
}

impl World {
    fn new() -> World {
        let data = tempfile::tempdir().unwrap();
        let events = data.path().join("events.ndjson");
        World { data, events, log_ids: BTreeSet::new() }
    }

    fn folder(&self) -> PathBuf {
        self.data.path().join("data")
    }

    /// A late object in one of the hours, and an event for `run`. Both have an id of their own.
    fn add(&mut self, kill: u64, hour: Hour) {
        let event = |id: &str| json!({"log_id": id, "type": "s", "date": "2026-11-20T13:20:00.000Z"}).to_string();
        let object = self.folder().join(BUCKET).join(format!("{}late-{kill}.gz", layout::json_prefix(hour)));
        fs::create_dir_all(object.parent().unwrap()).unwrap();
        fs::write(object, gzip(event(&format!("late-{kill}")) + "\n")).unwrap();
        fs::write(&self.events, event(&format!("run-{kill}")) + "\n").unwrap();
        self.log_ids.insert(format!("late-{kill}"));
    }
}

/// Starts the command and kills it after `moment`, unless it has ended by then. True if it was killed.
fn kill(folder: &Path, arguments: &[&str], moment: Duration) -> bool {
    let mut command = binary();
    command.args(arguments).arg("--data").arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

#[test]
fn the_next_command_does_what_a_killed_one_left() {
    let (kills, mut random) = (asked("KILLS", KILLS), fastrand::Rng::with_seed(asked("SEED", SEED)));
    let mut world = World::new();
    let (mut killed, mut slowest) = (0, Duration::ZERO);
    let mut round = 0;
    while killed < kills {
        round += 1;
        let hour = HOURS[random.usize(..HOURS.len())];
        world.add(round, hour.parse().unwrap());
        let events = world.events.to_str().unwrap().to_string();
        let commands: [&[&str]; 5] = [
            &["compact"],
            &["compact", "--hour", hour, "--rewrite"],
            &["run", "--events", &events],
            &["replay"],
            &["verify", "--deep", "--repair"],
        ];
        let arguments = commands[random.usize(..commands.len())];
        killed += u64::from(kill(&world.folder(), arguments, Duration::from_micros(random.u64(..150_000))));
        let started = Instant::now();
        let (code, tick) = command(&world.folder(), &["compact"]);
        slowest = slowest.max(started.elapsed());
        let what = format!("after round {round}, {arguments:?}: {tick}");
        assert_eq!((code, number(&tick, "deferred"), number(&tick, "failed")), (0, 0, 0), "{what}");
        assert!(started.elapsed() < NEXT_RUN_MAX, "{what}");
    }
    let (code, verified) = command(&world.folder(), &["verify", "--deep"]);
    assert_eq!(code, 0, "{verified}");
    let question = "SELECT DISTINCT log_id FROM auth0_logs WHERE log_id LIKE 'late-%'";
    let (_, rows) = command(&world.folder(), &["query", question]);
    let rows = rows.as_array().unwrap().iter().map(|row| row["log_id"].as_str().unwrap().to_string());
    assert_eq!(rows.collect::<BTreeSet<String>>(), world.log_ids);
    println!("{killed} commands killed at work, in {round} rounds; the next command took {slowest:?} at most");
}

/// Puts an old claim into the manifest of `hour`, as a run leaves it that was killed and never came back.
fn claim(folder: &Path, hour: &str) {
    let path = folder.join(BUCKET).join(layout::manifest_key(hour.parse().unwrap()));
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["claims"] = json!([{"attempt": "killed-0", "claimed_at": "2026-11-20T15:00:00Z"}]);
    // As a version wrote it that knew no digest.
    manifest.as_object_mut().unwrap().remove("sha256");
    fs::write(path, manifest.to_string()).unwrap();
}

#[test]
fn a_lost_live_file_is_written_anew_by_any_run_whatever_was_claimed() {
    let runs: [&[&str]; 4] = [
        &["compact"],
        &["compact", "--hour", HOURS[0]],
        &["compact", "--hour", HOURS[0], "--rewrite"],
        &["verify", "--repair"],
    ];
    for run in runs {
        let mut world = World::new();
        world.add(0, HOURS[0].parse().unwrap());
        assert_eq!(command(&world.folder(), &["compact"]).0, 0);
        claim(&world.folder(), HOURS[0]);
        let prefix = world.folder().join(BUCKET).join(layout::parquet_prefix(HOURS[0].parse().unwrap()));
        fs::remove_dir_all(prefix).unwrap();
        let (code, told) = command(&world.folder(), run);
        assert_eq!(code, 0, "{run:?}: {told}");
        let (_, rows) = command(&world.folder(), &["query", "SELECT log_id FROM auth0_logs_parquet"]);
        assert_eq!(rows, json!([{"log_id": "late-0"}]), "{run:?}");
        let (code, verified) = command(&world.folder(), &["verify", "--deep"]);
        assert_eq!(code, 0, "{run:?}: {verified}");
    }
}
