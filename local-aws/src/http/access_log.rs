//! The access log: every request to S3 over the port, and how many bytes it returned.

use std::sync::Arc;

use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use hyper::body::Body as _;
use s3s::Body;

use crate::seam::{self, Call};

/// One request to S3 and its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The call. Its detail includes the byte range, if the request has one.
    pub call: Call,
    /// The HTTP status of the response.
    pub status: u16,
    /// Bytes of the response's body. 0 if the length is not known in advance, as for a listing.
    pub bytes: u64,
}

/// Passes each request to S3 to a function of the user's.
#[derive(Clone)]
pub(crate) struct AccessLog(Arc<dyn Fn(&Access) + Send + Sync>);

impl AccessLog {
    pub(crate) fn new(log: impl Fn(&Access) + Send + Sync + 'static) -> AccessLog {
        AccessLog(Arc::new(log))
    }

    /// The call of `request`. `None` if it is not a request to S3.
    pub(crate) fn call(caller: &Arc<str>, request: &Request<Body>) -> Option<Call> {
        seam::by_target(request).is_none().then(|| seam::of_s3(caller, request))
    }

    /// Logs the response to `call`.
    pub(crate) fn write(&self, call: Call, response: &Response<Body>) {
        let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let bytes = length.or(response.body().size_hint().exact()).unwrap_or(0);
        (self.0)(&Access { call, status: response.status().as_u16(), bytes });
    }
}
