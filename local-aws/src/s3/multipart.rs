//! Multipart uploads: `DIR/.local-aws/uploads/<id>/` holds `upload.json` and a file for each part, named
//! `<number>-<MD5>` or, in an upload with checksums, `<number>-<MD5>-<algorithm>-<checksum>`.
//!
//! The folder is all there is to an upload, so one begun before a restart can be completed after it.

use std::fs::{self, DirEntry, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use md5::{Digest, Md5};
use s3s::dto::{self, CompletedPart, StreamingBlob};
use serde::{Deserialize, Serialize};

use super::checksum::{Algorithm, Checksum, Claims, Scheme};
use super::condition::Condition;
use super::error::{StoreError, disk};
use super::object::{Attributes, Content, Object, Piece};
use super::spool::Spool;
use super::store::Store;

/// What S3 asks of every part but the last.
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

pub(super) const PART_NUMBER_MAX: i32 = 10_000;

/// Its name cannot be a part's.
const ABOUT: &str = "upload.json";

/// What an upload will become.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) bucket: String,
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) attributes: Attributes,
    /// If it was begun with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checksums: Option<Scheme>,
}

/// What a client says of an upload that it completes.
#[derive(Debug)]
pub(super) struct Completion<'a> {
    pub(super) listed: &'a [CompletedPart],
    pub(super) claims: &'a Claims,
    pub(super) size: Option<i64>,
    pub(super) condition: &'a Condition,
}

