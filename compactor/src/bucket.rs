//! S3 in our verbs.

use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::ResponseChecksumValidation;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, EncodingType, Object};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::Bytes;
use log_format::layout;
pub use projection::manifest::ObjectMeta;
use tokio::time::{Duration, sleep};

/// The bucket that holds everything.
#[derive(Debug, Clone)]
pub struct Bucket {
    s3: Client,
    name: String,
}

/// A call to S3 failed, and so did the SDK's retries.
#[derive(Debug, thiserror::Error)]
#[error("failed to {verb} s3://{bucket}/{key}")]
pub struct BucketError {
    verb: &'static str,
    bucket: String,
    key: String,
    #[source]
    source: Box<aws_sdk_s3::Error>,
}

/// The condition of a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// No object has that key.
    Absent,
    /// The object has this ETag.
    Matches(String),
}

/// S3's answer to a conditional write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// The object was written and has this ETag.
    Written(String),
    /// The condition does not hold. It may have held for an earlier try of ours whose reply was lost: read the object.
    Refused,
}

/// S3's answer to a conditional read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Got {
    /// The object's bytes.
    Bytes(Bytes),
    /// The object is not the one asked for any more, or is gone.
    Changed,
}

/// Tries of a write that conflicts with another in flight (409).
const CONFLICT_TRIES: u32 = 5;
/// Wait after such a conflict, multiplied by the number of the try.
const CONFLICT_WAIT: Duration = Duration::from_millis(100);

impl Bucket {
    /// The bucket `name`.
    pub fn new(s3: Client, name: impl Into<String>) -> Bucket {
        Bucket { s3, name: name.into() }
    }

    /// Another bucket that the same client reaches.
    pub fn beside(&self, name: impl Into<String>) -> Bucket {
        Bucket { s3: self.s3.clone(), name: name.into() }
    }

