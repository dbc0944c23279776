//! S3 over a folder.

mod api;
mod checksum;
mod condition;
mod declared;
mod error;
mod files;
mod object;
mod scheme;
mod store;

use std::io;
use std::sync::Arc;

use http::header::{CONTENT_RANGE, HeaderValue, RANGE};
use http::{Method, Request, Response, StatusCode};
use s3s::dto::Range;
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, S3Result};

use self::api::Api;
use self::store::Store;
use crate::clock::Clock;
use crate::folder::Folder;
use crate::journal::JournalError;
use crate::names;
use crate::seam::FailEntry;

pub(crate) use self::error::StoreError;
pub use self::files::{Files, FoundFile};
pub(crate) use self::store::paths;

/// The S3 service.
pub(crate) struct S3 {
    store: Arc<Store>,
    protocol: S3Service,
}

impl S3 {
    pub(crate) fn open(folder: Folder, clock: Clock) -> Result<S3, JournalError> {
        let store = Arc::new(Store::open(folder, clock)?);
        let mut builder = S3ServiceBuilder::new(Api(Arc::clone(&store)));
        builder.set_host(Hosts);
        Ok(S3 { store, protocol: builder.build() })
    }

    /// The files of a bucket. `None` if there is no such bucket.
    pub(crate) fn files(&self, bucket: &str) -> io::Result<Option<Files>> {
        Files::of(&self.store, bucket)
    }

    /// Makes a bucket. That the bucket exists is no error.
    pub(crate) fn create_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        self.store.create_bucket(bucket)
    }

    /// Answers one request. Corrects what the protocol layer does otherwise than S3. If the request is a batch, `entry`
    /// of it must fail.
    pub(crate) async fn answer(
        &self,
        mut request: Request<Body>,
        entry: Option<FailEntry>,
    ) -> Result<Response<Body>, HttpError> {
        entry.map(|entry| request.extensions_mut().insert(entry));
        let is_head = request.method() == Method::HEAD;
        if request.headers().get(RANGE).is_some_and(is_no_range) {
            // S3 returns the whole object instead.
            request.headers_mut().remove(RANGE);
        }
        let mut response = self.protocol.call(request).await?;
        if is_head && response.headers().contains_key(CONTENT_RANGE) {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        if is_head || response.status() == StatusCode::NOT_MODIFIED {
            // HTTP allows no body here. The SDK recognises a missing object by the empty body.
            *response.body_mut() = Body::empty();
        }
        Ok(response)
    }
}

fn is_no_range(range: &HeaderValue) -> bool {
    range.to_str().map_or(true, |range| Range::parse(range).is_err())
}

/// Finds the bucket in the host. Requests to any other host are path style.
struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let virtual_host = VirtualHost::new(host);
        Ok(match names::bucket_of(host) {
            Some(bucket) => virtual_host.with_bucket(bucket),
            None => virtual_host,
        })
    }
}
