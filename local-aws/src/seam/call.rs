//! A call, as IAM would name it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::{Method, Request};

use crate::REGION;
use crate::glue::CATALOG_ID;

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// The Glue Data Catalog.
    Glue,
    /// Amazon SQS.
    Sqs,
    /// Lambda, for the functions that Firehose and S3's notifications invoke.
    Lambda,
}

/// A call: who asks whom for what.
///
/// As text: `compactor s3:PutObject arn:aws:s3:::logs/manifests/2026/11/20/13.json if-none-match=*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The caller's name, as [`crate::LocalAws::as_caller`] gave it.
    pub caller: Arc<str>,
    /// Who is called.
    pub service: Service,
    /// The call's name, as the service's reference has it: `PutObject`, `GetPartitions`.
    pub name: Cow<'static, str>,
    /// ARNs of what it is about: an object, a bucket, a table, a database, a queue, a function; `*` if it is about all. Of a
    /// batch there may be many.
    pub resources: Vec<String>,
    /// What else tells it from others: `if-none-match=*`, `prefix=logs/`, partition values.
    pub detail: String,
}

impl Service {
    /// The prefix of its actions in a policy.
    pub fn prefix(self) -> &'static str {
        match self {
            Service::S3 => "s3",
            Service::Glue => "glue",
            Service::Sqs => "sqs",
            Service::Lambda => "lambda",
        }
    }
}

const TARGET: &str = "x-amz-target";
/// How the header begins, by the service that it names.
const TARGETS: [(&str, Service); 2] = [("AWSGlue.", Service::Glue), ("AmazonSQS.", Service::Sqs)];

/// The service and the call that `request` names in its header; S3 is asked by method and path.
pub(crate) fn by_target<B>(request: &Request<B>) -> Option<(Service, &str)> {
    let target = request.headers().get(TARGET)?.to_str().ok()?;
    let named = || TARGETS.iter().find_map(|(begin, service)| Some((*service, target.strip_prefix(begin)?)));
    (request.method() == Method::POST).then(named).flatten()
}

impl Call {
    /// An invocation of the function `function`.
    pub(crate) fn invocation(caller: &Arc<str>, function: &str) -> Call {
        Call {
            caller: Arc::clone(caller),
            service: Service::Lambda,
            name: "Invoke".into(),
            resources: vec![format!("arn:aws:lambda:{REGION}:{CATALOG_ID}:function:{function}")],
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
