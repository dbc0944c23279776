//! Nothing outside a data folder is read or written, whatever lies in it, and the sound hours are done.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use fixtures::gzip;
use flate2::read::MultiGzDecoder;
use log_format::{Hour, layout};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{BUCKET, binary};

/// What every file outside holds, in its lines.
const CANARY: &str = "canary-of-the-outside";

/// A hour of which nothing is odd, and how many events it has.
const SOUND: &str = "2026-11-20T13";
const EVENTS: usize = 3;

/// A folder, and what lies outside of it: files and folders as the bucket could hold them.
struct Folders {
    kept: TempDir,
}

impl Folders {
    fn new() -> Folders {
        let folders = Folders { kept: tempfile::tempdir().unwrap() };
        let hour: Hour = SOUND.parse().unwrap();
        let event = |id: &str| json!({"log_id": id, "type": "s", "date": "2026-11-20T13:00:00.000Z"}).to_string();
        let events: Vec<String> = (0..EVENTS).map(|number| event(&number.to_string())).collect();
        write(&folders.object(&format!("{}1.gz", layout::json_prefix(hour))), &gzip(events.join("\n") + "\n"));
        write(&folders.kept.path().join("events.ndjson"), (event("taken") + "\n").as_bytes());
        let canary = gzip(event(CANARY) + "\n");
        for path in ["1.gz", "13/1.gz", "20/13/1.gz", "11/20/13/1.gz", "2026/11/20/13/1.gz", "logs/2026/11/20/13/1.gz"]
        {
            write(&folders.outside(path), &canary);
        }
        for path in ["plain", "catalog.ndjson", "tmp/file", "uploads/file", "live.json", "state/lock"] {
            write(&folders.outside(path), CANARY.as_bytes());
        }
        folders
    }

    fn data(&self) -> PathBuf {
        self.kept.path().join("data")
    }

    fn object(&self, key: &str) -> PathBuf {
        self.data().join(BUCKET).join(key)
    }

    fn state(&self, name: &str) -> PathBuf {
        self.data().join(".local-aws").join(name)
    }

    fn outside(&self, path: &str) -> PathBuf {
        self.kept.path().join("outside").join(path)
    }

    /// Puts a link to `target`, which lies outside, to `path`.
    fn link(&self, path: &Path, target: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(self.outside(target), path).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        // What waits for ever must fail the test, not hang it.
        let mut command = Command::new("timeout");
        let taken = self.kept.path().join("events.ndjson");
        let arguments = arguments.iter().map(|argument| match *argument {
            TAKEN => taken.as_os_str(),
            argument => OsStr::new(argument),
        });
        command.arg("60").arg(binary().get_program()).args(arguments).arg("--data").arg(self.data());
        command.output().unwrap()
    }

