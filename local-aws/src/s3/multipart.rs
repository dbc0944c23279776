//! Multipart uploads: `DIR/.local-aws/uploads/<id>/` holds `upload.json` and a file `<number>-<MD5>` for each part.
//!
//! The folder is all there is to an upload, so one begun before a restart can be completed after it.

use std::fs::{self, DirEntry, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use md5::{Digest, Md5};
use s3s::dto::{CompletedPart, StreamingBlob};
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::error::{StoreError, disk};
use super::object::{Attributes, Object};
use super::spool::Spool;
use super::store::Store;

/// What S3 asks of every part but the last.
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

const PART_NUMBER_MAX: i32 = 10_000;

/// Its name cannot be a part's.
const ABOUT: &str = "upload.json";

/// What an upload will become.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) bucket: String,
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) attributes: Attributes,
}

/// A part that has been uploaded.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: i32,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    path: PathBuf,
}

impl Store {
    /// Begins an upload and returns its id.
    pub(super) fn begin_upload(&self, upload: &Upload) -> Result<String, StoreError> {
        self.require_bucket(&upload.bucket)?;
        let failed = || format!("begin an upload of {}", upload.key);
        let folder = tempfile::Builder::new().prefix("").rand_bytes(32).tempdir_in(self.places.unfinished());
        let folder = folder.map_err(disk(failed()))?.keep();
        self.describe_upload(&folder, upload).map_err(disk(failed()))?;
        let id = folder.file_name().unwrap_or_default();
        fs::rename(&folder, self.places.uploads().join(id)).map_err(disk(failed()))?;
        Ok(id.to_string_lossy().into_owned())
    }

    fn describe_upload(&self, folder: &Path, upload: &Upload) -> io::Result<()> {
        let mut file = File::create(folder.join(ABOUT))?;
        file.write_all(&serde_json::to_vec(upload)?)?;
        file.set_modified(self.now())
    }

    /// Takes in a part, in place of an earlier one of its number, and returns its ETag.
    pub(super) async fn upload_part(
        &self,
        (id, number): (&str, i32),
        body: Option<StreamingBlob>,
        length: Option<i64>,
        content_md5: Option<&str>,
    ) -> Result<Part, StoreError> {
        let folder = self.upload_folder(id)?;
        if !(1..=PART_NUMBER_MAX).contains(&number) {
            return Err(StoreError::Argument("partNumber"));
        }
        let spool = Spool::fill(&self.places.unfinished(), body, length, content_md5).await?;
        let (size, etag) = (spool.size, super::hex(&spool.md5));
        let failed = || format!("write part {number} of upload {id}");
        let modified = spool.date(self.now(), None).map_err(disk(failed()))?.modified();
        let path = folder.join(format!("{number:05}-{etag}"));
        // One writer at a time, so that one part of this number is left.
        let _one = self.lock();
        spool.persist(&path).map_err(disk(failed()))?;
        for earlier in self.parts(id)?.iter().filter(|part| part.number == number && part.path != path) {
            fs::remove_file(&earlier.path).map_err(disk(failed()))?;
        }
        Ok(Part { number, etag, size, modified, path })
    }

