//! The calls about one object, and about several by name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops;

use bytes::Bytes;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition, Error, GetObjectInput, GetObjectOutput,
    HeadObjectInput, HeadObjectOutput, MetadataDirective, PutObjectInput, PutObjectOutput, Range, StreamingBlob,
};
use s3s::{Body, S3Error, S3ErrorCode, S3Result};

use super::condition::Condition;
use super::error::{StoreError, absent, disk};
use super::object::{Attributes, Object, attributes};
use super::spool::Spool;
use super::store::Store;
use crate::seam::FailEntry;

/// What S3 says of an object whose writer said nothing.
const CONTENT_TYPE: &str = "binary/octet-stream";

/// A body up to this size is one piece of memory, a larger one is read in pieces of it.
const PIECE_BYTES: usize = 1024 * 1024;

/// What S3 deletes at once.
const DELETE_KEYS_MAX: usize = 1000;

pub(super) async fn put(store: &Store, mut input: PutObjectInput) -> S3Result<PutObjectOutput> {
    store.require_bucket(&input.bucket)?;
    let body = input.body.take();
    let folder = store.places.unfinished();
    let spool = Spool::fill(&folder, body, input.content_length, input.content_md5.as_deref()).await?;
    let condition = Condition {
        if_match: input.if_match.take(),
        if_none_match: input.if_none_match.take(),
        ..Condition::default()
    };
    let etag = super::hex(&spool.md5);
    let object = store.write((&input.bucket, &input.key), spool, etag, attributes!(input), &condition)?;
    Ok(PutObjectOutput { e_tag: Some(object.e_tag()), ..PutObjectOutput::default() })
}

pub(super) fn get(store: &Store, input: GetObjectInput) -> S3Result<GetObjectOutput> {
    check_part(input.part_number)?;
    let (object, file) = store.read(&input.bucket, &input.key)?;
    read_condition(&input).check_read(&input.key, &object)?;
    let range = match &input.range {
        Some(range) => cut(range, object.size)?,
        None => 0..object.size,
    };
    let body = read(file, &range).map_err(disk(format!("read {}", input.key)))?;
    let content_range = input.range.map(|_| format!("bytes {}-{}/{}", range.start, range.end - 1, object.size));
    let head = describe(&object);
    Ok(GetObjectOutput {
        accept_ranges: head.accept_ranges,
        body: Some(body),
        cache_control: head.cache_control,
        content_disposition: head.content_disposition,
        content_encoding: head.content_encoding,
        content_language: head.content_language,
        content_length: i64::try_from(range.end - range.start).ok(),
        content_range,
        content_type: head.content_type,
        e_tag: head.e_tag,
        last_modified: head.last_modified,
        metadata: head.metadata,
        ..GetObjectOutput::default()
    })
}

pub(super) fn head(store: &Store, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
    check_part(input.part_number)?;
    let object = store.look(&input.bucket, &input.key)?;
    let condition = Condition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    condition.check_read(&input.key, &object)?;
    Ok(describe(&object))
}

pub(super) fn delete(store: &Store, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
    let condition = Condition { if_match: input.if_match, ..Condition::default() };
    store.delete(&input.bucket, &input.key, &condition)?;
    Ok(DeleteObjectOutput::default())
}

/// Deletes objects by name, but for the entry that is to fail.
pub(super) fn delete_all(
    store: &Store,
    input: DeleteObjectsInput,
    failing: Option<FailEntry>,
) -> S3Result<DeleteObjectsOutput> {
    store.require_bucket(&input.bucket)?;
    let count = input.delete.objects.len();
    if count > DELETE_KEYS_MAX {
        return Err(S3ErrorCode::MalformedXML.into());
    }
    let mut deleted = Vec::new();
    let mut errors = Vec::new();
    for (index, object) in input.delete.objects.into_iter().enumerate() {
        if failing.is_some_and(|failing| failing.is(index, count)) {
            errors.push(error_of(object.key, StoreError::Injected));
            continue;
        }
        let condition = Condition { if_match: object.e_tag.map(ETagCondition::ETag), ..Condition::default() };
        match store.delete(&input.bucket, &object.key, &condition) {
            Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() }),
            Err(error) => errors.push(error_of(object.key, error)),
        }
    }
    let quiet = input.delete.quiet.unwrap_or_default();
    Ok(DeleteObjectsOutput {
        deleted: (!quiet).then_some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        ..DeleteObjectsOutput::default()
    })
}

