//! Multipart uploads.
//!
//! `DIR/.local-aws/uploads/<id>/` holds `upload.json` and a file for each part. The file is named `<number>-<MD5>` or, if
//! the upload has checksums, `<number>-<MD5>-<algorithm>-<checksum>`. An upload has no other state, so it survives a
//! restart.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use md5::{Digest, Md5};
use s3s::dto::{self, CompletedPart, StreamingBlob};
use serde::{Deserialize, Serialize};

use super::paths;
use super::spool::Spool;
use super::{Store, require_listable};
use crate::folder::absent;
use crate::services::s3::checksum::{Algorithm, Checksum};
use crate::services::s3::condition::Condition;
use crate::services::s3::declared::DeclaredChecksums;
use crate::services::s3::error::{StoreError, disk};
use crate::services::s3::object::{Attributes, Content, Description, Fingerprint, Object, ObjectPart};
use crate::services::s3::scheme::Scheme;

/// The least size of every part but the last, in bytes.
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

/// The greatest number of a part. The least is 1.
pub(crate) const PART_NUMBER_MAX: i32 = 10_000;

/// The file that describes an upload. No part can have this name.
const DESCRIPTION: &str = "upload.json";

/// The object that an upload will become.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) bucket: String,
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) attributes: Attributes,
    /// `None` if the upload was begun without checksums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksums: Option<Scheme>,
}

/// The request to complete an upload.
#[derive(Debug)]
pub(crate) struct Completion<'a> {
    pub(crate) listed: &'a [CompletedPart],
    pub(crate) declared: &'a DeclaredChecksums,
    pub(crate) size: Option<i64>,
    pub(crate) condition: &'a Condition,
}

/// A part that has been uploaded.
#[derive(Debug)]
pub(crate) struct UploadedPart {
    pub(crate) number: i32,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
    pub(crate) checksum: Option<Checksum>,
    path: PathBuf,
}

impl Store {
    /// Begins an upload and returns its id.
    pub(crate) fn begin_upload(&self, upload: &Upload) -> Result<String, StoreError> {
        self.require_bucket(&upload.bucket)?;
        require_listable(&upload.key)?;
        let failed = || format!("begin an upload of {}", upload.key);
        let unfinished = paths::unfinished();
        let id = unfinished.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.describe_upload(&unfinished, upload).map_err(disk(failed()))?;
        self.folder.rename(&unfinished, &Path::new(paths::UPLOADS).join(&id)).map_err(disk(failed()))?;
        Ok(id)
    }

    fn describe_upload(&self, folder: &Path, upload: &Upload) -> io::Result<()> {
        self.folder.make(folder)?;
        let mut file = self.folder.create(&folder.join(DESCRIPTION))?;
        file.write_all(&serde_json::to_vec(upload)?)?;
        file.set_modified(self.now())
    }

    /// Writes a part. It replaces an earlier part with its number.
    pub(crate) async fn upload_part(
        &self,
        (id, number): (&str, i32),
        body: Option<StreamingBlob>,
        declared: &DeclaredChecksums,
        checksums: Option<Scheme>,
    ) -> Result<UploadedPart, StoreError> {
        let folder = self.upload_folder(id)?;
        if !(1..=PART_NUMBER_MAX).contains(&number) {
            return Err(StoreError::Argument("partNumber"));
        }
        let algorithm = checksums.map_or(Algorithm::DEFAULT, |scheme| scheme.algorithm);
        let spool = Spool::fill(&self.folder, body, declared, algorithm).await?;
        let (size, etag) = (spool.size, hex::encode(spool.md5));
        // S3 returns a declared checksum, but keeps it only if the upload has checksums.
        let checksum = (checksums.is_some() || declared.checksum.is_some()).then(|| spool.checksum.clone());
        let kept = checksum.as_ref().filter(|_| checksums.is_some());
        let failed = || format!("write part {number} of upload {id}");
        let modified = spool.set_modified(self.now(), None).map_err(disk(failed()))?.modified();
        let path = folder.join(file_name(number, &etag, kept));
        // One writer at a time, so that one part with this number remains.
        let _lock = self.lock();
        spool.persist(&path).map_err(disk(failed()))?;
        for earlier in self.parts(id)?.iter().filter(|part| part.number == number && part.path != path) {
            self.folder.remove_file(&earlier.path).map_err(disk(failed()))?;
        }
        Ok(UploadedPart { number, etag, size, modified, checksum, path })
    }

