//! Options of the commands that ask: `query`, `tail` and `export`.

use std::path::PathBuf;

use super::Span;
use super::help::Help;
use crate::output::rows::Format;

const QUERY: Help = Help {
    text: "\
The tables are auth0_logs_json and auth0_logs_parquet. The view auth0_logs takes each hour from exactly one of them.
Always filter on \"date\" and \"hour\": they are the partitions, and decide what a query costs on AWS.

Without --output a table is printed, or on a terminal that it does not fit, a record for each row. Only on a terminal
long values are cut, and text goes through $PAGER. NULL is shown as NULL, and in csv as nothing; an empty text is \"\"
in csv. Semicolons separate statements. With --aws, Ctrl-C stops the query at Athena.",
    exit_codes: "",
    examples: "
  auth0-s3-logs query \"SELECT count(*) FROM auth0_logs WHERE date = DATE '2026-11-20'\"
  auth0-s3-logs query -o csv -f failures.sql > failures.csv
  auth0-s3-logs query --aws --bucket acme-logs < failures.sql",
};

/// Options of `query`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = QUERY.brief(), after_long_help = QUERY.full())]
pub struct Query {
    /// The query; - or nothing reads the standard input
    #[arg(conflicts_with = "file")]
    pub sql: Option<String>,
    /// Read the statements from a file
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// table, record, csv, ndjson or json
    #[arg(short, long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub output: Option<Format>,
    /// Print on a terminal without a pager
    #[arg(long)]
    pub no_pager: bool,
}

/// How `tail` prints events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum EventFormat {
    /// A line with time, type and its meaning, user, ip, client and description
    Line,
    /// The event's line of JSON
    Ndjson,
}

const TAIL: Help = Help {
    text: "\
The events come from the JSON objects themselves, as soon as Firehose has written them, which is every five minutes by
default. Athena is not asked. At first objects are read from the newest back until there are enough events; with -f
every look is a LIST of two hours, and reads what is new.",
    exit_codes: "",
    examples: "
  auth0-s3-logs tail
  auth0-s3-logs tail -f --type f,fp,fu
  auth0-s3-logs tail --aws --bucket acme-logs -f --user 'auth0|5f7c8ec7c33c6c004bbafe82'
  auth0-s3-logs tail -n 1000 --output ndjson | jq -r .ip | sort | uniq -c",
};

/// Options of `tail`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = TAIL.brief(), after_long_help = TAIL.full())]
pub struct Tail {
    /// Go on with new events as they arrive, until Ctrl-C
    #[arg(short, long)]
    pub follow: bool,
    /// How many events are shown at first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub lines: usize,
    /// Only events of these types, such as f,fp,fu
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Only events of this user, by id or name
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Only events from this address
    #[arg(long, value_name = "IP")]
    pub ip: Option<String>,
    /// line or ndjson [default: line; with --json ndjson]
    #[arg(short, long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub output: Option<EventFormat>,
    /// Seconds between two looks
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub every: u64,
    /// Where the first events are looked for; the last day without it.
    #[command(flatten)]
    pub span: Span,
}

/// How `export` writes events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// Comma-separated values with a heading
    Csv,
    /// One JSON object a line
    Ndjson,
    /// Parquet, every column a string
    Parquet,
}

const EXPORT: Help = Help {
    text: "\
The events are those of the view, with the 17 columns of the tables and their \"date\" and \"hour\". Values are the true
ones, whatever they hold.",
    exit_codes: "",
    examples: "
  auth0-s3-logs export --last 24h --to-file day.csv
  auth0-s3-logs export --from 2026-11-01 --user ann@example.com -o ndjson
  auth0-s3-logs export --aws --bucket acme-logs --day 2026-11-20 --to-file day.parquet",
};

/// Options of `export`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXPORT.brief(), after_long_help = EXPORT.full())]
pub struct Export {
    /// The hours to export.
    #[command(flatten)]
    pub span: Span,
    /// Only events of this user, by id or name
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// csv, ndjson or parquet [default: by the file's name]
    #[arg(short, long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub output: Option<FileFormat>,
    /// The file to write; else the standard output
    #[arg(long, value_name = "FILE")]
    pub to_file: Option<PathBuf>,
}
