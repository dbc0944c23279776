//! The calls for multipart uploads.

use std::time::SystemTime;

use s3s::S3Result;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CopyPartResult, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload, Part as ListedPart, Range,
    UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};

use super::objects::{read, source};
use super::selection::resolve_range;
use crate::services::s3::checksum::{dto_algorithm, put_checksum};
use crate::services::s3::condition::Condition;
use crate::services::s3::declared::DeclaredChecksums;
use crate::services::s3::error::{StoreError, disk};
use crate::services::s3::object::attributes;
use crate::services::s3::scheme::Scheme;
use crate::services::s3::store::Store;
use crate::services::s3::store::uploads::{Completion, Upload, UploadedPart};

/// The most parts or uploads in one page.
const PAGE_MAX: i32 = 1000;

pub(super) fn create(store: &Store, mut input: CreateMultipartUploadInput) -> S3Result<CreateMultipartUploadOutput> {
    let attributes = attributes!(input);
    let checksums = Scheme::of(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?;
    let upload = Upload { bucket: input.bucket, key: input.key, attributes, checksums };
    let id = store.begin_upload(&upload)?;
    Ok(CreateMultipartUploadOutput {
        checksum_algorithm: checksums.map(|scheme| dto_algorithm(scheme.algorithm)),
        checksum_type: checksums.map(Scheme::checksum_type),
        bucket: Some(upload.bucket),
        key: Some(upload.key),
        upload_id: Some(id),
        ..CreateMultipartUploadOutput::default()
    })
}

pub(super) async fn upload_part(
    store: &Store,
    input: UploadPartInput,
    declared: DeclaredChecksums,
) -> S3Result<UploadPartOutput> {
    let declared = declared.with_length(input.content_length);
    let upload = find(store, &input.upload_id, &input.bucket, &input.key)?;
    if let Some(scheme) = upload.checksums {
        scheme.check_part(declared.algorithm())?;
    }
    let part = (input.upload_id.as_str(), input.part_number);
    let part = store.upload_part(part, input.body, &declared, upload.checksums).await?;
    let mut output = UploadPartOutput { e_tag: Some(ETag::Strong(part.etag)), ..UploadPartOutput::default() };
    put_checksum!(output, part.checksum.as_ref());
    Ok(output)
}

pub(super) async fn upload_part_copy(store: &Store, input: UploadPartCopyInput) -> S3Result<UploadPartCopyOutput> {
    let upload = find(store, &input.upload_id, &input.bucket, &input.key)?;
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
            resolve_range(&range, object.size)?
        }
        None => 0..object.size,
    };
    let body = read(file, &range).map_err(disk(format!("read {key}")))?;
    let part = (input.upload_id.as_str(), input.part_number);
    let part = store.upload_part(part, Some(body), &DeclaredChecksums::default(), upload.checksums).await?;
    let mut result = CopyPartResult {
        e_tag: Some(ETag::Strong(part.etag)),
        last_modified: Some(part.modified.into()),
        ..CopyPartResult::default()
    };
    put_checksum!(result, part.checksum.as_ref());
    Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() })
}

pub(super) fn complete(
    store: &Store,
    input: CompleteMultipartUploadInput,
    declared: &DeclaredChecksums,
) -> S3Result<CompleteMultipartUploadOutput> {
    let upload = find(store, &input.upload_id, &input.bucket, &input.key)?;
    Scheme::check_type(upload.checksums, input.checksum_type.as_ref())?;
    let listed = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
    let condition = Condition { if_match: input.if_match, if_none_match: input.if_none_match, ..Condition::default() };
    let completion = Completion { listed: &listed, declared, size: input.mpu_object_size, condition: &condition };
    let object = store.complete_upload(&input.upload_id, &completion)?;
    let mut output = CompleteMultipartUploadOutput {
        checksum_type: object.content.checksum_type(),
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(object.e_tag()),
        ..CompleteMultipartUploadOutput::default()
    };
    put_checksum!(output, object.content.checksum.as_ref());
    Ok(output)
}

pub(super) fn abort(store: &Store, input: AbortMultipartUploadInput) -> S3Result<AbortMultipartUploadOutput> {
    find(store, &input.upload_id, &input.bucket, &input.key)?;
    store.delete_upload(&input.upload_id)?;
    Ok(AbortMultipartUploadOutput::default())
}

pub(super) fn list_parts(store: &Store, input: ListPartsInput) -> S3Result<ListPartsOutput> {
    let upload = find(store, &input.upload_id, &input.bucket, &input.key)?;
    let after = input.part_number_marker.unwrap_or_default();
    let parts = store.parts(&input.upload_id)?.into_iter().filter(|part| part.number > after);
    let (parts, more) = page(parts, input.max_parts)?;
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: Some(after),
        next_part_number_marker: parts.last().map(|part: &UploadedPart| part.number),
        is_truncated: Some(more),
        max_parts: input.max_parts.or(Some(PAGE_MAX)),
        parts: Some(parts.into_iter().map(listed_part).collect()),
        checksum_algorithm: upload.checksums.map(|scheme| dto_algorithm(scheme.algorithm)),
        checksum_type: upload.checksums.map(Scheme::checksum_type),
        ..ListPartsOutput::default()
    })
}

pub(super) fn list_uploads(store: &Store, input: ListMultipartUploadsInput) -> S3Result<ListMultipartUploadsOutput> {
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = (input.key_marker.clone().unwrap_or_default(), input.upload_id_marker.clone());
    let uploads = store.uploads(&input.bucket)?.into_iter().filter(|(id, upload, _)| {
        let is_after = match &after {
            (key, None) => upload.key > *key,
            (key, Some(marker)) => (&upload.key, id) > (key, marker),
        };
        upload.key.starts_with(&prefix) && is_after
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

/// The upload with this id. It must be for this bucket and key.
fn find(store: &Store, id: &str, bucket: &str, key: &str) -> Result<Upload, StoreError> {
    let upload = store.upload(id)?;
    if (upload.bucket.as_str(), upload.key.as_str()) == (bucket, key) {
        Ok(upload)
    } else {
        Err(StoreError::NoSuchUpload(id.to_owned()))
    }
}

/// The first items of `all`, and whether more follow.
fn page<T>(mut all: impl Iterator<Item = T>, max: Option<i32>) -> Result<(Vec<T>, bool), StoreError> {
    let max =
        usize::try_from(max.unwrap_or(PAGE_MAX).min(PAGE_MAX)).map_err(|_| StoreError::Argument("the maximum"))?;
    let page = all.by_ref().take(max).collect();
    Ok((page, max > 0 && all.next().is_some()))
}

fn listed_part(part: UploadedPart) -> ListedPart {
    let mut listed = ListedPart {
        part_number: Some(part.number),
        e_tag: Some(ETag::Strong(part.etag)),
        size: i64::try_from(part.size).ok(),
        last_modified: Some(part.modified.into()),
        ..ListedPart::default()
    };
    put_checksum!(listed, part.checksum.as_ref());
    listed
}

fn listed_upload((id, upload, begun): (String, Upload, SystemTime)) -> MultipartUpload {
    MultipartUpload {
        key: Some(upload.key),
        upload_id: Some(id),
        initiated: Some(begun.into()),
        checksum_algorithm: upload.checksums.map(|scheme| dto_algorithm(scheme.algorithm)),
        checksum_type: upload.checksums.map(Scheme::checksum_type),
        ..MultipartUpload::default()
    }
}
