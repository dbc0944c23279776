//! A call, named as IAM would name it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{Method, Request};

use crate::names::arn;

/// The service that is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// The Glue Data Catalog.
    Glue,
    /// Amazon SQS.
    Sqs,
    /// Amazon Athena.
    Athena,
    /// Lambda, for the functions that Firehose and S3's notifications invoke, and for their configurations.
    Lambda,
}

/// A call: the caller, the action and the resources.
///
/// It prints as `compactor s3:PutObject arn:aws:s3:::logs/manifests/2026/11/20/13.json if-none-match=*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The caller's name, from [`crate::LocalAws::as_caller`].
    pub caller: Arc<str>,
    /// The service that is called.
    pub service: Service,
    /// The action's name in the service's reference, such as `PutObject` or `GetPartitions`.
    pub name: Cow<'static, str>,
    /// The ARNs of objects, buckets, tables, databases, queues, workgroups or functions; `*` if the call concerns all of them. A
    /// batch may have many.
    pub resources: Vec<String>,
    /// Further parameters, such as `if-none-match=*`, `prefix=logs/` or partition values.
    pub detail: String,
}

impl Service {
    /// The prefix of the service's actions in a policy.
    pub fn prefix(self) -> &'static str {
        match self {
            Service::S3 => "s3",
            Service::Glue => "glue",
            Service::Sqs => "sqs",
            Service::Athena => "athena",
            Service::Lambda => "lambda",
        }
    }
}

const TARGET: &str = "x-amz-target";
/// The beginning of the header's value for each service.
const TARGETS: [(&str, Service); 3] =
    [("AWSGlue.", Service::Glue), ("AmazonSQS.", Service::Sqs), ("AmazonAthena.", Service::Athena)];

/// The service and the action in the header of `request`. `None` for S3, whose requests have a method and a path.
pub(crate) fn by_target<B>(request: &Request<B>) -> Option<(Service, &str)> {
    let target = request.headers().get(TARGET)?.to_str().ok()?;
    let named = || TARGETS.iter().find_map(|(begin, service)| Some((*service, target.strip_prefix(begin)?)));
    (request.method() == Method::POST).then(named).flatten()
}

impl Call {
    /// The call `name` of the function `function`.
    pub(crate) fn of_function(caller: &Arc<str>, name: &'static str, function: &str) -> Call {
        Call {
            caller: Arc::clone(caller),
            service: Service::Lambda,
            name: name.into(),
            resources: vec![arn("lambda", format!("function:{function}"))],
            detail: String::new(),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { caller, service, name, resources, detail } = self;
        write!(formatter, "{caller} {}:{name} {}", service.prefix(), resources.join(" "))?;
        if detail.is_empty() { Ok(()) } else { write!(formatter, " {detail}") }
    }
}