    /// The parts of an upload, by number.
    pub(super) fn parts(&self, id: &str) -> Result<Vec<Part>, StoreError> {
        let failed = || format!("list the parts of upload {id}");
        let mut parts = Vec::new();
        for entry in fs::read_dir(self.upload_folder(id)?).map_err(disk(failed()))? {
            let entry = entry.map_err(disk(failed()))?;
            parts.extend(part(&entry).map_err(disk(failed()))?);
        }
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    /// Joins the parts that `listed` names into the object of the upload's key, if `condition` holds.
    pub(super) fn complete_upload(
        &self,
        id: &str,
        listed: &[CompletedPart],
        condition: &Condition,
    ) -> Result<Object, StoreError> {
        let upload = self.upload(id)?;
        let parts = choose(self.parts(id)?, listed)?;
        let paths = parts.iter().map(|part| part.path.as_path());
        let spool = Spool::join(&self.places.unfinished(), paths).map_err(disk(format!("complete upload {id}")))?;
        let etag = etag_of(&parts);
        let object = self.write((&upload.bucket, &upload.key), spool, etag, upload.attributes, condition)?;
        self.abort_upload(id)?;
        Ok(object)
    }

    /// Forgets an upload and its parts.
    pub(super) fn abort_upload(&self, id: &str) -> Result<(), StoreError> {
        let folder = self.upload_folder(id)?;
        // No part may come in meanwhile.
        let _one = self.lock();
        fs::remove_dir_all(folder).map_err(disk(format!("remove upload {id}")))
    }

    /// What upload `id` will become.
    pub(super) fn upload(&self, id: &str) -> Result<Upload, StoreError> {
        let about = self.upload_folder(id)?.join(ABOUT);
        let about = fs::read(about).map_err(disk(format!("read upload {id}")))?;
        serde_json::from_slice(&about).map_err(io::Error::from).map_err(disk(format!("read upload {id}")))
    }

    /// The uploads to a bucket that are under way, by key: id, upload, and when it was begun.
    pub(super) fn uploads(&self, bucket: &str) -> Result<Vec<(String, Upload, SystemTime)>, StoreError> {
        self.require_bucket(bucket)?;
        let failed = || format!("list the uploads to {bucket}");
        let mut uploads = Vec::new();
        for entry in fs::read_dir(self.places.uploads()).map_err(disk(failed()))? {
            let entry = entry.map_err(disk(failed()))?;
            let id = entry.file_name().to_string_lossy().into_owned();
            let upload = self.upload(&id)?;
            let begun = entry.path().join(ABOUT).metadata().and_then(|about| about.modified());
            if upload.bucket == bucket {
                uploads.push((id, upload, begun.map_err(disk(failed()))?));
            }
        }
        uploads.sort_by(|a, b| (&a.1.key, &a.0).cmp(&(&b.1.key, &b.0)));
        Ok(uploads)
    }

    fn upload_folder(&self, id: &str) -> Result<PathBuf, StoreError> {
        let no_such_upload = || StoreError::NoSuchUpload(id.to_owned());
        // An id of ours: nothing else may become part of a path.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(no_such_upload());
        }
        let folder = self.places.uploads().join(id);
        if folder.is_dir() { Ok(folder) } else { Err(no_such_upload()) }
    }
}

fn part(entry: &DirEntry) -> io::Result<Option<Part>> {
    let name = entry.file_name().to_string_lossy().into_owned();
    let Some((number, etag)) = name.split_once('-') else { return Ok(None) };
    let Ok(number) = number.parse() else { return Ok(None) };
    // One that is gone by now has been replaced.
    let Ok(file) = entry.metadata() else { return Ok(None) };
    let (size, modified) = (file.len(), file.modified()?);
    Ok(Some(Part { number, etag: etag.to_owned(), size, modified, path: entry.path() }))
}

/// Those of the uploaded `parts` that the client lists, which must be what it takes them for.
fn choose(parts: Vec<Part>, listed: &[CompletedPart]) -> Result<Vec<Part>, StoreError> {
    if listed.is_empty() {
        return Err(StoreError::Argument("an upload without parts"));
    }
    let numbers: Vec<i32> = listed.iter().map(|part| part.part_number.unwrap_or_default()).collect();
    if !numbers.is_sorted_by(|a, b| a < b) {
        return Err(StoreError::PartOrder);
    }
    let mut uploaded = parts.into_iter();
    let mut chosen = Vec::with_capacity(listed.len());
    for (listed, &number) in listed.iter().zip(&numbers) {
        let part = uploaded.find(|part| part.number == number).ok_or(StoreError::Part(number))?;
        if listed.e_tag.as_ref().is_none_or(|etag| etag.value() != part.etag) {
            return Err(StoreError::Part(number));
        }
        chosen.push(part);
    }
    match chosen.iter().rev().skip(1).find(|part| part.size < PART_BYTES_MIN) {
        None => Ok(chosen),
        Some(&Part { number, size: bytes, .. }) => Err(StoreError::PartTooSmall { number, bytes, min: PART_BYTES_MIN }),
    }
}

/// The MD5 of the parts' MD5s, and how many there are.
fn etag_of(parts: &[Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(unhex(&part.etag));
    }
    format!("{}-{}", super::hex(&md5.finalize()), parts.len())
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
