//! The files of a bucket as an object store that counts what is read from it.
//!
//! It only reads, and through the embedded AWS, which opens nothing outside the folder.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use local_aws::{Files, FoundFile};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use percent_encoding::percent_decode_str;

/// Counts what one query reads.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Reading>);

#[derive(Debug, Default)]
struct Reading {
    bytes: u64,
    objects: HashSet<(String, Path)>,
}

impl Meter {
    /// Bytes and distinct objects read so far.
    pub(crate) fn read(&self) -> (u64, u64) {
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
    pub(super) files: Files,
    pub(super) meter: Arc<Meter>,
}

impl fmt::Display for MeteredBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)
    }
}

impl MeteredBucket {
    /// Opens the object of a listed location. There the characters that a [`Path`] cannot have are escaped.
    fn open(&self, location: &Path) -> Result<File> {
        let key = percent_decode_str(location.as_ref()).decode_utf8_lossy();
        self.files.open(&key).map_err(|error| self.failed(location, error))
    }

    fn failed(&self, path: &Path, error: io::Error) -> Error {
        let (path, source) = (format!("{self}/{path}"), Box::new(error));
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NotFound { path, source },
            _ => Error::Generic { store: "folder", source },
        }
    }
}

#[async_trait]
impl ObjectStore for MeteredBucket {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let file = self.open(location)?;
        let found = file.metadata().and_then(|file| Ok((file.len(), file.modified()?)));
        let (size, modified) = found.map_err(|error| self.failed(location, error))?;
        let meta = meta(location.clone(), size, modified);
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            Some(range) => range.as_range(size).map_err(|error| self.failed(location, io::Error::other(error)))?,
            None => 0..size,
        };
        if !options.head {
            self.meter.add(&self.name, location, range.end - range.start);
        }
        let payload = GetResultPayload::File(file, location.as_ref().into());
        Ok(GetResult { payload, meta, range, attributes: Attributes::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut file = self.open(location)?;
        let mut read = |range: &Range<u64>| {
            file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = vec![0; usize::try_from(range.end - range.start).map_err(io::Error::other)?];
            file.read_exact(&mut bytes)?;
            Ok(Bytes::from(bytes))
        };
        let got: io::Result<Vec<Bytes>> = ranges.iter().map(&mut read).collect();
        let got = got.map_err(|error| self.failed(location, error))?;
        self.meter.add(&self.name, location, got.iter().map(|bytes| bytes.len() as u64).sum());
        Ok(got)
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::once(async { Err(unavailable("list")) }).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let folder = prefix.map(Path::as_ref).unwrap_or_default();
        let found = self.files.list(folder).map_err(|error| self.failed(&Path::from(folder), error))?;
        let meta = |FoundFile { key, size, modified }| meta(Path::from(key), size, modified);
        let objects = found.into_iter().map(meta).collect();
        Ok(ListResult { common_prefixes: Vec::new(), objects })
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(unavailable("put"))
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(unavailable("put_multipart"))
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::once(async { Err(unavailable("delete")) }).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(unavailable("copy"))
    }
}

fn meta(location: Path, size: u64, modified: SystemTime) -> ObjectMeta {
    ObjectMeta { location, last_modified: modified.into(), size, e_tag: None, version: None }
}

/// What no query asks a bucket for.
fn unavailable(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_string(), implementer: "a bucket that is queried".to_string() }
}
