//! The command line.

mod asking;
mod help;
mod import;
mod questions;
mod reconcile;
mod span;

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};
use clap_complete::Shell;
use log_format::{Day, Hour};

use crate::target::Target;

use help::Help;

pub use asking::{EventFormat, Export, FileFormat, Query, Tail};
pub use help::command;
pub use import::Import;
pub use questions::{Ask, Detect, Timeline};
pub use reconcile::Reconcile;
pub use span::{Bounds, HourRange, Span};
pub(crate) use span::{condition, span_of_last};

/// Every Auth0 log event in your own S3 bucket, cheap to query, provably complete
///
/// This command runs the whole pipeline on one machine, over a folder that stands for the bucket: Firehose, S3 and Glue
/// are embedded, the rest is the code that runs on AWS. Without a subcommand it runs the demo. With --aws it works on a
/// deployment on AWS instead.
#[derive(Debug, Parser)]
#[command(name = "auth0-s3-logs", version, long_version = long_version(), after_help = BRIEF, after_long_help = ROOT.full())]
pub struct Args {
    /// What to work on, and how to print.
    #[command(flatten)]
    pub target: Target,
    /// Options of the demo, which runs if no subcommand is given.
    #[command(flatten, next_help_heading = "Demo")]
    pub demo: Demo,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const BRIEF: &str = "COMMAND -h shows a command's options on a screen, --help all there is to know.";

const ROOT: Help = Help {
    text: "\
On AWS all commands but `demo`, `run` and `serve` work with --aws. Credentials come from the environment, the profile
that --profile or AWS_PROFILE names (after `aws sso login` too), or the machine's role. If the compactor's Lambda has
SETTLE_MINUTES, WATERMARK_LAG_HOURS or another limit set, set the same here.",
    exit_codes: "
  0  done, and every event is accounted for
  1  done, but an hour failed or was deferred, or a number does not add up
  2  could not be done; the error says why",
    examples: "
  auth0-s3-logs                               run the demo
  auth0-s3-logs --events 5000 --seed 7        a smaller one
  auth0-s3-logs run --events events.ndjson    take in your own events
  auth0-s3-logs ask why-no-login --user ann@example.com
  auth0-s3-logs timeline ann@example.com      all that a user did
  auth0-s3-logs detect                        Auth0's detections, and more
  auth0-s3-logs tail -f                       the newest events, as they arrive
  auth0-s3-logs query \"SELECT count(DISTINCT log_id) FROM auth0_logs\"
  auth0-s3-logs verify                        nothing is lost from S3 to the row
  auth0-s3-logs reconcile                     nothing is lost from Auth0 to S3
  auth0-s3-logs verify --aws --bucket acme-logs
  auth0-s3-logs completions bash > ~/.local/share/bash-completion/completions/auth0-s3-logs",
};

/// The version, the commit that it was built from, the features, and the version of the Parquet that it writes.
fn long_version() -> String {
    let sql = if cfg!(feature = "sql") { "sql" } else { "none: SQL over a folder is left out" };
    format!(
        "{}\ncommit {}\nfeatures {sql}\nwriter version {}",
        env!("CARGO_PKG_VERSION"),
        env!("COMMIT"),
        projection::WRITER_VERSION
    )
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a day of generated traffic through the pipeline (the default)
    Demo(Demo),
    /// Take your own events through the pipeline, into a folder
    Run(Run),
    /// Compact closed hours of JSON into Parquet
    Compact(Compact),
    /// Query the tables in SQL, as in Athena; with --aws, in Athena
    Query(Query),
    /// Ask a question of the library by its name
    Ask(Ask),
    /// Ask all detections, and say what their silence is worth
    Detect(Detect),
    /// Show all that a user did
    Timeline(Timeline),
    /// Show the newest events, and go on as they arrive
    Tail(Tail),
    /// Write events as CSV, NDJSON or Parquet
    Export(Export),
    /// Prove that no delivered event is lost, doubled or half shown
    Verify(Verify),
    /// Prove from Auth0's own log that every event arrived
    Reconcile(Reconcile),
    /// Show what each hour holds, and its state
    Status(Status),
    /// Take in what Firehose kept under error/, or a queue holds
    Replay(Replay),
    /// Take in events from before the stream
    Import(Import),
    /// Serve the folder's S3, Glue, SQS and Athena on one port
    Serve(Serve),
    /// Print what completes commands in a shell
    Completions(Completions),
    /// Write the pages of the manual into a folder
    #[command(hide = true)]
    Manual(Manual),
}

const DEMO: Help = Help {
    text: "",
    exit_codes: "",
    examples: "
  auth0-s3-logs demo --events 1000000 --hours 72 --seed 7",
};

/// Options of the demo.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(after_help = DEMO.brief(), after_long_help = DEMO.full())]
pub struct Demo {
    /// How many events are sent [default: 100000]
    ///
    /// Duplicates, broken ones and those of an outage are among them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// How many hours they are spread over [default: 24]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8784))]
    hours: Option<u32>,
    /// The same seed gives the same events [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Demo {
    /// How many events are sent; 100,000 by default.
    pub fn events(&self) -> u64 {
        self.events.unwrap_or(100_000)
    }

