//! What `compact`, `verify`, `status` and `replay` work on: the embedded AWS of a folder, or AWS itself.
//!
//! The two differ by the configuration of the clients and by nothing else.

use std::sync::Arc;

use anyhow::ensure;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use catalog::Catalog;
use compactor::bucket::Bucket;
use compactor::config::Limits;
use compactor::hour::Compactor;
use tokio::time::Duration;

use crate::args::Place;
use crate::given::Given;
use crate::stack::Stack;

/// A bucket and its catalog, the compactor of both, and the queues of the same account.
pub struct Deployment {
    /// The bucket.
    pub bucket: Bucket,
    /// The catalog.
    pub catalog: Catalog,
    /// The compactor.
    pub compactor: Arc<Compactor>,
    /// The limits and delays that the compactor keeps to.
    pub limits: Limits,
    /// The account's queues.
    pub queues: aws_sdk_sqs::Client,
    /// The account's functions.
    pub functions: aws_sdk_lambda::Client,
}

impl Deployment {
    /// The one that `place` names, through clients configured by `clients`.
    pub fn new(place: &Place, clients: &SdkConfig, limits: Limits) -> Deployment {
        let bucket = Bucket::new(aws_sdk_s3::Client::new(clients), place.bucket());
        let catalog = || Catalog::new(aws_sdk_glue::Client::new(clients), place.database.as_str());
        let compactor = Arc::new(Compactor::new(bucket.clone(), catalog(), limits.clone()));
        let queues = aws_sdk_sqs::Client::new(clients);
        Deployment { bucket, catalog: catalog(), compactor, limits, queues, functions: functions(clients) }
    }

    /// The one on AWS where `given` has a way there, else the one in the folder, as it lies there. `caller` is whose
    /// calls the embedded AWS sees.
    ///
    /// # Errors
    ///
    /// Where no region is known, or there is no folder.
    pub fn open(place: &Place, caller: &str, given: &Given) -> anyhow::Result<Deployment> {
        match &given.aws {
            Some(clients) => Deployment::on_aws(place, clients, given),
            None => Ok(Stack::open_as_it_is(place, given.clock())?.deployment_within(caller, &given.limits)),
        }
    }

    /// The same, with what is missing in the folder made. On AWS nothing is: the templates make it.
    ///
    /// # Errors
    ///
    /// Where no region is known, or the folder cannot be written to.
    pub async fn open_or_make(place: &Place, caller: &str, given: &Given) -> anyhow::Result<Deployment> {
        match &given.aws {
            Some(clients) => Deployment::on_aws(place, clients, given),
            None => Ok(Stack::open(place, given.clock()).await?.deployment_within(caller, &given.limits)),
        }
    }

    fn on_aws(place: &Place, clients: &SdkConfig, given: &Given) -> anyhow::Result<Deployment> {
        ensure!(
            clients.region().is_some(),
            "no region is known; set AWS_REGION, or one for the profile in ~/.aws/config"
        );
        Ok(Deployment::new(place, clients, given.limits.clone()))
    }
}

/// An answer comes when the function ends, a quarter of an hour later at most. Where too many functions run at once, asking
/// again later is all there is to do.
fn functions(clients: &SdkConfig) -> aws_sdk_lambda::Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(16 * 60)).build();
    let config = aws_sdk_lambda::config::Builder::from(clients).timeout_config(timeouts);
    aws_sdk_lambda::Client::from_conf(config.retry_config(RetryConfig::standard().with_max_attempts(10)).build())
}
