//! What `compact`, `verify`, `status` and `replay` work on: the embedded AWS of a folder, or AWS itself.
//!
//! The two differ only in the configuration of the clients.

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

use crate::env::Env;
use crate::simulation::stack::Stack;
use crate::target::Target;

/// A bucket with its catalog and compactor, and the queues and functions of the same account.
pub struct Deployment {
    /// The bucket of the logs.
    pub bucket: Bucket,
    /// The catalog over that bucket.
    pub catalog: Catalog,
    /// A compactor of that bucket and catalog, in this process.
    pub compactor: Arc<Compactor>,
    /// The limits and delays that the compactor keeps to.
    pub limits: Limits,
    /// A client of the account's SQS.
    pub queues: aws_sdk_sqs::Client,
    /// A client of the account's Lambda.
    pub functions: aws_sdk_lambda::Client,
}

impl Deployment {
    /// The deployment that `target` names, through clients configured by `clients`.
    pub fn new(target: &Target, clients: &SdkConfig, limits: Limits) -> Deployment {
        let bucket = Bucket::new(aws_sdk_s3::Client::new(clients), target.bucket());
        let catalog = || Catalog::new(aws_sdk_glue::Client::new(clients), target.database(), target.bucket());
        let compactor = Arc::new(Compactor::new(bucket.clone(), catalog(), limits.clone()));
        let queues = aws_sdk_sqs::Client::new(clients);
        Deployment { bucket, catalog: catalog(), compactor, limits, queues, functions: functions(clients) }
    }

    /// What is deployed in `stack`. The embedded AWS sees the calls as those of `caller`.
    pub fn of_stack(stack: &Stack, caller: &str, limits: Limits) -> Deployment {
        Deployment::new(stack.target(), &stack.aws.as_caller(caller).sdk_config(), limits)
    }

    /// The deployment on AWS if `env` has a way there, else the one in the folder, in which nothing is made. The
    /// embedded AWS of a folder sees the calls as those of `caller`.
    ///
    /// # Errors
    ///
    /// If no region is known, or the folder does not exist.
    pub fn open(target: &Target, caller: &str, env: &Env) -> anyhow::Result<Deployment> {
        match &env.aws {
            Some(clients) => Deployment::on_aws(target, clients, env),
            None => Ok(Deployment::of_folder(&Stack::open_existing(target, env.clock())?, caller, env)),
        }
    }

    /// Like [`Deployment::open`], for what only reads: others may have the folder open and write to it, or nobody may.
    ///
    /// # Errors
    ///
    /// If no region is known, or the folder does not exist or cannot be read.
    pub fn open_to_read(target: &Target, caller: &str, env: &Env) -> anyhow::Result<Deployment> {
        match &env.aws {
            Some(clients) => Deployment::on_aws(target, clients, env),
            None => Ok(Deployment::of_folder(&Stack::open_to_read(target, env.clock())?, caller, env)),
        }
    }

    /// Like [`Deployment::open`], but a folder, its bucket and its tables are made if they are missing. On AWS the
    /// templates make them.
    ///
    /// # Errors
    ///
    /// If no region is known, or the folder cannot be written to.
    pub async fn open_or_make(target: &Target, caller: &str, env: &Env) -> anyhow::Result<Deployment> {
        match &env.aws {
            Some(clients) => Deployment::on_aws(target, clients, env),
            None => {
                let stack = Stack::open(target, env.clock()).await?;
                Ok(Deployment::of_folder(&stack, caller, env))
            }
        }
    }

    fn of_folder(stack: &Stack, caller: &str, env: &Env) -> Deployment {
        env.opened(&stack.aws);
        // Who may write to a folder has locked it. Who reads it is not alone.
        let alone = stack.aws.is_writable();
        Deployment::of_stack(stack, caller, Limits { alone, ..env.limits.clone() })
    }

    fn on_aws(target: &Target, clients: &SdkConfig, env: &Env) -> anyhow::Result<Deployment> {
        ensure!(
            clients.region().is_some(),
            "no region is known; set AWS_REGION, or one for the profile in ~/.aws/config"
        );
        Ok(Deployment::new(target, clients, env.limits.clone()))
    }
}

/// Lambda answers when the function ends, after 15 minutes at most. If too many functions run at once, the only remedy
/// is to ask again later.
fn functions(clients: &SdkConfig) -> aws_sdk_lambda::Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(16 * 60)).build();
    let config = aws_sdk_lambda::config::Builder::from(clients).timeout_config(timeouts);
    aws_sdk_lambda::Client::from_conf(config.retry_config(RetryConfig::standard().with_max_attempts(10)).build())
}