    /// The number of hours that the events are spread over; 24 by default.
    pub fn hours(&self) -> u32 {
        self.hours.unwrap_or(24)
    }

    /// The seed of the generator; 1 by default.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }
}

const RUN: Help = Help {
    text: "\
A record is an Auth0 log event, a {\"log_id\":…,\"data\":…} pair as a webhook gets it, or an EventBridge envelope.
A file has one in each line, or is an array of them, pages of Auth0's API, or one object after the other; gzip or not.
A record that is not a JSON object, or is an object without fields, is kept under error/, as Firehose does.",
    exit_codes: "",
    examples: "
  auth0-s3-logs run --events monday.ndjson tuesday.ndjson
  auth0-s3-logs run --events export.json.gz
  zcat export.ndjson.gz | auth0-s3-logs run --events - --json",
};

/// Options of `run`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = RUN.brief(), after_long_help = RUN.full())]
pub struct Run {
    /// Files of events; - is the standard input
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub events: Vec<PathBuf>,
}

const COMPACT: Help = Help {
    text: "\
Without a stretch of time every closed hour that has objects or a manifest is visited, and every day that is over
for a day is rolled up from its hours. An hour or a day that is deferred is left to a later run; one that needs an
operator is printed with the reason.",
    exit_codes: "",
    examples: "
  auth0-s3-logs compact
  auth0-s3-logs compact --hour 2026-11-20T13
  auth0-s3-logs compact --day 2026-11-20 --rewrite
  auth0-s3-logs compact --from 2026-11-01 --to 2026-12-01 --rewrite
  auth0-s3-logs compact --aws --bucket B --from 2025-01-01 --to 2026-01-01 --invoke auth0-s3-logs-compactor",
};

/// Options of `compact`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = COMPACT.brief(), after_long_help = COMPACT.full())]
pub struct Compact {
    /// One hour, like 2026-11-20T13
    ///
    /// Naming it accepts objects that were written over.
    #[arg(long, value_name = "HOUR", conflicts_with_all = ["from", "to", "last"])]
    pub hour: Option<Hour>,
    /// One day, like 2026-11-20
    ///
    /// Its hours are rolled up, however short its end is ago.
    #[arg(long, value_name = "DAY", conflicts_with_all = ["hour", "from", "to", "last"])]
    pub day: Option<Day>,
    /// A stretch of hours.
    #[command(flatten)]
    pub bounds: Bounds,
    /// Also rewrite hours that an older version wrote
    ///
    /// With --hour or --day, rewrite it in any case, an hour also if rows go away.
    #[arg(long)]
    pub rewrite: bool,
    /// How many hours, or invocations, run at once
    ///
    /// Each hour is in memory [default: as many as there are cores and 64 MiB of MEMORY_BYTES_MAX; 8 invocations].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub at_once: Option<u16>,
    /// Let this deployed function compact the days
    ///
    /// One invocation for each day; needs --aws.
    #[arg(long, value_name = "FUNCTION", requires = "from")]
    pub invoke: Option<String>,
}

const VERIFY: Help = Help {
    text: "\
Hour by hour, the JSON objects are checked against the manifest, the manifest against the Parquet files to the byte, and
the rejected lines, what was replayed, the tables, partitions and the view against all of them. Day by day, what is rolled
up is checked against the manifests of the day's hours, and like an hour. Without --repair nothing
is changed, and nothing under logs/ is ever changed. Differences are checked again, at most twice, before they are
reported, so a compactor run in progress raises no false alarm.

Each hour is printed as one line: sound, pending (open, or closed less than two hours ago), differs or unknown; the
number of its objects; the lines and rows of its Parquet. Its differences follow, each with what to do about it. The
days follow in the same way, then the summary. A dash means that the number is unknown, because the hour has no manifest with a live folder.",
    exit_codes: "
  0  proven: every delivered event is in exactly one place
  1  there are differences; each was printed, with what to do about it
  2  could not tell: S3 or Glue could not be read, or something kept changing; run it again. Or nothing to prove: no
     hour of the range holds anything",
    examples: "
  auth0-s3-logs verify
  auth0-s3-logs verify --deep --day 2026-11-20
  auth0-s3-logs verify --deep --report statement.json
  auth0-s3-logs verify --repair --json",
};

/// Options of `verify`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = VERIFY.brief(), after_long_help = VERIFY.full())]
pub struct Verify {
    /// The hours to verify; all without it.
    #[command(flatten)]
    pub span: Span,
    /// Also compare every row with every line
    ///
    /// Every JSON object is read, and every row of a day compared with those of its hours.
    #[arg(long)]
    pub deep: bool,
    /// Repair what can be repaired, then verify again
    ///
    /// The exit code is that of the second check.
    #[arg(long)]
    pub repair: bool,
    /// Also write a statement for an auditor
    ///
    /// What was checked and found, the digests of all manifests, and what is not covered.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

const STATUS: Help = Help {
    text: "\
States of an hour:
  open                 it has not ended, or ended less than twenty minutes ago
  empty                it has a manifest and no objects
  pending              it is closed, and the compactor has not visited it yet
  not compacted        it has been pending for more than two hours
  live                 its Parquet holds the rows of all its objects
  due                  it has objects that are not in its Parquet, or must be rewritten for the reason given
  claimed              a compactor run works on it
  unfinished           a compactor run began it and did not end
  needs operator       inputs are gone or edited, runs were abandoned over it, or it is too large; `compact` or
                       `verify` says what to do
  manifest unreadable  `verify --repair` writes the hour anew from its JSON

Below the hours are the watermark, up to which the view reads Parquet, and the last day that it reads from the table of
days; then how many days are rolled up, and how many the compactor would roll up now.

\"duplicates\" counts lines left out because their row was there already, \"rejected\" the lines that could not be read. A
dash means that the hour has no Parquet. --json also has how often each hour was compacted again.

Without a stretch of time the last 48 hours that have objects or a manifest are shown.",
    exit_codes: "",
    examples: "
  auth0-s3-logs status
  auth0-s3-logs status --from 2026-11-01 --to 2026-11-08
  auth0-s3-logs status --last 6h
  auth0-s3-logs status --json",
};

/// Options of `status`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = STATUS.brief(), after_long_help = STATUS.full())]
pub struct Status {
    /// The hours to show; the last ones without it.
    #[command(flatten)]
    pub span: Span,
}

const REPLAY: Help = Help {
    text: "\
Each record goes through the transform of this version again. The lines of one object under error/ become one object
under logs/, in the current hour. A marker under replayed/ says what became of each object, so that nothing is replayed
twice, however often this runs and wherever it stops. Nothing under error/ or logs/ is changed or deleted, but for an
object of a former replay that is not as it was written: it is written again. A message is
deleted from its queue once its line is under logs/; a message that the transform refuses stays in its queue.

The lines show in auth0_logs_json and in the view at once, and in Parquet after the hour has closed.",
    exit_codes: "
  0  everything is replayed, now or before; records that the transform refused again were counted by reason
  1  something could not be replayed: lines that are not Firehose's, messages refused; each was named
  2  could not be done: S3, Glue or SQS refused a call. What was done stays done; run it again",
    examples: "
  auth0-s3-logs replay --dry-run
  auth0-s3-logs replay --aws --bucket acme-logs
  auth0-s3-logs replay --aws --bucket acme-logs --queue https://sqs.eu-west-1.amazonaws.com/123456789012/undelivered",
};

/// Options of `replay`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = REPLAY.brief(), after_long_help = REPLAY.full())]
pub struct Replay {
    /// Also replay the messages of this queue
    ///
    /// Their bodies are EventBridge events. May be given several times.
    #[arg(long = "queue", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub queues: Vec<String>,
    /// Only say what would be done
    ///
    /// The messages that were read stay hidden in their queue for half a minute.
    #[arg(long)]
    pub dry_run: bool,
}

const SERVE: Help = Help {
    text: "\
Any credentials are accepted; S3 is path-style.",
    exit_codes: "",
    examples: "
  auth0-s3-logs serve --port 9000 &
  AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 \\
    aws --endpoint-url http://127.0.0.1:9000 s3 ls s3://auth0-logs/ --recursive",
};

/// Options of `serve`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = SERVE.brief(), after_long_help = SERVE.full())]
pub struct Serve {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "N")]
    pub port: u16,
    /// Write every request to S3 to this file
    ///
    /// One JSON object a line: call, resource, range, status and bytes sent.
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
}

