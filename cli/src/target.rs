//! What the command works on: a folder, or a deployment on AWS.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::builder::NonEmptyStringValueParser;

/// The bucket of a folder if `--bucket` is not given.
const BUCKET: &str = "auth0-logs";

/// The folder if `--data` is not given.
const DATA: &str = "auth0-s3-logs-data";

/// What the command works on, and how it prints.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Where and how")]
pub struct Target {
    /// The folder that holds the bucket and the catalog
    #[arg(long, global = true, value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
    /// The bucket: an object is the file DIR/BUCKET/KEY [default: auth0-logs; required with --aws]
    #[arg(long, global = true, value_name = "BUCKET", value_parser = NonEmptyStringValueParser::new())]
    pub bucket: Option<String>,
    /// The Glue database that holds the tables
    #[arg(long, global = true, value_name = "NAME", default_value = "auth0_event_logs", value_parser = NonEmptyStringValueParser::new())]
    pub database: String,
    /// Work on a deployment on AWS. --bucket and --database name it; credentials and region are found as the AWS
    /// command line finds them
    #[arg(long, global = true, conflicts_with = "data")]
    pub aws: bool,
    /// Print one JSON value for machines instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
}

impl Target {
    /// The bucket that was named, or the default bucket of a folder.
    pub fn bucket(&self) -> &str {
        self.bucket.as_deref().unwrap_or(BUCKET)
    }

    /// True if no folder was named.
    pub fn has_default_folder(&self) -> bool {
        self.data == Path::new(DATA)
    }

    /// Fails if the folder does not exist, and says how to fill one.
    pub fn ensure_folder_exists(&self) -> anyhow::Result<()> {
        let folder = self.data.display();
        ensure!(self.data.exists(), "there is no folder {folder}; fill one with `demo`, `run` or `compact`");
        Ok(())
    }
}
