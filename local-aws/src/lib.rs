//! S3, Glue, SQS and Firehose in the process.
//!
//! An AWS for one machine, kept in one folder. The real SDK clients talk to it: [`LocalAws::s3`], [`LocalAws::glue`] and
//! any other made from [`LocalAws::sdk_config`] in the process, where the SDK would open a connection; any other client over a port, by [`LocalAws::serve`]. Either
//! way each request goes through one door, and what it finds there is the same.
//!
//! `DIR/<bucket>/<key>` is an object, whoever put it there; `DIR/catalog.ndjson` is the journal of the Glue catalog;
//! `DIR/.local-aws/` holds the rest.
//!
//! Its invariants A1 to A5 stand in docs/architecture.md.
//!
//! Absent by design: access control (any credentials will do, or none) and the verification of signatures, versions of
//! objects, tags, ACLs, encryption; in Glue all but databases, tables and their versions, partitions and column statistics;
//! in SQS all but standard queues, and messages that are sent, received and deleted.
//! A folder belongs to one process at a time.

pub mod access;
mod chunked;
mod connector;
mod dispatch;
pub mod firehose;
mod glue;
mod journal;
mod payload;
mod s3;
pub mod seam;
mod server;
mod signature;
mod sqs;

use std::error::Error;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use s3s::service::S3Service;

use crate::access::AccessLog;
use crate::connector::Connector;
use crate::glue::Glue;
use crate::s3::{Places, STATE, Store, StoreError};
use crate::seam::{Call, FailEntry, Faults, Gates, Record, Reply, Seam, Traced};
use crate::sqs::Sqs;

pub use crate::journal::JournalError;

/// The clock, given from outside: a simulated one in the command, a fixed one in tests.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Where this AWS says it is. Clients that name another region are answered all the same.
pub const REGION: &str = "us-east-1";

/// S3, Glue and SQS over one folder. Clones are the same AWS.
#[derive(Clone)]
pub struct LocalAws {
    services: Arc<Services>,
    /// Whose calls come through this clone.
    caller: Arc<str>,
    /// Whether these go past the seam.
    observes: bool,
    /// Who is told of what comes over the port.
    access_log: Option<AccessLog>,
}

struct Services {
    store: Arc<Store>,
    s3: S3Service,
    glue: Glue,
    sqs: Sqs,
    seam: Arc<Seam>,
    /// Held for as long as this AWS lives.
    _lock: File,
}

/// Why a folder can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder can't be made or written to.
    #[error("failed to make {path}")]
    Folder {
        /// What was to be made.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// Another process, or another [`LocalAws`] in this one, has the folder open.
    #[error("{data} is in use by another process")]
    InUse {
        /// The folder.
        data: PathBuf,
    },
    /// A journal in the folder can't be read or written back.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A bucket can't be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to make bucket {bucket:?}")]
pub struct BucketError {
    bucket: String,
    source: Box<dyn Error + Send + Sync>,
}

impl LocalAws {
    /// Opens the AWS in the folder `data`, which is made if it isn't there.
    ///
    /// # Errors
    ///
    /// When the folder can't be made, is in use, or a journal in it has been tampered with.
    pub fn open(data: &Path, clock: Clock) -> Result<LocalAws, OpenError> {
        let state = data.join(STATE);
        for folder in ["aside", "tmp", "uploads"] {
            make(&state.join(folder), |path| fs::create_dir_all(path))?;
        }
        let lock = lock(data, &state)?;
        // What a crash left unfinished.
        make(&state.join("tmp"), |path| fs::remove_dir_all(path).and_then(|()| fs::create_dir(path)))?;
        let store = Arc::new(Store::open(Places::new(data), Arc::clone(&clock))?);
        let glue = Glue::open(&data.join("catalog.ndjson"), Arc::clone(&clock))?;
        let sqs = Sqs::open(&state.join("queues.ndjson"), clock)?;
        let (s3, seam) = (s3::service(Arc::clone(&store)), Arc::new(Seam::new(Record::asked_for())));
        let services = Services { s3, store, glue, sqs, seam, _lock: lock };
        Ok(LocalAws { services: Arc::new(services), caller: "local".into(), observes: false, access_log: None })
    }

    /// The same AWS as the process `name` calls it: its calls carry that name, and it can end on its own.
    pub fn as_caller(&self, name: &str) -> LocalAws {
        LocalAws { caller: name.into(), observes: false, ..self.clone() }
    }

    /// The same AWS as one who only watches sees it: these calls pass no gate, meet no fault, and are neither counted
    /// nor traced.
    pub fn as_observer(&self) -> LocalAws {
        LocalAws { observes: true, ..self.as_caller("observer") }
    }

    /// From now on calls of all callers are counted from one, meet `faults` and are traced. Ended processes live again.
    pub fn inject(&self, faults: Faults) {
        self.services.seam.inject(faults);
    }

    /// The calls since the last injection, in the order in which they were answered. Before the first none are kept.
    pub fn trace(&self) -> Vec<Traced> {
        self.services.seam.trace()
    }

    /// Shuts the gates: until they are opened or dropped, every call waits before it is carried out.
    pub fn hold(&self) -> Gates {
        self.hold_if(|_| true)
    }

    /// Shuts the gates for those calls that `holds` says of.
    pub fn hold_if(&self, holds: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Gates {
        Gates::shut(Arc::clone(&self.services.seam), Arc::new(holds))
    }

    /// Returns once this caller's process has met its end ([`seam::Failure::End`]). Whoever runs it drops it then.
    pub async fn ended(&self) {
        self.services.seam.ended(&self.caller).await;
    }

    /// Is there anything for this caller's calls to meet? If not, nobody need know what they are.
    fn is_watched(&self) -> bool {
        !self.observes && !self.services.seam.is_idle()
    }

    /// Takes a call through the seam, or, where there is none to be known of, right to its service.
    async fn pass<R: Reply>(
        &self,
        call: Option<Call>,
        serve: impl FnOnce(Option<FailEntry>) -> BoxFuture<'static, R>,
    ) -> R {
        match call {
            Some(call) => Arc::clone(&self.services.seam).pass(call, serve).await,
            None => serve(None).await,
        }
    }

    /// Makes a bucket, if it isn't there.
    ///
    /// # Errors
    ///
    /// When the name isn't one for a bucket or the folder can't be written to.
    pub fn create_bucket(&self, bucket: &str) -> Result<(), BucketError> {
        let failed = |source: StoreError| BucketError { bucket: bucket.to_owned(), source: source.into() };
        self.services.store.create_bucket(bucket).map(drop).map_err(failed)
    }

    /// An S3 client that talks to this AWS, path style, without a socket.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk_config()).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// A Glue client that talks to this AWS, without a socket.
    pub fn glue(&self) -> aws_sdk_glue::Client {
        aws_sdk_glue::Client::new(&self.sdk_config())
    }

    /// The configuration for any SDK client that is to talk to this AWS, without a socket.
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("local", "local", None, None, "local-aws");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(Connector(self.clone()))
            .build()
    }
}

fn make(path: &Path, action: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), OpenError> {
    action(path).map_err(|source| OpenError::Folder { path: path.to_owned(), source })
}

/// Two processes would each check the conditions of its own writers only.
fn lock(data: &Path, state: &Path) -> Result<File, OpenError> {
    let path = state.join("lock");
    let failed = |source| OpenError::Folder { path: path.clone(), source };
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { data: data.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Folder { path, source }),
    }
}
