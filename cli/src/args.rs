//! The command line.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};
use log_format::Hour;

/// Every Auth0 log event in your own S3 bucket, cheap to query and provably complete.
///
/// This command runs the whole pipeline on one machine, over a folder that stands for the bucket: Firehose, S3 and Glue
/// are embedded, everything else is the code that runs on AWS. Without a subcommand it runs the demo. With --aws it looks
/// after a deployment on AWS instead.
#[derive(Debug, Parser)]
#[command(name = "auth0-s3-logs", version, after_help = EXAMPLES)]
pub struct Args {
    /// Where to work and how to print.
    #[command(flatten)]
    pub place: Place,
    /// Options of the demo, which is what runs where no subcommand is given.
    #[command(flatten)]
    pub demo: Demo,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  auth0-s3-logs                                    run the demo: a day of traffic through the whole pipeline
  auth0-s3-logs --events 5000 --seed 7             a smaller one
  auth0-s3-logs run --events events.ndjson         take your own events through it
  auth0-s3-logs query \"SELECT count(DISTINCT log_id) FROM auth0_logs\"
  auth0-s3-logs compact                            adopt a tree of logs/YYYY/MM/DD/HH/*.gz put into DIR/auth0-logs/
  auth0-s3-logs verify                             prove that no delivered event is lost, doubled or half shown
  auth0-s3-logs status                             the hours as a table and as bars
  auth0-s3-logs verify --aws --bucket acme-logs    the same over a deployment on AWS; so compact, status, replay
  auth0-s3-logs replay                             put what Firehose kept under error/ back into the event log
  auth0-s3-logs serve --port 9000                  let any S3 or Glue client read the folder

On AWS:
  `compact`, `verify`, `status` and `replay` work with --aws. Credentials come from the environment, the profile that
  AWS_PROFILE names, or the machine's role; after `aws sso login` hand them over:
    eval \"$(aws configure export-credentials --format env)\"
  Where the compactor's Lambda has SETTLE_MINUTES, CUT_LAG_HOURS or another limit set, set the same here.

Exit codes:
  0  done, and every event is accounted for
  1  done, but an hour failed or a number does not add up; it was printed
  2  could not be done; the error says why";

/// A folder's bucket where nobody names one.
const BUCKET: &str = "auth0-logs";

/// The folder where nobody names one.
pub const DATA: &str = "auth0-s3-logs-data";

/// Where to work and how to print.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Where and how")]
pub struct Place {
    /// The folder that holds the bucket and the catalog
    #[arg(long, global = true, value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
    /// The bucket: an object lies in DIR/BUCKET/KEY [default: auth0-logs; with --aws none]
    #[arg(long, global = true, value_name = "BUCKET", value_parser = NonEmptyStringValueParser::new())]
    pub bucket: Option<String>,
    /// The Glue database that holds the tables
    #[arg(long, global = true, value_name = "NAME", default_value = "auth0_event_logs", value_parser = NonEmptyStringValueParser::new())]
    pub database: String,
    /// Work on AWS itself; --bucket and --database name the deployment, credentials and region are found as the AWS
    /// command line finds them
    #[arg(long, global = true, conflicts_with = "data")]
    pub aws: bool,
    /// Print one JSON value for machines instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
}

impl Place {
    /// The bucket that is named, or the one that a folder has.
    pub fn bucket(&self) -> &str {
        self.bucket.as_deref().unwrap_or(BUCKET)
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Generate realistic traffic, take it through the pipeline and check every number (the default)
    Demo(Demo),
    /// Take events of your own through the pipeline; adds to what the folder holds
    Run(Run),
    /// Compact what lies there: closed hours of JSON become Parquet
    Compact(Compact),
    /// Ask the two tables and the view in SQL, as Athena would
    Query(Query),
    /// Prove from the bucket and the catalog that no delivered event is lost, doubled or half shown
    Verify(Verify),
    /// Show the hours: what each holds, what became of its lines, and where it stands
    Status(Status),
    /// Put back what Firehose kept under error/, or a dead-letter queue holds, into the event log
    Replay(Replay),
    /// Serve the folder's S3, Glue and SQS on one port, until Ctrl-C
    Serve(Serve),
}

/// Options of the demo.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(after_help = "Example:\n  auth0-s3-logs demo --events 1000000 --hours 72 --seed 7")]
pub struct Demo {
    /// How many events are sent, duplicates and broken ones included [default: 100000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// Over how many hours [default: 24]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8784))]
    hours: Option<u32>,
    /// The same seed gives the same events [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Demo {
    /// How many events are sent.
    pub fn events(&self) -> u64 {
        self.events.unwrap_or(100_000)
    }

    /// Over how many hours.
    pub fn hours(&self) -> u32 {
        self.hours.unwrap_or(24)
    }

    /// What the events are drawn from.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(1)
    }
}

/// Options of `run`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
A line is an Auth0 log event, a {\"log_id\":…,\"data\":…} pair as a webhook gets it, or an EventBridge envelope.
A line that is no JSON object, or an object without a field, is kept under error/, as Firehose would keep it.

Examples:
  auth0-s3-logs run --events monday.ndjson tuesday.ndjson
  zcat export.ndjson.gz | auth0-s3-logs run --events - --json")]
pub struct Run {
    /// Files of events, one JSON object a line; - is the standard input
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub events: Vec<PathBuf>,
}

/// Options of `compact`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Without --hour or --from every closed hour that holds anything is looked at.

Examples:
  auth0-s3-logs compact
  auth0-s3-logs compact --hour 2026-11-20T13
  auth0-s3-logs compact --from 2026-11-01T00 --to 2026-12-01T00 --rewrite
  auth0-s3-logs compact --aws --bucket B --from 2025-01-01T00 --to 2026-01-01T00 --invoke auth0-s3-logs-compactor")]
pub struct Compact {
    /// One hour, written like 2026-11-20T13
    #[arg(long, value_name = "HOUR", conflicts_with_all = ["from", "to"])]
    pub hour: Option<Hour>,
    /// The first hour of a range
    #[arg(long, value_name = "HOUR", requires = "to")]
    pub from: Option<Hour>,
    /// The hour after the last of a range
    #[arg(long, value_name = "HOUR", requires = "from")]
    pub to: Option<Hour>,
    /// Also rewrite what an older writer wrote, and, of one --hour, carry through that objects were deleted
    #[arg(long)]
    pub rewrite: bool,
    /// How many hours at once, each in memory; with --invoke how many invocations [default: as many as there are
    /// cores and 64 MiB of MEMORY_BYTES_MAX; 8 invocations]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub at_once: Option<u16>,
    /// Have this deployed function do the hours, a day an invocation; with --aws
    #[arg(long, value_name = "FUNCTION", requires = "from")]
    pub invoke: Option<String>,
}

/// Options of `verify`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "\
Held against each other, hour by hour: the JSON objects, the manifest, the Parquet files to the byte, the rejected
lines, the partitions of both tables, the view and its cut. Nothing is changed without --repair, and nothing under
logs/ ever is. What differs is looked at again, at most twice, so that a run which commits meanwhile makes no difference.

Printed is a line for every hour: sound, pending (open, or closed less than two hours ago), differs or unknown, with its
objects, and the lines and rows of its Parquet. What differs stands below its hour, with what to do about it; a summary
comes last. A dash is what no manifest tells.

Exit codes:
  0  proven: every delivered event is in exactly one place
  1  there are differences; each was printed, with what to do about it
  2  could not tell: S3 or Glue could not be read, or something kept changing; run it again

Examples:
  auth0-s3-logs verify
  auth0-s3-logs verify --deep --from 2026-11-20T00 --to 2026-11-21T00
  auth0-s3-logs verify --repair --json")]
pub struct Verify {
    /// The first hour of a range
    #[arg(long, value_name = "HOUR", requires = "to")]
    pub from: Option<Hour>,
    /// The hour after the last of a range
    #[arg(long, value_name = "HOUR", requires = "from")]
    pub to: Option<Hour>,
    /// Also read every JSON object again and compare every row with every line
    #[arg(long)]
    pub deep: bool,
    /// Mend what can be mended, then verify again; the exit code is that of the second look
    #[arg(long)]
    pub repair: bool,
}

/// Options of `status`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "\
An hour is open until twenty minutes after its end, then pending until the compactor has looked at it, then live. One
that is due has objects that are not in its Parquet yet; one that is left, for inputs that are gone, runs that died over
it or its size, waits for somebody, and `compact` says what to do. \"again\" counts how often an hour was compacted
anew for objects that came late, \"dup.\" the lines left out as duplicates, \"rej.\" those that could not be read.

Without --from and --to the last 48 hours that hold anything are shown.

Examples:
  auth0-s3-logs status
  auth0-s3-logs status --from 2026-11-01T00 --to 2026-11-08T00
  auth0-s3-logs status --json")]
pub struct Status {
    /// The first hour of a range
    #[arg(long, value_name = "HOUR", requires = "to")]
    pub from: Option<Hour>,
    /// The hour after the last of a range
    #[arg(long, value_name = "HOUR", requires = "from")]
    pub to: Option<Hour>,
}

/// Options of `replay`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "\
Each record goes through the transform again, as it is in this version. The lines of one object under error/ become one
object of the hour it is now, in logs/; replayed/ keeps what became of each, so that nothing is replayed twice, however
often this runs and wherever it was ended. Nothing under error/ or logs/ is ever changed or deleted. A queue's message
is deleted once its line is in logs/; one that the transform refuses stays in its queue.

The lines show in auth0_logs_json and in the view at once, in Parquet once the hour has closed.

Exit codes:
  0  everything is replayed, now or before; records that the transform refused again were counted by reason
  1  something could not be replayed: lines that are not Firehose's, messages refused; each was named
  2  could not be done; S3, Glue or SQS said no. What was done stays done: run it again

Examples:
  auth0-s3-logs replay --dry-run
  auth0-s3-logs replay --aws --bucket acme-logs
  auth0-s3-logs replay --aws --bucket acme-logs --queue https://sqs.eu-west-1.amazonaws.com/123456789012/undelivered")]
pub struct Replay {
    /// Also replay the messages of this queue, whose bodies are EventBridge events; may be given several times
    #[arg(long = "queue", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub queues: Vec<String>,
    /// Only say what would be done; messages that were looked at are hidden in their queue for half a minute
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `query`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
The tables are auth0_logs_json and auth0_logs_parquet, the view auth0_logs takes every hour from exactly one of them.
Filter on \"date\" and \"hour\" always: they are the partitions, and what you pay for on AWS.

Examples:
  auth0-s3-logs query \"SELECT count(DISTINCT log_id) FROM auth0_logs WHERE date = DATE '2026-11-20'\"
  auth0-s3-logs query \"SELECT ip, count(*) FROM auth0_logs_parquet WHERE date = DATE '2026-11-20' AND hour = '13'
                       AND type IN ('f', 'fp', 'fu') GROUP BY ip ORDER BY 2 DESC LIMIT 10\"")]
pub struct Query {
    /// The query, in Athena's SQL
    pub sql: String,
}

/// Options of `serve`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Any credentials are accepted; S3 is path-style.

Example:
  auth0-s3-logs serve --port 9000 &
  AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x AWS_DEFAULT_REGION=us-east-1 \\
    aws --endpoint-url http://127.0.0.1:9000 s3 ls s3://auth0-logs/ --recursive")]
pub struct Serve {
    /// The port, on 127.0.0.1; 0 takes a free one, which is printed
    #[arg(long, value_name = "N")]
    pub port: u16,
    /// Write every request to S3 to this file, a JSON object a line: call, resource, range, status and bytes given
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_demo_needs_no_name() {
        let args = Args::try_parse_from(["auth0-s3-logs", "--events", "7", "--json"]).unwrap();
        assert_eq!((args.demo.events(), args.demo.hours(), args.place.json), (7, 24, true));
        let args = Args::try_parse_from(["auth0-s3-logs", "--data", "x", "run", "--events", "a", "b"]).unwrap();
        assert_eq!(args.demo, Demo::default());
    }

    #[test]
    fn aws_has_no_folder() {
        let error = Args::try_parse_from(["auth0-s3-logs", "status", "--aws", "--data", "x"]).unwrap_err();
        assert!(error.to_string().contains("cannot be used with"), "{error}");
        assert!(Args::try_parse_from(["auth0-s3-logs", "--aws", "status", "--bucket", "acme"]).unwrap().place.aws);
    }

    #[test]
    fn hours_are_read_and_refused_by_name() {
        let args = Args::try_parse_from(["auth0-s3-logs", "compact", "--hour", "2026-11-20T13"]).unwrap();
        let Some(Command::Compact(options)) = args.command else { panic!("compact") };
        assert_eq!(options.hour.map(|hour| hour.to_string()).as_deref(), Some("2026-11-20T13"));
        let error = Args::try_parse_from(["auth0-s3-logs", "compact", "--hour", "13"]).unwrap_err();
        assert!(error.to_string().contains("\"13\" is not an hour; write it like 2026-11-20T13"), "{error}");
    }
}