/// A part that has been uploaded.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) number: i32,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    pub(super) checksum: Option<Checksum>,
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

    /// Takes in a part, in place of an earlier one of its number.
    pub(super) async fn upload_part(
        &self,
        (id, number): (&str, i32),
        body: Option<StreamingBlob>,
        claims: &Claims,
        checksums: Option<Scheme>,
    ) -> Result<Part, StoreError> {
        let folder = self.upload_folder(id)?;
        if !(1..=PART_NUMBER_MAX).contains(&number) {
            return Err(StoreError::Argument("partNumber"));
        }
        let algorithm = checksums.map_or(Algorithm::DEFAULT, |scheme| scheme.algorithm);
        let spool = Spool::fill(&self.places.unfinished(), body, claims, algorithm).await?;
        let (size, etag) = (spool.size, super::hex(&spool.md5));
        // A claim is answered in kind, but kept only where the object's checksum will be made of it or checked with it.
        let checksum = (checksums.is_some() || claims.checksum.is_some()).then(|| spool.checksum.clone());
        let kept = checksum.as_ref().filter(|_| checksums.is_some());
        let failed = || format!("write part {number} of upload {id}");
        let modified = spool.date(self.now(), None).map_err(disk(failed()))?.modified();
        let path = folder.join(name(number, &etag, kept));
        // One writer at a time, so that one part of this number is left.
        let _one = self.lock();
        spool.persist(&path).map_err(disk(failed()))?;
        for earlier in self.parts(id)?.iter().filter(|part| part.number == number && part.path != path) {
            fs::remove_file(&earlier.path).map_err(disk(failed()))?;
        }
        Ok(Part { number, etag, size, modified, checksum, path })
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

    /// Joins the parts that the client lists into the object of the upload's key, if its condition holds.
    pub(super) fn complete_upload(&self, id: &str, completion: &Completion) -> Result<Object, StoreError> {
        let upload = self.upload(id)?;
        let parts = choose(self.parts(id)?, completion.listed, upload.checksums)?;
        let paths = parts.iter().map(|part| part.path.as_path());
        let algorithm = upload.checksums.map_or(Algorithm::DEFAULT, |scheme| scheme.algorithm);
        let spool = Spool::join(&self.places.unfinished(), paths, algorithm);
        let spool = spool.map_err(disk(format!("complete upload {id}")))?;
        let content = content(upload.checksums, &parts, &spool);
        completion.check(upload.checksums, spool.size, content.checksum.as_ref())?;
        let about = (etag_of(&parts), upload.attributes, content);
        let object = self.write((&upload.bucket, &upload.key), spool, about, completion.condition)?;
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

impl Completion<'_> {
    /// Refuses an object that isn't what the client takes it for.
    fn check(&self, checksums: Option<Scheme>, size: u64, found: Option<&Checksum>) -> Result<(), StoreError> {
        if self.size.is_some_and(|claimed| u64::try_from(claimed) != Ok(size)) {
            return Err(StoreError::Request(format!(
                "the object has {size} bytes, x-amz-mp-object-size says otherwise"
            )));
        }
        let (Some(claim), Some(found)) = (&self.claims.checksum, found) else { return Ok(()) };
        if claim.algorithm == found.algorithm {
            return claim.check(found);
        }
        // Without a scheme S3 looks at none but its own.
        checksums.map_or(Ok(()), |scheme| scheme.check_part(Some(claim.algorithm)))
    }
}

/// What is to be known of the object that `spool` holds the joined parts of.
fn content(checksums: Option<Scheme>, parts: &[Part], spool: &Spool) -> Content {
    let composite = checksums.filter(|scheme| scheme.composite);
    let pieces = parts.iter().map(|part| Piece {
        number: part.number,
        size: part.size,
        checksum: part.checksum.clone().filter(|_| composite.is_some()),
    });
    let checksum = match composite {
        Some(scheme) => {
            let of_parts: Vec<&Checksum> = parts.iter().filter_map(|part| part.checksum.as_ref()).collect();
            Checksum::composite(scheme.algorithm, &of_parts)
        }
        None => spool.checksum.clone(),
    };
    Content { checksum: Some(checksum), parts: pieces.collect() }
}

/// The name of a part's file.
fn name(number: i32, etag: &str, checksum: Option<&Checksum>) -> String {
    match checksum {
        None => format!("{number:05}-{etag}"),
        Some(it) => format!("{number:05}-{etag}-{}-{}", it.algorithm.name(), super::hex(&it.digest())),
    }
}

fn part(entry: &DirEntry) -> io::Result<Option<Part>> {
    let name = entry.file_name().to_string_lossy().into_owned();
    let words: Vec<&str> = name.split('-').collect();
    let [number, etag, checksum @ ..] = words.as_slice() else { return Ok(None) };
    let Ok(number) = number.parse() else { return Ok(None) };
    let checksum = match checksum {
        [algorithm, digest] => {
            Algorithm::named(algorithm).ok().map(|algorithm| Checksum::of_digest(algorithm, &unhex(digest)))
        }
        _ => None,
    };
    // One that is gone by now has been replaced.
    let Ok(file) = entry.metadata() else { return Ok(None) };
    let (size, modified) = (file.len(), file.modified()?);
    Ok(Some(Part { number, etag: (*etag).to_owned(), size, modified, checksum, path: entry.path() }))
}

/// Those of the uploaded `parts` that the client lists, which must be what it takes them for.
fn choose(parts: Vec<Part>, listed: &[CompletedPart], checksums: Option<Scheme>) -> Result<Vec<Part>, StoreError> {
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
        check_listed(listed, &part, checksums)?;
        chosen.push(part);
    }
    match chosen.iter().rev().skip(1).find(|part| part.size < PART_BYTES_MIN) {
        None => Ok(chosen),
        Some(&Part { number, size: bytes, .. }) => Err(StoreError::PartTooSmall { number, bytes, min: PART_BYTES_MIN }),
    }
}

/// A checksum that is listed must be the part's. Of a composite's parts each must be listed with its own.
fn check_listed(listed: &CompletedPart, part: &Part, checksums: Option<Scheme>) -> Result<(), StoreError> {
    let fields = fields_of(listed);
    let is_listed = fields != dto::Checksum::default();
    match (&part.checksum, checksums) {
        (Some(checksum), Some(scheme)) if scheme.composite && !is_listed => {
            let algorithm = checksum.algorithm.name().to_lowercase();
            let missing = "the complete request must include the checksum for each part, it was missing for part";
            Err(StoreError::Request(format!("with {algorithm} checksums {missing} {}", part.number)))
        }
        (Some(checksum), _) if is_listed && checksum.algorithm.value_in(fields).as_ref() != Some(&checksum.value) => {
            Err(StoreError::Part(part.number))
        }
        (None, _) if is_listed => Err(StoreError::Part(part.number)),
        _ => Ok(()),
    }
}

fn fields_of(listed: &CompletedPart) -> dto::Checksum {
    dto::Checksum {
        checksum_crc32: listed.checksum_crc32.clone(),
        checksum_crc32c: listed.checksum_crc32c.clone(),
        checksum_crc64nvme: listed.checksum_crc64nvme.clone(),
        checksum_sha1: listed.checksum_sha1.clone(),
        checksum_sha256: listed.checksum_sha256.clone(),
        checksum_type: None,
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
