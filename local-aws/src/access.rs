//! What was asked of S3 and how much was given, for whoever counts what a query reads.

use std::sync::Arc;

use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use hyper::body::Body as _;
use s3s::Body;

use crate::LocalAws;
use crate::seam::{self, Call};

/// One request to S3 and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The call; its detail has the range, if one was asked for.
    pub call: Call,
    /// The answer's status.
    pub status: u16,
    /// Bytes of the answer's body; 0 where their number is not known beforehand, as of a listing.
    pub bytes: u64,
}

/// Who is told of every request to S3.
#[derive(Clone)]
pub(crate) struct AccessLog(Arc<dyn Fn(&Access) + Send + Sync>);

impl LocalAws {
    /// The same AWS, telling `tell` of every request to S3 that comes over its port, as it is answered.
    pub fn with_access_log(&self, tell: impl Fn(&Access) + Send + Sync + 'static) -> LocalAws {
        LocalAws { access_log: Some(AccessLog(Arc::new(tell))), ..self.clone() }
    }

    /// The call that `request` makes, if somebody is to be told of it.
    pub(crate) fn to_be_told(&self, request: &Request<Body>) -> Option<(AccessLog, Call)> {
        let log = self.access_log.clone().filter(|_| seam::by_target(request).is_none())?;
        Some((log, seam::of_s3(&self.caller, request)))
    }
}

impl AccessLog {
    /// Tells of the answer to `call`.
    pub(crate) fn tell(&self, call: Call, response: &Response<Body>) {
        let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let bytes = length.or(response.body().size_hint().exact()).unwrap_or(0);
        (self.0)(&Access { call, status: response.status().as_u16(), bytes });
    }
}