    /// Every file outside with its content, and when it was read and written last.
    fn seen_outside(&self) -> Vec<(PathBuf, Vec<u8>, SystemTime, SystemTime)> {
        let mut seen = Vec::new();
        for path in files(&self.outside("")) {
            let times = fs::metadata(&path).unwrap();
            let times = (times.accessed().unwrap(), times.modified().unwrap());
            let content = fs::read(&path).unwrap();
            // The next reader moves the time of access only if it is older than that of the last change.
            let set = FileTimes::new().set_accessed(times.1 - Duration::from_secs(60)).set_modified(times.1);
            File::options().write(true).open(&path).unwrap().set_times(set).unwrap();
            seen.push((path, content, times.0, times.1));
        }
        seen
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The plain files in a folder and those below it. Links are not followed.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

fn pipe(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    assert!(fs::symlink_metadata(path).unwrap().file_type().is_fifo());
}

/// Puts something into a folder.
type Place = fn(&Folders);

/// What may lie in a bucket, each with how it gets there. `true` if the command has to name it.
fn odd_objects() -> Vec<(&'static str, bool, Place)> {
    vec![
        ("a link to a file", true, |it| it.link(&it.object("logs/2026/11/20/13/link.gz"), "1.gz")),
        ("a link to a text", true, |it| it.link(&it.object("logs/2026/11/20/13/text"), "plain")),
        ("a link to nothing", true, |it| it.link(&it.object("logs/2026/11/20/13/nothing.gz"), "not/there")),
        ("a link to itself", true, |it| symlink("self.gz", it.object("logs/2026/11/20/13/self.gz")).unwrap()),
        ("a link that goes up", true, |it| {
            symlink("../../../../../../../outside/1.gz", it.object("logs/2026/11/20/13/up.gz")).unwrap();
        }),
        ("a link to a file inside", true, |it| symlink("1.gz", it.object("logs/2026/11/20/13/inside.gz")).unwrap()),
        ("a link to a folder", true, |it| it.link(&it.object("logs/2026/11/20/13/folder"), "")),
        ("a linked hour", true, |it| it.link(&it.object("logs/2026/11/20/11"), "13")),
        ("a linked day", true, |it| it.link(&it.object("logs/2026/11/19"), "20")),
        ("a linked month", true, |it| it.link(&it.object("logs/2026/10"), "11")),
        ("a linked year", true, |it| it.link(&it.object("logs/2025"), "2026")),
        ("a link to the folder above", true, |it| symlink("..", it.object("logs/2026/11/20/13/above")).unwrap()),
        ("a link to all that is linked", true, |it| symlink("../..", it.object("logs/round")).unwrap()),
        ("a pipe", true, |it| pipe(&it.object("logs/2026/11/20/13/pipe.gz"))),
        ("a pipe without an hour", true, |it| pipe(&it.object("logs/pipe"))),
        ("a socket", true, |it| drop(UnixListener::bind(it.object("logs/2026/11/20/13/socket.gz")).unwrap())),
        ("a name that is no UTF-8", true, |it| {
            write(&it.object("logs/2026/11/20/13").join(OsStr::from_bytes(b"\xff\xfe.gz")), b"{}\n");
        }),
        ("a name that no listing carries", true, |it| write(&it.object("logs/2026/11/20/13/\u{ffff}.gz"), b"{}\n")),
        ("a folder of no UTF-8", true, |it| {
            write(&it.object("logs/2026/11/20/13").join(OsStr::from_bytes(b"\xff/1.gz")), b"{}\n");
        }),
        ("a folder where a file would be", false, |it| {
            fs::create_dir_all(it.object("logs/2026/11/20/13/folder.gz")).unwrap();
        }),
        ("a linked day of rolled up hours", true, |it| {
            it.link(&it.object(layout::daily_prefix("2026-11-20".parse().unwrap()).trim_end_matches('/')), "20");
        }),
        ("a linked manifest", false, |it| {
            it.link(&it.object(&layout::manifest_key(SOUND.parse().unwrap())), "live.json");
        }),
        ("a linked hour of Parquet", true, |it| it.link(&it.object("parquet/2026/11/20/13"), "13")),
        ("linked errors", true, |it| it.link(&it.object("error"), "logs")),
        ("a linked list of rejected lines", true, |it| it.link(&it.object("rejected"), "logs")),
        ("a linked bucket beside ours", false, |it| it.link(&it.data().join("another-bucket"), "logs")),
    ]
}

/// What may stand where the embedded AWS keeps its state, and the name that an error or a warning has to have.
fn odd_state() -> Vec<(&'static str, Place)> {
    vec![
        ("data/auth0-logs", |it| {
            fs::remove_dir_all(it.object("")).unwrap();
            it.link(&it.data().join(BUCKET), "");
        }),
        ("data/.local-aws", |it| it.link(&it.data().join(".local-aws"), "state")),
        (".local-aws/lock", |it| it.link(&it.state("lock"), "plain")),
        (".local-aws/lock", |it| pipe(&it.state("lock"))),
        (".local-aws/tmp", |it| it.link(&it.state("tmp"), "tmp")),
        (".local-aws/uploads", |it| it.link(&it.state("uploads"), "uploads")),
        (".local-aws/escaped", |it| it.link(&it.state("escaped"), "")),
        (".local-aws/objects.ndjson", |it| it.link(&it.state("objects.ndjson"), "catalog.ndjson")),
        (".local-aws/queues.ndjson", |it| pipe(&it.state("queues.ndjson"))),
        ("data/catalog.ndjson", |it| it.link(&it.data().join("catalog.ndjson"), "catalog.ndjson")),
        ("data/catalog.ndjson", |it| pipe(&it.data().join("catalog.ndjson"))),
    ]
}

/// The events that `run` takes, beside the folder.
const TAKEN: &str = "EVENTS";

/// Every command but `serve`, which answers by the keys of S3. The last two write the most, and take the longest.
static COMMANDS: [&[&str]; 12] = [
    &["status"],
    &["compact"],
    &["compact", "--hour", SOUND, "--rewrite"],
    &["verify", "--deep"],
    &["verify", "--deep", "--repair"],
    &["replay"],
    &["query", "SELECT count(*) AS rows FROM auth0_logs"],
    &["query", "SELECT count(*) AS rows FROM auth0_logs_json"],
    &["tail", "--from", "2026-11-20", "--to", "2026-11-21"],
    &["export", "--day", "2026-11-20"],
    &["status", "--json"],
    &["run", "--events", TAKEN],
];

/// Checks that a command has neither shown nor kept what lies outside, nor touched it.
fn check_inside(folders: &Folders, what: &str, arguments: &[&str], output: &Output) {
    let printed = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(!has_canary(&printed), "{what}: {arguments:?} shows the outside: {}", String::from_utf8_lossy(&printed));
    assert_ne!(output.status.code(), Some(124), "{what}: {arguments:?} hangs");
    let kept = files(&folders.data());
    for path in kept {
        assert!(!has_canary(&fs::read(&path).unwrap()), "{what}: {arguments:?} copied the outside to {path:?}");
    }
}

/// Whether a file or a text has the canary, as it is or compressed.
fn has_canary(bytes: &[u8]) -> bool {
    let mut inflated = Vec::new();
    // What is no gzip gives nothing.
    let _ = MultiGzDecoder::new(bytes).read_to_end(&mut inflated);
    holds_canary(bytes) || holds_canary(&inflated)
}

fn holds_canary(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

/// Runs every command, and checks that none leaves the folder. Returns what each printed, and its exit code.
fn run_all(
    folders: &Folders,
    what: &str,
    commands: &'static [&'static [&'static str]],
) -> Vec<(&'static [&'static str], String, i32)> {
    let before = folders.seen_outside();
    let mut ran = Vec::new();
    for arguments in commands {
        let output = folders.run(arguments);
        check_inside(folders, what, arguments, &output);
        let printed = [&output.stdout[..], &output.stderr[..]].concat();
        ran.push((*arguments, String::from_utf8_lossy(&printed).into_owned(), output.status.code().unwrap()));
    }
    let after = folders.seen_outside();
    assert_eq!(before.len(), after.len(), "{what}: a file was made or removed outside");
    for (before, after) in before.iter().zip(&after) {
        assert!(before.1 == after.1 && before.3 == after.3, "{what}: {:?} was written", after.0);
        assert!(after.2 < after.3, "{what}: {:?} was read", after.0);
    }
    ran
}

/// Checks that a command went well and, if it was a question, that it had the rows of the sound hour.
fn check_done(what: &str, (arguments, printed, code): &(&[&str], String, i32)) {
    assert_eq!(*code, 0, "{what}: {arguments:?}: {printed}");
    let has_rows = printed.lines().any(|line| line.trim_matches(['|', ' ']) == EVENTS.to_string());
    assert!(arguments[0] != "query" || has_rows, "{what}: {arguments:?}: {printed}");
}

#[test]
fn all_odd_objects_at_once_stop_nothing() {
    let folders = Folders::new();
    for (_, _, place) in odd_objects() {
        place(&folders);
    }
    for ran in run_all(&folders, "all at once", &COMMANDS) {
        check_done("all at once", &ran);
        assert!(ran.0[0] == "query" || ran.1.contains("passed over"), "{ran:?}");
    }
}

#[test]
fn every_odd_object_is_named_and_stops_nothing() {
    let (kinds, quick) = (odd_objects(), &COMMANDS[..COMMANDS.len() - 1]);
    for (what, is_named, place) in &kinds {
        let folders = Folders::new();
        place(&folders);
        let ran = run_all(&folders, what, quick);
        ran.iter().for_each(|ran| check_done(what, ran));
        assert!(!is_named || ran.iter().any(|(_, printed, _)| printed.contains("passed over")), "{what}: {ran:?}");
    }
    println!("{} kinds of odd object, {} commands each", kinds.len(), quick.len());
}

#[test]
fn odd_state_is_an_error_that_names_it() {
    let kinds = odd_state();
    for (name, place) in &kinds {
        let folders = Folders::new();
        place(&folders);
        for (arguments, printed, code) in run_all(&folders, name, &COMMANDS) {
            // Who only reads needs neither the lock nor what is being written. What it says is true: nobody could compact.
            let is_true = arguments[..] == ["verify", "--deep"] && printed.contains("hour not compacted");
            assert!(code == 0 || is_true || printed.contains(name), "{name}: {arguments:?}: {printed}");
            assert!(!printed.contains("Proven"), "{name}: {arguments:?}: {printed}");
        }
    }
    println!("{} kinds of odd state, {} commands each", kinds.len(), COMMANDS.len());
}
