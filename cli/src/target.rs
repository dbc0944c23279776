//! What the command works on: a folder, or a deployment on AWS.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::builder::NonEmptyStringValueParser;

/// The bucket of a folder if `--bucket` is not given.
const BUCKET: &str = "auth0-logs";

/// The database if `--database` is not given.
const DATABASE: &str = "auth0_event_logs";

/// The workgroup if `--workgroup` is not given.
pub(crate) const WORKGROUP: &str = "auth0-s3-logs";

/// The folder if `--data` is not given.
const DATA: &str = "auth0-s3-logs-data";

/// What the command works on, and how it prints.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Target {
    /// The folder to work on
    ///
    /// It holds the bucket and the catalog, as plain files.
    #[arg(long, global = true, value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
    /// The bucket: an object is the file DIR/BUCKET/KEY [default: auth0-logs]
    #[arg(long, global = true, hide_short_help = true, value_name = "BUCKET", value_parser = non_empty())]
    pub bucket: Option<String>,
    /// The Glue database that holds the tables [default: auth0_event_logs]
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", value_parser = non_empty())]
    pub database: Option<String>,
    /// Work on AWS; --deployment NAME says where
    ///
    /// --deployment names it, or --bucket and --database, or auth0-s3-logs.toml. Credentials and region are found as the
    /// AWS command line finds them.
    #[arg(long, global = true, conflicts_with = "data")]
    pub aws: bool,
    /// Work on this deployment on AWS
    ///
    /// It is an entry of auth0-s3-logs.toml, or the stack's NamePrefix, by which the bucket, the database and the
    /// workgroup are found.
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", conflicts_with = "data", value_parser = non_empty())]
    pub deployment: Option<String>,
    /// The workgroup of Athena, with --aws [default: auth0-s3-logs]
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", value_parser = non_empty())]
    pub workgroup: Option<String>,
    /// The profile of the AWS command line's files to use, with --aws
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME", value_parser = non_empty())]
    pub profile: Option<String>,
    /// The region of the deployment, with --aws
    #[arg(long, global = true, hide_short_help = true, value_name = "REGION", value_parser = non_empty())]
    pub region: Option<String>,
    /// Print JSON, for machines
    #[arg(long, global = true)]
    pub json: bool,
    /// What the deployment says of itself.
    #[arg(skip)]
    pub told: Told,
}

/// What a deployment on AWS says of itself. All is `None` if it was not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The account.
    pub account: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The event bus that its events come from.
    pub event_bus: Option<String>,
}

/// What the event sources of partners are called.
const PARTNER: &str = "aws.partner/";

impl Told {
    /// The event source that fills the bucket: a partner's bus has the name of its source. `None` if it comes from another
    /// bus.
    pub(crate) fn event_source(&self) -> Option<&str> {
        self.event_bus.as_deref().filter(|bus| bus.starts_with(PARTNER))
    }
}

fn non_empty() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

impl Target {
    /// The bucket that was named, or the default bucket of a folder.
    pub fn bucket(&self) -> &str {
        self.bucket.as_deref().unwrap_or(BUCKET)
    }

    /// The database that was named, or the default one.
    pub fn database(&self) -> &str {
        self.database.as_deref().unwrap_or(DATABASE)
    }

    /// The workgroup that was named, or the default one.
    pub fn workgroup(&self) -> &str {
        self.workgroup.as_deref().unwrap_or(WORKGROUP)
    }

    /// True if no folder was named.
    pub fn has_default_folder(&self) -> bool {
        self.data == Path::new(DATA)
    }

    /// Fails if the folder does not exist, and says how to fill one.
    pub fn ensure_folder_exists(&self) -> anyhow::Result<()> {
        let folder = self.data.display();
        ensure!(self.data.exists(), "there is no folder {folder}; fill one with `demo`, `run` or `import`");
        Ok(())
    }

    /// Fails if the folder has no bucket, and says how to fill one.
    pub fn ensure_bucket_exists(&self) -> anyhow::Result<()> {
        let bucket = self.data.join(self.bucket());
        ensure!(
            bucket.is_dir(),
            "there is no folder {}; copy logs/YYYY/MM/DD/HH/* into it, or fill it with `demo`, `run` or `import`",
            bucket.display()
        );
        Ok(())
    }
}