    /// The parts of an upload, by number.
    pub(crate) fn parts(&self, id: &str) -> Result<Vec<UploadedPart>, StoreError> {
        let failed = || format!("list the parts of upload {id}");
        let mut parts = Vec::new();
        let folder = self.upload_folder(id)?;
        for (name, _) in self.folder.entries(&folder).map_err(disk(failed()))? {
            // A part that is missing by now has been replaced.
            let file = self.folder.file(&folder.join(&name)).map_err(disk(failed()))?;
            parts.extend(file.and_then(|file| part(&folder, &name, Fingerprint::of(&file))));
        }
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    /// Concatenates the listed parts to the object of the upload's key, if the condition holds.
    pub(crate) fn complete_upload(&self, id: &str, completion: &Completion) -> Result<Object, StoreError> {
        let upload = self.upload(id)?;
        let parts = listed_parts(self.parts(id)?, completion.listed, upload.checksums)?;
        let paths = parts.iter().map(|part| part.path.as_path());
        let algorithm = upload.checksums.map_or(Algorithm::DEFAULT, |scheme| scheme.algorithm);
        let spool = Spool::join(&self.folder, paths, algorithm);
        let spool = spool.map_err(disk(format!("complete upload {id}")))?;
        let content = content(upload.checksums, &parts, &spool);
        completion.check(upload.checksums, spool.size, content.checksum.as_ref())?;
        let description = Description { etag: etag_of(&parts), attributes: upload.attributes, content };
        let object = self.write((&upload.bucket, &upload.key), spool, description, completion.condition)?;
        self.delete_upload(id)?;
        Ok(object)
    }

    /// Deletes an upload and its parts.
    pub(crate) fn delete_upload(&self, id: &str) -> Result<(), StoreError> {
        let folder = self.upload_folder(id)?;
        // No part can be written meanwhile.
        let _lock = self.lock();
        self.folder.remove_tree(&folder).map_err(disk(format!("remove upload {id}")))
    }

    /// The object that upload `id` will become.
    pub(crate) fn upload(&self, id: &str) -> Result<Upload, StoreError> {
        let description = self.upload_folder(id)?.join(DESCRIPTION);
        let mut text = Vec::new();
        let read = self.folder.read(&description).and_then(|mut file| file.read_to_end(&mut text));
        let upload = read.and_then(|_| serde_json::from_slice(&text).map_err(io::Error::from));
        upload.map_err(disk(format!("read upload {id}")))
    }

    /// The unfinished uploads to a bucket, sorted by key: the id, the upload, and when it was begun.
    pub(crate) fn uploads(&self, bucket: &str) -> Result<Vec<(String, Upload, SystemTime)>, StoreError> {
        self.require_bucket(bucket)?;
        let failed = || format!("list the uploads to {bucket}");
        let mut uploads = Vec::new();
        let folder = Path::new(paths::UPLOADS);
        for (id, _) in self.folder.entries(folder).map_err(disk(failed()))? {
            let description = folder.join(&id).join(DESCRIPTION);
            let Some(described) = self.folder.file(&description).map_err(disk(failed()))? else { continue };
            let upload = self.upload(&id)?;
            if upload.bucket == bucket {
                uploads.push((id, upload, Fingerprint::of(&described).modified()));
            }
        }
        uploads.sort_by(|a, b| (&a.1.key, &a.0).cmp(&(&b.1.key, &b.0)));
        Ok(uploads)
    }

    fn upload_folder(&self, id: &str) -> Result<PathBuf, StoreError> {
        let no_such_upload = || StoreError::NoSuchUpload(id.to_owned());
        // Only an id may become part of a path.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(no_such_upload());
        }
        let folder = Path::new(paths::UPLOADS).join(id);
        let found = absent(self.folder.folder(&folder)).map_err(disk(format!("open upload {id}")))?;
        found.map(|_| folder).ok_or_else(no_such_upload)
    }
}

impl Completion<'_> {
    /// Refuses an object whose size or checksum is not the declared one.
    fn check(&self, checksums: Option<Scheme>, size: u64, found: Option<&Checksum>) -> Result<(), StoreError> {
        if self.size.is_some_and(|declared| u64::try_from(declared) != Ok(size)) {
            return Err(StoreError::Request(format!(
                "the object has {size} bytes, x-amz-mp-object-size says otherwise"
            )));
        }
        let (Some(declared), Some(found)) = (&self.declared.checksum, found) else { return Ok(()) };
        if declared.algorithm == found.algorithm {
            return declared.check(found);
        }
        // Without a scheme S3 checks no algorithm but its own.
        checksums.map_or(Ok(()), |scheme| scheme.check_part(Some(declared.algorithm)))
    }
}

/// The checksum and parts of the object in `spool`.
fn content(checksums: Option<Scheme>, parts: &[UploadedPart], spool: &Spool) -> Content {
    let composite = checksums.filter(|scheme| scheme.composite);
    let object_parts = parts.iter().map(|part| ObjectPart {
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
    Content { checksum: Some(checksum), parts: object_parts.collect() }
}

/// The name of a part's file.
fn file_name(number: i32, etag: &str, checksum: Option<&Checksum>) -> String {
    match checksum {
        None => format!("{number:05}-{etag}"),
        Some(checksum) => {
            let digest = hex::encode(checksum.digest());
            format!("{number:05}-{etag}-{}-{digest}", checksum.algorithm.name())
        }
    }
}

/// The part in `folder` whose file has this name and fingerprint. `None` if the file is no part.
fn part(folder: &Path, name: &str, file: Fingerprint) -> Option<UploadedPart> {
    let words: Vec<&str> = name.split('-').collect();
    let [number, etag, checksum @ ..] = words.as_slice() else { return None };
    let number = number.parse().ok()?;
    let checksum = match checksum {
        [algorithm, digest] => {
            let digest = hex::decode(digest).unwrap_or_default();
            Algorithm::named(algorithm).ok().map(|algorithm| Checksum::of_digest(algorithm, &digest))
        }
        _ => None,
    };
    let (size, modified) = (file.size, file.modified());
    Some(UploadedPart { number, etag: (*etag).to_owned(), size, modified, checksum, path: folder.join(name) })
}

/// The uploaded parts that the client lists. Each must have the listed ETag and checksum.
fn listed_parts(
    parts: Vec<UploadedPart>,
    listed: &[CompletedPart],
    checksums: Option<Scheme>,
) -> Result<Vec<UploadedPart>, StoreError> {
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
        Some(&UploadedPart { number, size: bytes, .. }) => {
            Err(StoreError::PartTooSmall { number, bytes, min: PART_BYTES_MIN })
        }
    }
}

/// Refuses a listed checksum that is not the part's. If the object's checksum is composite, each part must be listed
/// with one.
fn check_listed(listed: &CompletedPart, part: &UploadedPart, checksums: Option<Scheme>) -> Result<(), StoreError> {
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

/// The ETag of a multipart object: the MD5 of the parts' MD5s, and the count of parts.
fn etag_of(parts: &[UploadedPart]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}