    /// The URI of a key or prefix.
    pub fn uri(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.name)
    }

    /// Deletes an object. Success if there is none.
    pub async fn delete(&self, key: &str) -> Result<(), BucketError> {
        let deleted = self.s3.delete_object().bucket(&self.name).key(key).send().await;
        deleted.map(|_| ()).map_err(|error| self.failed("delete", key, error))
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Every object under `prefix`, in order of its key.
    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, BucketError> {
        self.list_between(prefix, "", |_| true).await
    }

    /// The objects under `prefix` whose keys are greater than `after`, up to the first key that is not `wanted`.
    pub async fn list_between(
        &self,
        prefix: &str,
        after: &str,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<Vec<ObjectMeta>, BucketError> {
        // XML cannot hold every key as it is.
        let call = self.s3.list_objects_v2().bucket(&self.name).encoding_type(EncodingType::Url).prefix(prefix);
        let call = if after.is_empty() { call } else { call.start_after(after) };
        let mut pages = call.into_paginator().send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("list", prefix, error))?;
            for object in page.contents.unwrap_or_default() {
                let key = key_of(&object);
                if !wanted(&key) {
                    return Ok(objects);
                }
                let size = object.size.unwrap_or_default().unsigned_abs();
                objects.push(ObjectMeta { key, etag: object.e_tag.unwrap_or_default(), size });
            }
        }
        Ok(objects)
    }

    /// The bytes and the ETag of an object. `None` if there is none.
    pub async fn read(&self, key: &str) -> Result<Option<(Bytes, String)>, BucketError> {
        match self.s3.get_object().bucket(&self.name).key(key).send().await {
            Ok(found) => {
                let etag = found.e_tag.unwrap_or_default();
                let body = found.body.collect().await.map_err(|error| self.broken(key, error))?;
                Ok(Some((body.into_bytes(), etag)))
            }
            Err(error) if status(&error) == Some(404) && error.code() != Some("NoSuchBucket") => Ok(None),
            Err(error) => Err(self.failed("read", key, error)),
        }
    }

    /// The bytes and the ETag of an object as they are, for whoever compares them with what was written. `None` if there is
    /// none. Bytes that do not have the checksum that S3 keeps of them are read twice, and then given all the same.
    pub async fn read_as_is(&self, key: &str) -> Result<Option<(Bytes, String)>, BucketError> {
        let mut found = self.read(key).await;
        if found.is_err() {
            found = self.read(key).await;
        }
        let Err(error) = found else { return found };
        let unchecked =
            aws_sdk_s3::config::Builder::new().response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        let call = self.s3.get_object().bucket(&self.name).key(key).customize().config_override(unchecked);
        let Ok(found) = call.send().await else { return Err(error) };
        let etag = found.e_tag.unwrap_or_default();
        let Ok(body) = found.body.collect().await else { return Err(error) };
        Ok(Some((body.into_bytes(), etag)))
    }

    /// Bytes of an object from the first up to, not including, the last of `range`; fewer if the object ends before. `None` if
    /// there is no object, or it ends before the first.
    pub async fn read_range(&self, key: &str, range: Range<u64>) -> Result<Option<Bytes>, BucketError> {
        if range.is_empty() {
            return Ok(Some(Bytes::new()));
        }
        let bytes = format!("bytes={}-{}", range.start, range.end - 1);
        match self.s3.get_object().bucket(&self.name).key(key).range(bytes).send().await {
            Ok(found) => {
                let body = found.body.collect().await.map_err(|error| self.broken(key, error))?;
                Ok(Some(body.into_bytes()))
            }
            Err(error) if matches!(status(&error), Some(404 | 416)) && error.code() != Some("NoSuchBucket") => Ok(None),
            Err(error) => Err(self.failed("read", key, error)),
        }
    }

    /// Hands over the bytes of an object as they come. Returns false if there is none.
    pub async fn read_parts(&self, key: &str, mut take: impl FnMut(&[u8])) -> Result<bool, BucketError> {
        match self.s3.get_object().bucket(&self.name).key(key).send().await {
            Ok(mut found) => {
                while let Some(part) = found.body.try_next().await.map_err(|error| self.broken(key, error))? {
                    take(&part);
                }
                Ok(true)
            }
            Err(error) if status(&error) == Some(404) && error.code() != Some("NoSuchBucket") => Ok(false),
            Err(error) => Err(self.failed("read", key, error)),
        }
    }

    /// The bytes of an object, if it still is what was listed.
    pub async fn read_if(&self, input: &ObjectMeta) -> Result<Got, BucketError> {
        match self.s3.get_object().bucket(&self.name).key(&input.key).if_match(&input.etag).send().await {
            Ok(found) => {
                let body = found.body.collect().await.map_err(|error| self.broken(&input.key, error))?;
                Ok(Got::Bytes(body.into_bytes()))
            }
            Err(error) if matches!(status(&error), Some(404 | 412)) => Ok(Got::Changed),
            Err(error) => Err(self.failed("read", &input.key, error)),
        }
    }

    /// Writes an object without a condition. Its key must hold the run's nonce, so that nobody else writes it.
    pub async fn write(&self, key: &str, body: Bytes) -> Result<(), BucketError> {
        let call = self.s3.put_object().bucket(&self.name).key(key).body(ByteStream::from(body));
        call.send().await.map(|_| ()).map_err(|error| self.failed("write", key, error))
    }

    /// Writes an object if `condition` holds. An error leaves open whether it was written: read the object.
    ///
    /// After a conflict with a write in flight (409) the same condition is tried again, never another.
    pub async fn write_if(&self, key: &str, body: Bytes, condition: &Condition) -> Result<Put, BucketError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let call = self.s3.put_object().bucket(&self.name).key(key).body(ByteStream::from(body.clone()));
            let call = match condition {
                Condition::Absent => call.if_none_match("*"),
                Condition::Matches(etag) => call.if_match(etag),
            };
            match call.send().await {
                Ok(written) => return Ok(Put::Written(written.e_tag.unwrap_or_default())),
                Err(error) if matches!(status(&error), Some(404 | 412)) && error.code() != Some("NoSuchBucket") => {
                    return Ok(Put::Refused);
                }
                Err(error) if status(&error) == Some(409) && tries < CONFLICT_TRIES => {
                    sleep(CONFLICT_WAIT * tries).await;
                }
                Err(error) => return Err(self.failed("write", key, error)),
            }
        }
    }

    /// Begins an object whose bytes come one after the other. Its key must hold the run's nonce.
    pub fn upload(&self, key: impl Into<String>, part_bytes: usize) -> Upload<'_> {
        Upload { bucket: self, key: key.into(), part_bytes, begun: None, pending: Vec::new() }
    }

    fn failed(&self, verb: &'static str, key: &str, error: impl Into<aws_sdk_s3::Error>) -> BucketError {
        BucketError { verb, bucket: self.name.clone(), key: key.to_string(), source: Box::new(error.into()) }
    }

    fn broken(&self, key: &str, error: aws_sdk_s3::primitives::ByteStreamError) -> BucketError {
        let error: SdkError<aws_sdk_s3::operation::get_object::GetObjectError> = SdkError::construction_failure(error);
        self.failed("read the whole of", key, error)
    }
}

