//! The calls for objects.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops;

use bytes::Bytes;
use s3s::dto::{
    ChecksumMode, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput,
    DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition, Error, GetObjectInput,
    GetObjectOutput, HeadObjectInput, HeadObjectOutput, MetadataDirective, PutObjectInput, PutObjectOutput,
    StreamingBlob,
};
use s3s::{Body, S3Error, S3ErrorCode, S3Result};

use super::selection::Selection;
use crate::seam::FailEntry;
use crate::services::s3::checksum::{Algorithm, put_checksum};
use crate::services::s3::condition::Condition;
use crate::services::s3::declared::DeclaredChecksums;
use crate::services::s3::error::{StoreError, disk, not_implemented};
use crate::services::s3::object::{Attributes, Content, Description, Object, attributes};
use crate::services::s3::store::Store;
use crate::services::s3::store::spool::Spool;

/// The content type of an object whose writer gave none.
const CONTENT_TYPE: &str = "binary/octet-stream";

/// A body up to this size is read at once. A larger one is read in chunks of this size.
const CHUNK_BYTES: usize = 1024 * 1024;

/// The most keys in one DeleteObjects.
const DELETE_KEYS_MAX: usize = 1000;

pub(super) async fn put(
    store: &Store,
    mut input: PutObjectInput,
    declared: DeclaredChecksums,
) -> S3Result<PutObjectOutput> {
    let declared = declared.with_length(input.content_length);
    store.require_bucket(&input.bucket)?;
    let body = input.body.take();
    let spool = Spool::fill(&store.folder, body, &declared, Algorithm::DEFAULT).await?;
    let condition = Condition {
        if_match: input.if_match.take(),
        if_none_match: input.if_none_match.take(),
        ..Condition::default()
    };
    let description = describe_spool(&spool, attributes!(input));
    let object = store.write((&input.bucket, &input.key), spool, description, &condition)?;
    let mut output = PutObjectOutput { e_tag: Some(object.e_tag()), ..PutObjectOutput::default() };
    put_checksum!(output, object.content.checksum.as_ref());
    output.checksum_type = object.content.checksum_type();
    Ok(output)
}

pub(super) fn get(store: &Store, input: GetObjectInput) -> S3Result<GetObjectOutput> {
    let (object, file) = store.read(&input.bucket, &input.key)?;
    read_condition(&input).check_read(&input.key, &object)?;
    let selection = Selection::of(&object, input.range.as_ref(), input.part_number)?;
    let body = read(file, &selection.range).map_err(disk(format!("read {}", input.key)))?;
    let head = describe(&object, &selection, asks_checksum(input.checksum_mode.as_ref()));
    Ok(GetObjectOutput {
        accept_ranges: head.accept_ranges,
        body: Some(body),
        cache_control: head.cache_control,
        content_disposition: head.content_disposition,
        content_encoding: head.content_encoding,
        content_language: head.content_language,
        content_length: head.content_length,
        content_range: head.content_range,
        content_type: head.content_type,
        checksum_crc32: head.checksum_crc32,
        checksum_crc32c: head.checksum_crc32c,
        checksum_crc64nvme: head.checksum_crc64nvme,
        checksum_sha1: head.checksum_sha1,
        checksum_sha256: head.checksum_sha256,
        checksum_type: head.checksum_type,
        e_tag: head.e_tag,
        last_modified: head.last_modified,
        metadata: head.metadata,
        parts_count: head.parts_count,
        ..GetObjectOutput::default()
    })
}

