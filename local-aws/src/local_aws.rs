//! [`LocalAws`]: what users of the crate hold.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::Path;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::folder::PassedOver;
use crate::http::access_log::{Access, AccessLog};
use crate::http::connector::Connector;
use crate::http::dispatch::Dispatcher;
use crate::http::server;
use crate::journal::JournalError;
use crate::names::REGION;
use crate::seam::{Call, CallRecord, Faults, Gates, Seam, Traced};
use crate::services::lambda::Function;
use crate::services::s3::{Files, StoreError};
use crate::services::{OpenError, Services, athena};

/// S3, Glue, SQS and Athena over one folder. Clones are the same AWS.
#[derive(Clone)]
pub struct LocalAws {
    dispatcher: Dispatcher,
    access_log: Option<AccessLog>,
}

/// A bucket could not be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to make bucket {bucket:?}")]
pub struct BucketError {
    bucket: String,
    source: Box<dyn Error + Send + Sync>,
}

impl LocalAws {
    /// Opens the AWS in the folder `data`. Makes the folder if it does not exist.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made, is in use, or has a journal that another program has changed.
    pub fn open(data: &Path, clock: Clock) -> Result<LocalAws, OpenError> {
        Ok(LocalAws::over(Services::open(data, clock)?))
    }

    /// Opens the AWS in the folder `data` to read it. Calls that write fail. Another process may have the folder open and
    /// write to it: calls that read see what it has written.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or has a journal that another program has changed.
    pub fn open_to_read(data: &Path, clock: Clock) -> Result<LocalAws, OpenError> {
        Ok(LocalAws::over(Services::open_to_read(data, clock)?))
    }

    fn over(services: Services) -> LocalAws {
        LocalAws::of(Dispatcher::new(services, Seam::new(CallRecord::from_env())))
    }

    /// The AWS that `dispatcher` reaches.
    pub(crate) fn of(dispatcher: Dispatcher) -> LocalAws {
        LocalAws { dispatcher, access_log: None }
    }

    /// Sets up Athena, and makes the bucket of its results. What was set up before stays.
    ///
    /// # Errors
    ///
    /// If the bucket cannot be made.
    pub fn set_up_athena(&self, setup: athena::Setup) -> Result<(), BucketError> {
        self.create_bucket(&setup.results)?;
        self.dispatcher.services().athena.set_up(setup);
        Ok(())
    }

    /// Lets Lambda tell of a function: its name and its environment.
    pub fn add_function(&self, name: &str, environment: BTreeMap<String, String>) {
        self.dispatcher.services().functions.add(name, environment);
    }

    /// False if the folder is open to be read.
    pub fn is_writable(&self) -> bool {
        self.dispatcher.services().folder.is_writable()
    }

    /// How often another process was seen to have changed the catalog, up to now. While the number is the same, so is the
    /// catalog. Zero in a folder that is open to be written.
    ///
    /// # Errors
    ///
    /// If the catalog cannot be read.
    pub fn catalog_changes_seen(&self) -> Result<u64, JournalError> {
        self.dispatcher.services().glue.changes_seen()
    }

    /// What is passed over in the folder: links, pipes and the like. Nothing of it is opened.
    pub fn passed_over(&self) -> PassedOver {
        self.dispatcher.services().folder.passed_over()
    }

    /// The files of a bucket, for a reader in this process that needs no S3. `None` if there is no such bucket.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn files(&self, bucket: &str) -> io::Result<Option<Files>> {
        self.dispatcher.services().s3.files(bucket)
    }

    /// This AWS as the process `name` sees it. Its calls carry that name, and it can end without the others.
    pub fn as_caller(&self, name: &str) -> LocalAws {
        LocalAws { dispatcher: self.dispatcher.as_caller(name), ..self.clone() }
    }

    /// This AWS for an observer, whose calls bypass the seam: they pass no gate, meet no fault, and are neither
    /// counted nor traced.
    pub fn as_observer(&self) -> LocalAws {
        LocalAws { dispatcher: self.dispatcher.as_observer(), ..self.clone() }
    }

    /// Starts a new trace, in which the calls of all callers are numbered from one and meet `faults`. Processes that
    /// have ended live again.
    pub fn inject(&self, faults: Faults) {
        self.dispatcher.seam().inject(faults);
    }

    /// The calls since the last [`inject`](LocalAws::inject), in the order in which they were answered. Without an
    /// injection there is no trace.
    pub fn trace(&self) -> Vec<Traced> {
        self.dispatcher.seam().trace()
    }

    /// Shuts the gates. Every call waits before it is carried out, until its gate is opened or the gates are dropped.
    pub fn hold(&self) -> Gates {
        self.hold_if(|_| true)
    }

    /// Shuts the gates for the calls for which `holds` returns `true`.
    pub fn hold_if(&self, holds: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Gates {
        self.dispatcher.seam().hold(holds)
    }

    /// Returns once this caller's process has ended by [`Failure::End`](crate::seam::Failure::End). Whoever runs the
    /// process drops it then.
    pub async fn ended(&self) {
        self.dispatcher.seam().ended(self.dispatcher.caller()).await;
    }

    /// Makes a bucket. That the bucket exists is no error.
    ///
    /// # Errors
    ///
    /// If `bucket` is not a valid name or the folder cannot be written to.
    pub fn create_bucket(&self, bucket: &str) -> Result<(), BucketError> {
        let failed = |source: StoreError| BucketError { bucket: bucket.to_owned(), source: source.into() };
        self.dispatcher.services().s3.create_bucket(bucket).map_err(failed)
    }

    /// An S3 client, path style, without a socket.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.sdk_config()).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// A Glue client without a socket.
    pub fn glue(&self) -> aws_sdk_glue::Client {
        aws_sdk_glue::Client::new(&self.sdk_config())
    }

    /// The configuration for any SDK client of this AWS. Such a client needs no socket.
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("local", "local", None, None, "local-aws");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(Connector(self.dispatcher.clone()))
            .build()
    }

    /// Wraps `function`, a Lambda function named `name`, so that each invocation is a call of this caller.
    pub fn function(&self, name: &str, function: Function) -> Function {
        self.dispatcher.function(name, function)
    }

    /// This AWS with an access log: `log` gets every request to S3 over the port, once it has been answered.
    pub fn with_access_log(&self, log: impl Fn(&Access) + Send + Sync + 'static) -> LocalAws {
        LocalAws { access_log: Some(AccessLog::new(log)), ..self.clone() }
    }

    /// Serves S3, Glue, SQS and Athena on `listener` until `shutdown` is ready and the requests in progress have been answered.
    ///
    /// # Errors
    ///
    /// If the listener can accept no more connections.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        server::serve(&self.dispatcher, self.access_log.as_ref(), listener, shutdown).await
    }
}
