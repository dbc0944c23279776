//! The bucket's folder as an object store that counts what is read from it.
//!
//! The store passes over names that end in `#` and digits, which it takes for uploads in progress. Neither Firehose nor
//! the compactor writes such names.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};

/// Counts what one query reads.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<Reading>);

#[derive(Debug, Default)]
struct Reading {
    bytes: u64,
    objects: HashSet<(String, Path)>,
}

impl Meter {
    /// Bytes and distinct objects read so far.
    pub(super) fn read(&self) -> (u64, u64) {
        let reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (reading.bytes, reading.objects.len() as u64)
    }

    fn add(&self, bucket: &str, location: &Path, bytes: u64) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.bytes += bytes;
        reading.objects.insert((bucket.to_string(), location.clone()));
    }
}

/// A bucket whose reads are counted for one query.
#[derive(Debug)]
pub(super) struct MeteredBucket {
    pub(super) name: String,
    pub(super) folder: Arc<LocalFileSystem>,
    pub(super) meter: Arc<Meter>,
}

impl fmt::Display for MeteredBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)
    }
}

#[async_trait]
impl ObjectStore for MeteredBucket {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let head = options.head;
        let got = self.folder.get_opts(location, options).await?;
        if !head {
            self.meter.add(&self.name, location, got.range.end - got.range.start);
        }
        Ok(got)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let got = self.folder.get_ranges(location, ranges).await?;
        self.meter.add(&self.name, location, got.iter().map(|bytes| bytes.len() as u64).sum());
        Ok(got)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.folder.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.folder.list_with_delimiter(prefix).await
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.folder.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.folder.put_multipart_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.folder.delete_stream(locations)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.folder.copy_opts(from, to, options).await
    }
}
