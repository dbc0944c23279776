//! The options of `import`.

use std::path::PathBuf;

use super::help::Help;

const IMPORT: Help = Help {
    text: "\
A file is an export of Auth0's log, or what another tool has kept of it. Its records are Auth0 log events,
{\"log_id\":…,\"data\":…} pairs as a webhook gets them, EventBridge envelopes, or lines of another bucket of this project:
one in each line, in an array, in pages of Auth0's API, or one object after the other; gzip or not.

Each event goes into the hour in which it happened: by its own date, else its envelope's time, else the moment in its
log_id. An event that is in the bucket already, or came before in these files, is left out: it is told by its log_id,
or by its line if it has none. So this is safe to run again, and goes on where it stopped; but not twice at the same
time. One object is written for each hour and file, logs/YYYY/MM/DD/HH/import-<digest>.gz. Nothing under logs/ is
changed or deleted. Then the hours are compacted; the hour that is still open is left to the compactor.

All lines are kept in a temporary file meanwhile, where TMPDIR says, not compressed.",
    exit_codes: "
  0  every event is in the bucket, now or before
  1  something could not be imported, or an hour not be compacted: records that are no events, that have no moment or
     are from the future, a file that breaks off; each was named, up to ten records
  2  could not be done: a file cannot be opened, or S3 or Glue refused a call. What was done stays done; run it again",
    examples: "
  auth0-s3-logs import --dry-run export.json.gz
  auth0-s3-logs import 2024/*.ndjson 2025/*.ndjson.gz
  zstdcat old.ndjson.zst | auth0-s3-logs import -
  auth0-s3-logs import --aws --bucket acme-logs s3://acme-old-logs/auth0/2025/",
};

/// Options of `import`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = IMPORT.brief(), after_long_help = IMPORT.full())]
pub struct Import {
    /// Files of events; - for standard input, or s3://BUCKET/PREFIX
    ///
    /// The latter stands for all objects under the prefix.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Leave the hours to the compactor
    #[arg(long)]
    pub no_compact: bool,
}
