//! S3 over a folder.

mod api;
mod checksum;
mod condition;
mod error;
mod index;
mod list_calls;
mod listing;
mod multipart;
mod multipart_calls;
mod object;
mod object_calls;
mod place;
mod spool;
mod store;

use std::sync::Arc;

use http::header::{CONTENT_RANGE, HeaderValue, RANGE};
use http::{Method, Request, Response, StatusCode};
use s3s::dto::Range;
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, S3Result};

pub(crate) use self::error::StoreError;
pub(crate) use self::place::{Places, STATE};
pub(crate) use self::store::Store;

/// The S3 protocol over `store`.
pub(crate) fn service(store: Arc<Store>) -> S3Service {
    let mut builder = S3ServiceBuilder::new(api::Api(store));
    builder.set_host(Hosts);
    builder.build()
}

/// Answers one request, and mends what the protocol layer does otherwise than S3.
pub(crate) async fn answer(service: &S3Service, mut request: Request<Body>) -> Result<Response<Body>, HttpError> {
    let is_head = request.method() == Method::HEAD;
    if request.headers().get(RANGE).is_some_and(is_no_range) {
        // S3 gives the whole object instead.
        request.headers_mut().remove(RANGE);
    }
    let mut response = service.call(request).await?;
    if is_head && response.headers().contains_key(CONTENT_RANGE) {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    if is_head || response.status() == StatusCode::NOT_MODIFIED {
        // HTTP has no body here, and the SDK tells a missing object by that.
        *response.body_mut() = Body::empty();
    }
    Ok(response)
}

fn is_no_range(range: &HeaderValue) -> bool {
    range.to_str().map_or(true, |range| Range::parse(range).is_err())
}

/// Finds the bucket in the host: `<bucket>.s3.<region>.amazonaws.com`, as the SDK calls it through the seam, and
/// `<bucket>.localhost`, as clients call a server of one's own. Any other host is asked path style.
struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let virtual_host = VirtualHost::new(host);
        Ok(match bucket_of(host) {
            Some(bucket) => virtual_host.with_bucket(bucket),
            None => virtual_host,
        })
    }
}

/// The bucket that a host names, if it does.
pub(crate) fn bucket_of(host: &str) -> Option<&str> {
    let name = host.split(':').next()?;
    match name.split_once(".s3.") {
        Some((bucket, domain)) if domain.ends_with("amazonaws.com") => Some(bucket),
        _ => name.strip_suffix(".localhost"),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets() {
        for (host, bucket) in [
            ("logs.s3.eu-west-1.amazonaws.com", Some("logs")),
            ("my.logs.s3.amazonaws.com", Some("my.logs")),
            ("s3.us-east-1.amazonaws.com", None),
            ("logs.localhost:9000", Some("logs")),
            ("localhost:9000", None),
            ("minio", None),
        ] {
            assert_eq!(bucket_of(host), bucket, "{host}");
        }
    }
}
