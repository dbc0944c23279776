//! The calls about multipart uploads.

use std::time::SystemTime;

use s3s::S3Result;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CopyPartResult, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload, Part as ListedPart, Range,
    UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};

use super::condition::Condition;
use super::error::{StoreError, disk};
use super::multipart::{Part, Upload};
use super::object::attributes;
use super::object_calls::{cut, read, source};
use super::store::Store;

/// What S3 lists at once, of parts as of uploads.
const PAGE_MAX: i32 = 1000;

pub(super) fn create(store: &Store, mut input: CreateMultipartUploadInput) -> S3Result<CreateMultipartUploadOutput> {
    let attributes = attributes!(input);
    let upload = Upload { bucket: input.bucket, key: input.key, attributes };
    let id = store.begin_upload(&upload)?;
    Ok(CreateMultipartUploadOutput {
        bucket: Some(upload.bucket),
        key: Some(upload.key),
        upload_id: Some(id),
        ..CreateMultipartUploadOutput::default()
    })
}

pub(super) async fn upload_part(store: &Store, input: UploadPartInput) -> S3Result<UploadPartOutput> {
    check_key(store, &input.upload_id, &input.bucket, &input.key)?;
    let place = (input.upload_id.as_str(), input.part_number);
    let part = store.upload_part(place, input.body, input.content_length, input.content_md5.as_deref()).await?;
    Ok(UploadPartOutput { e_tag: Some(ETag::Strong(part.etag)), ..UploadPartOutput::default() })
}

pub(super) async fn upload_part_copy(store: &Store, input: UploadPartCopyInput) -> S3Result<UploadPartCopyOutput> {
    check_key(store, &input.upload_id, &input.bucket, &input.key)?;
    let (bucket, key) = source(&input.copy_source)?;
    let (object, file) = store.read(bucket, key)?;
    let condition = Condition {
        if_match: input.copy_source_if_match,
        if_none_match: input.copy_source_if_none_match,
        if_modified_since: input.copy_source_if_modified_since,
        if_unmodified_since: input.copy_source_if_unmodified_since,
    };
    condition.check_read(key, &object).map_err(|_| StoreError::Precondition(key.to_owned()))?;
    let range = match &input.copy_source_range {
        Some(text) => {
            let range = Range::parse(text).map_err(|_| StoreError::Argument("x-amz-copy-source-range"))?;
            cut(&range, object.size)?
        }
        None => 0..object.size,
    };
    let body = read(file, &range).map_err(disk(format!("read {key}")))?;
    let part = store.upload_part((&input.upload_id, input.part_number), Some(body), None, None).await?;
    let result = CopyPartResult {
        e_tag: Some(ETag::Strong(part.etag)),
        last_modified: Some(part.modified.into()),
        ..CopyPartResult::default()
    };
    Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() })
}

pub(super) fn complete(store: &Store, input: CompleteMultipartUploadInput) -> S3Result<CompleteMultipartUploadOutput> {
    check_key(store, &input.upload_id, &input.bucket, &input.key)?;
    let listed = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let condition = Condition { if_match: input.if_match, if_none_match: input.if_none_match, ..Condition::default() };
    let object = store.complete_upload(&input.upload_id, &listed, &condition)?;
    Ok(CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(object.e_tag()),
        ..CompleteMultipartUploadOutput::default()
    })
}

pub(super) fn abort(store: &Store, input: AbortMultipartUploadInput) -> S3Result<AbortMultipartUploadOutput> {
    check_key(store, &input.upload_id, &input.bucket, &input.key)?;
    store.abort_upload(&input.upload_id)?;
    Ok(AbortMultipartUploadOutput::default())
}

pub(super) fn list_parts(store: &Store, input: ListPartsInput) -> S3Result<ListPartsOutput> {
    check_key(store, &input.upload_id, &input.bucket, &input.key)?;
    let after = input.part_number_marker.unwrap_or_default();
    let parts = store.parts(&input.upload_id)?.into_iter().filter(|part| part.number > after);
    let (parts, more) = page(parts, input.max_parts)?;
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(after),
        next_part_number_marker: parts.last().map(|part: &Part| part.number),
        is_truncated: Some(more),
        max_parts: input.max_parts.or(Some(PAGE_MAX)),
        parts: Some(parts.into_iter().map(listed_part).collect()),
        ..ListPartsOutput::default()
    })
}

pub(super) fn list_uploads(store: &Store, input: ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = (input.key_marker.clone().unwrap_or_default(), input.upload_id_marker.clone());
    let uploads = store.uploads(&input.bucket)?.into_iter().filter(|(id, upload, _)| {
        let behind = match &after {
            (key, None) => upload.key > *key,
            (key, Some(marker)) => (&upload.key, id) > (key, marker),
        };
        upload.key.starts_with(&prefix) && behind
    });
    let (uploads, more) = page(uploads, input.max_uploads)?;
    let last = uploads.last().filter(|_| more);
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix,
        key_marker: input.key_marker,
        upload_id_marker: input.upload_id_marker,
        next_key_marker: last.map(|(_, upload, _)| upload.key.clone()),
        next_upload_id_marker: last.map(|(id, _, _)| id.clone()),
        is_truncated: Some(more),
        max_uploads: input.max_uploads.or(Some(PAGE_MAX)),
        uploads: Some(uploads.into_iter().map(listed_upload).collect()),
        ..ListMultipartUploadsOutput::default()
    })
}

/// An id is good for its own key only.
fn check_key(store: &Store, id: &str, bucket: &str, key: &str) -> Result<(), StoreError> {
    let upload = store.upload(id)?;
    if (upload.bucket.as_str(), upload.key.as_str()) == (bucket, key) {
        Ok(())
    } else {
        Err(StoreError::NoSuchUpload(id.to_owned()))
    }
}

/// The first of `all`, and whether there are more.
fn page<T>(mut all: impl Iterator<Item = T>, max: Option<i32>) -> Result<(Vec<T>, bool), StoreError> {
    let max =
        usize::try_from(max.unwrap_or(PAGE_MAX).min(PAGE_MAX)).map_err(|_| StoreError::Argument("the maximum"))?;
    let page = all.by_ref().take(max).collect();
    Ok((page, max > 0 && all.next().is_some()))
}

fn listed_part(part: Part) -> ListedPart {
    ListedPart {
        part_number: Some(part.number),
        e_tag: Some(ETag::Strong(part.etag)),
        size: i64::try_from(part.size).ok(),
        last_modified: Some(part.modified.into()),
        ..ListedPart::default()
    }
}

fn listed_upload((id, upload, begun): (String, Upload, SystemTime)) -> MultipartUpload {
    MultipartUpload {
        key: Some(upload.key),
        upload_id: Some(id),
        initiated: Some(begun.into()),
        ..MultipartUpload::default()
    }
}