const COMPLETIONS: Help = Help {
    text: "",
    exit_codes: "",
    examples: "
  auth0-s3-logs completions bash > ~/.local/share/bash-completion/completions/auth0-s3-logs
  auth0-s3-logs completions zsh > ~/.zfunc/_auth0-s3-logs",
};

/// Options of `completions`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = COMPLETIONS.brief(), after_long_help = COMPLETIONS.full())]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// Options of `manual`.
#[derive(Debug, Clone, clap::Args)]
pub struct Manual {
    /// The folder, which is made if it is missing
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command(80).debug_assert();
    }

    #[test]
    fn the_demo_needs_no_name() {
        let args = Args::try_parse_from(["auth0-s3-logs", "--events", "7", "--json"]).unwrap();
        assert_eq!((args.demo.events(), args.demo.hours(), args.target.json), (7, 24, true));
        let args = Args::try_parse_from(["auth0-s3-logs", "--data", "x", "run", "--events", "a", "b"]).unwrap();
        assert_eq!(args.demo, Demo::default());
    }

    #[test]
    fn aws_has_no_folder() {
        let error = Args::try_parse_from(["auth0-s3-logs", "status", "--aws", "--data", "x"]).unwrap_err();
        assert!(error.to_string().contains("cannot be used with"), "{error}");
        assert!(Args::try_parse_from(["auth0-s3-logs", "--aws", "status", "--bucket", "acme"]).unwrap().target.aws);
    }

    #[test]
    fn hours_are_read_and_refused_by_name() {
        let args = Args::try_parse_from(["auth0-s3-logs", "compact", "--hour", "2026-11-20T13"]).unwrap();
        let Some(Command::Compact(options)) = args.command else { panic!("compact") };
        assert_eq!(options.hour.map(|hour| hour.to_string()).as_deref(), Some("2026-11-20T13"));
        let error = Args::try_parse_from(["auth0-s3-logs", "compact", "--hour", "13"]).unwrap_err();
        assert!(error.to_string().contains("\"13\" is not an hour; write it like 2026-11-20T13"), "{error}");
    }

    #[test]
    fn an_hour_a_day_and_a_range_exclude_one_another() {
        let read =
            |arguments: &str| Args::try_parse_from(["auth0-s3-logs"].into_iter().chain(arguments.split_whitespace()));
        let ranges = ["", "--from 2026-11-20", "--from 2026-11-20T13 --to 2026-11-21", "--last 6h", "--day 2026-11-20"];
        for command in ["compact", "verify", "status"] {
            for range in ranges {
                assert!(read(&format!("{command} {range}")).is_ok(), "{command} {range}");
            }
            assert!(read(&format!("{command} --day 2026-11-20 --last 6h")).is_err());
            assert!(read(&format!("{command} --day 2026-11-20 --from 2026-11-20")).is_err());
        }
        assert!(read("compact --day 2026-11-20 --hour 2026-11-20T13").is_err());
        assert!(read("compact --hour 2026-11-20T13 --from 2026-11-20").is_err());
        let error = read("compact --hour 2026-11-20T13 --last 6h").unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