pub(super) fn head(store: &Store, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
    let object = store.object(&input.bucket, &input.key)?;
    let condition = Condition {
        if_match: input.if_match,
        if_none_match: input.if_none_match,
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    condition.check_read(&input.key, &object)?;
    let selection = Selection::of(&object, input.range.as_ref(), input.part_number)?;
    Ok(describe(&object, &selection, asks_checksum(input.checksum_mode.as_ref())))
}

pub(super) fn delete(store: &Store, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
    let condition = Condition { if_match: input.if_match, ..Condition::default() };
    store.delete(&input.bucket, &input.key, &condition)?;
    Ok(DeleteObjectOutput::default())
}

/// Deletes the listed objects, except the entry that must fail.
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

/// Copies an object. `condition` is the one on the key that is written.
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
    // A copy answers 412 where a GET would answer 304.
    source_condition.check_read(key, &object).map_err(|_| StoreError::Precondition(key.to_owned()))?;
    let replace = input.metadata_directive.as_ref().is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
    if !replace && (bucket, key) == (input.bucket.as_str(), input.key.as_str()) {
        return Err(StoreError::Request("a copy of an object onto itself must change something".to_owned()).into());
    }
    let attributes: Attributes = if replace { attributes!(input) } else { object.attributes };
    let algorithm = match &input.checksum_algorithm {
        Some(asked) => Algorithm::named(asked.as_str())?,
        None => object.content.algorithm().unwrap_or(Algorithm::DEFAULT),
    };
    let body = read(file, &(0..object.size)).map_err(disk(format!("read {key}")))?;
    let spool = Spool::fill(&store.folder, Some(body), &DeclaredChecksums::default(), algorithm).await?;
    let description = describe_spool(&spool, attributes);
    let copy = store.write((&input.bucket, &input.key), spool, description, &condition)?;
    let mut result = CopyObjectResult {
        checksum_type: copy.content.checksum_type(),
        e_tag: Some(copy.e_tag()),
        last_modified: Some(copy.last_modified()),
        ..CopyObjectResult::default()
    };
    put_checksum!(result, copy.content.checksum.as_ref());
    Ok(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() })
}

/// The bucket and key of the source of a copy.
pub(super) fn source(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket { bucket, key, version_id: None } => Ok((bucket, key)),
        _ => Err(not_implemented("a copy from an access point or of a version")),
    }
}

/// The bytes of `range`. They are read from the open file, so a later write to the key does not change them.
pub(super) fn read(mut file: File, range: &ops::Range<u64>) -> io::Result<StreamingBlob> {
    let left = range.end - range.start;
    file.seek(SeekFrom::Start(range.start))?;
    if left <= CHUNK_BYTES as u64 {
        return Ok(StreamingBlob::from(Body::from(chunk(&mut file, left)?)));
    }
    let chunks = futures::stream::try_unfold((file, left), |(mut file, left)| async move {
        let next = chunk(&mut file, left)?;
        let left = left - next.len() as u64;
        Ok::<_, io::Error>((!next.is_empty()).then_some((next, (file, left))))
    });
    Ok(StreamingBlob::wrap(chunks))
}

fn chunk(file: &mut File, left: u64) -> io::Result<Bytes> {
    let length = left.min(CHUNK_BYTES as u64);
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// The description of an object that is written in one piece. Its ETag is the MD5 of its bytes.
fn describe_spool(spool: &Spool, attributes: Attributes) -> Description {
    Description { etag: hex::encode(spool.md5), attributes, content: Content::whole(spool.checksum.clone()) }
}

fn read_condition(input: &GetObjectInput) -> Condition {
    Condition {
        if_match: input.if_match.clone(),
        if_none_match: input.if_none_match.clone(),
        if_modified_since: input.if_modified_since.clone(),
        if_unmodified_since: input.if_unmodified_since.clone(),
    }
}

fn asks_checksum(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

fn describe(object: &Object, selection: &Selection, with_checksum: bool) -> HeadObjectOutput {
    let attributes = object.attributes.clone();
    let (start, end) = (selection.range.start, selection.range.end);
    let mut output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: attributes.cache_control,
        content_disposition: attributes.content_disposition,
        content_encoding: attributes.content_encoding,
        content_language: attributes.content_language,
        content_length: i64::try_from(end - start).ok(),
        content_range: (!selection.is_whole)
            .then(|| format!("bytes {start}-{}/{}", end.saturating_sub(1), object.size)),
        content_type: attributes.content_type.or_else(|| Some(CONTENT_TYPE.to_owned())),
        e_tag: Some(object.e_tag()),
        last_modified: Some(object.last_modified()),
        metadata: Some(attributes.metadata.into_iter().collect()),
        parts_count: selection.parts_count,
        ..HeadObjectOutput::default()
    };
    if let Some(checksum) = selection.checksum.as_ref().filter(|_| with_checksum) {
        put_checksum!(output, Some(checksum));
        output.checksum_type = object.content.checksum_type();
    }
    output
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