/// An object that is being written: by one call if it fits into a part, else by a multipart upload. Nobody sees it before it
/// is finished.
#[derive(Debug)]
pub struct Upload<'a> {
    bucket: &'a Bucket,
    key: String,
    part_bytes: usize,
    begun: Option<Begun>,
    pending: Vec<u8>,
}

/// A multipart upload that S3 knows of.
#[derive(Debug)]
struct Begun {
    id: String,
    parts: Vec<CompletedPart>,
}

impl Upload<'_> {
    /// Adds bytes and sends every part that is full.
    ///
    /// # Errors
    ///
    /// S3 did not take a part. Abort the upload then.
    pub async fn push(&mut self, bytes: &[u8]) -> Result<(), BucketError> {
        self.pending.extend_from_slice(bytes);
        while self.pending.len() > self.part_bytes {
            let rest = self.pending.split_off(self.part_bytes);
            let part = std::mem::replace(&mut self.pending, rest);
            self.send(part).await?;
        }
        Ok(())
    }

    /// Completes the object.
    ///
    /// # Errors
    ///
    /// S3 did not confirm it; the object may exist all the same. Abort the upload then.
    pub async fn finish(&mut self) -> Result<(), BucketError> {
        let last = std::mem::take(&mut self.pending);
        if self.begun.is_none() {
            return self.bucket.write(&self.key, last.into()).await;
        }
        self.send(last).await?;
        let Some(Begun { id, parts }) = &self.begun else { return Ok(()) };
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.clone())).build();
        let call = self.bucket.s3.complete_multipart_upload().bucket(&self.bucket.name).key(&self.key).upload_id(id);
        let completed = call.multipart_upload(parts).send().await;
        completed.map(|_| ()).map_err(|error| self.bucket.failed("complete", &self.key, error))
    }

    /// Aborts the multipart upload. If that fails, the bucket's lifecycle rule does it.
    pub async fn abort(self) {
        if let Some(Begun { id, .. }) = &self.begun {
            let call = self.bucket.s3.abort_multipart_upload().bucket(&self.bucket.name).key(&self.key).upload_id(id);
            let _ = call.send().await;
        }
    }

    async fn send(&mut self, part: Vec<u8>) -> Result<(), BucketError> {
        let Bucket { s3, name } = self.bucket;
        let begun = match &mut self.begun {
            Some(begun) => begun,
            None => {
                let call = s3.create_multipart_upload().bucket(name).key(&self.key);
                let created = call.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await;
                let created = created.map_err(|error| self.bucket.failed("begin", &self.key, error))?;
                let id = created.upload_id.unwrap_or_default();
                self.begun.insert(Begun { id, parts: Vec::new() })
            }
        };
        let number = begun.parts.len() as i32 + 1;
        let call = s3.upload_part().bucket(name).key(&self.key).upload_id(&begun.id).part_number(number);
        let call = call.checksum_algorithm(ChecksumAlgorithm::Crc32).body(ByteStream::from(part));
        // TLS and the checksum protect the part as a signed SHA-256 would, and cost less.
        let sent = call.customize().disable_payload_signing().send().await;
        let sent = sent.map_err(|error| self.bucket.failed("write a part of", &self.key, error))?;
        let part =
            CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).set_checksum_crc32(sent.checksum_crc32);
        begun.parts.push(part.build());
        Ok(())
    }
}

/// The key of a listed object, which the listing has encoded.
fn key_of(object: &Object) -> String {
    let encoded = object.key().unwrap_or_default();
    layout::decode_key(encoded).unwrap_or_else(|_| encoded.to_string())
}

/// The HTTP status of S3's answer. `None` if there was no answer.
fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}