/// Copies an object; `condition` is the one on the key that is written.
pub(super) async fn copy(
    store: &Store,
    mut input: CopyObjectInput,
    condition: Condition,
) -> S3Result<CopyObjectOutput> {
    let (bucket, key) = source(&input.copy_source)?;
    let (object, file) = store.read(bucket, key)?;
    let source_condition = Condition {
        if_match: input.copy_source_if_match.take(),
        if_none_match: input.copy_source_if_none_match.take(),
        if_modified_since: input.copy_source_if_modified_since.take(),
        if_unmodified_since: input.copy_source_if_unmodified_since.take(),
    };
    // Where a GET would answer 304, a copy answers 412.
    source_condition.check_read(key, &object).map_err(|_| StoreError::Precondition(key.to_owned()))?;
    let replace = input.metadata_directive.as_ref().is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
    let attributes: Attributes = if replace { attributes!(input) } else { object.attributes };
    let body = read(file, &(0..object.size)).map_err(disk(format!("read {key}")))?;
    let spool = Spool::fill(&store.places.unfinished(), Some(body), None, None).await?;
    let etag = super::hex(&spool.md5);
    let copy = store.write((&input.bucket, &input.key), spool, etag, attributes, &condition)?;
    let result = CopyObjectResult {
        e_tag: Some(copy.e_tag()),
        last_modified: Some(copy.last_modified()),
        ..CopyObjectResult::default()
    };
    Ok(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() })
}

/// The bucket and key that a copy is made from.
pub(super) fn source(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket { bucket, key, version_id: None } => Ok((bucket, key)),
        _ => Err(absent("a copy from an access point or of a version")),
    }
}

/// What `range` means for an object of `size` bytes. It must hold at least one.
pub(super) fn cut(range: &Range, size: u64) -> Result<ops::Range<u64>, StoreError> {
    let range = range.check(size).ok().filter(|range| !range.is_empty());
    range.ok_or(StoreError::Range { size })
}

/// The bytes of `range`. They are read from the open file: what is written under the key meanwhile doesn't show.
pub(super) fn read(mut file: File, range: &ops::Range<u64>) -> io::Result<StreamingBlob> {
    let left = range.end - range.start;
    file.seek(SeekFrom::Start(range.start))?;
    if left <= PIECE_BYTES as u64 {
        return Ok(StreamingBlob::from(Body::from(piece(&mut file, left)?)));
    }
    let pieces = futures::stream::try_unfold((file, left), |(mut file, left)| async move {
        let next = piece(&mut file, left)?;
        let left = left - next.len() as u64;
        Ok::<_, io::Error>((!next.is_empty()).then_some((next, (file, left))))
    });
    Ok(StreamingBlob::wrap(pieces))
}

fn piece(file: &mut File, left: u64) -> io::Result<Bytes> {
    let length = left.min(PIECE_BYTES as u64);
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_condition(input: &GetObjectInput) -> Condition {
    Condition {
        if_match: input.if_match.clone(),
        if_none_match: input.if_none_match.clone(),
        if_modified_since: input.if_modified_since.clone(),
        if_unmodified_since: input.if_unmodified_since.clone(),
    }
}

fn describe(object: &Object) -> HeadObjectOutput {
    let attributes = object.attributes.clone();
    HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: attributes.cache_control,
        content_disposition: attributes.content_disposition,
        content_encoding: attributes.content_encoding,
        content_language: attributes.content_language,
        content_length: i64::try_from(object.size).ok(),
        content_type: attributes.content_type.or_else(|| Some(CONTENT_TYPE.to_owned())),
        e_tag: Some(object.e_tag()),
        last_modified: Some(object.last_modified()),
        metadata: Some(attributes.metadata.into_iter().collect()),
        ..HeadObjectOutput::default()
    }
}

/// Objects are kept whole here: a part is the whole or nothing.
fn check_part(part_number: Option<i32>) -> S3Result<()> {
    match part_number {
        None | Some(1) => Ok(()),
        Some(_) => Err(absent("reading an object by its parts")),
    }
}

fn error_of(key: String, error: StoreError) -> Error {
    let error = S3Error::from(error);
    Error {
        code: Some(error.code().as_str().to_owned()),
        message: error.message().map(str::to_owned),
        key: Some(key),
        ..Error::default()
    }
}
