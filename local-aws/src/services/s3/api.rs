//! The S3 calls. Every other call answers NotImplemented.

mod listings;
mod multipart;
mod objects;
mod selection;

use std::sync::Arc;

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, ETagCondition, GetBucketLocationInput, GetBucketLocationOutput,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsInput,
    ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput, PutObjectInput,
    PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result};

use super::condition::Condition;
use super::declared::DeclaredChecksums;
use super::error::StoreError;
use super::store::Store;
use crate::names::REGION;

/// The store behind the protocol layer.
pub(super) struct Api(pub(super) Arc<Store>);

type CallResult<T> = S3Result<S3Response<T>>;

fn respond<T>(result: S3Result<T>) -> CallResult<T> {
    result.map(S3Response::new)
}

#[async_trait::async_trait]
impl S3 for Api {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> CallResult<ListBucketsOutput> {
        respond(listings::list_buckets(&self.0))
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> CallResult<CreateBucketOutput> {
        let bucket = request.input.bucket;
        // In us-east-1 a bucket that exists is no error to its owner, as it is in other regions.
        self.0.create_bucket(&bucket)?;
        respond(Ok(CreateBucketOutput { location: Some(format!("/{bucket}")) }))
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> CallResult<HeadBucketOutput> {
        self.0.require_bucket(&request.input.bucket)?;
        respond(Ok(HeadBucketOutput { bucket_region: Some(REGION.to_owned()), ..HeadBucketOutput::default() }))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> CallResult<GetBucketLocationOutput> {
        self.0.require_bucket(&request.input.bucket)?;
        // S3 names no location for us-east-1.
        respond(Ok(GetBucketLocationOutput::default()))
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> CallResult<DeleteBucketOutput> {
        self.0.delete_bucket(&request.input.bucket)?;
        respond(Ok(DeleteBucketOutput::default()))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> CallResult<ListObjectsOutput> {
        respond(listings::list(&self.0, request.input))
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> CallResult<ListObjectsV2Output> {
        respond(listings::list_v2(&self.0, request.input))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> CallResult<PutObjectOutput> {
        let declared = DeclaredChecksums::of(&request.headers, &request.extensions)?;
        respond(objects::put(&self.0, request.input, declared).await)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> CallResult<GetObjectOutput> {
        respond(objects::get(&self.0, request.input))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> CallResult<HeadObjectOutput> {
        respond(objects::head(&self.0, request.input))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> CallResult<CopyObjectOutput> {
        let condition = write_condition(&request.headers)?;
        respond(objects::copy(&self.0, request.input, condition).await)
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> CallResult<DeleteObjectOutput> {
        respond(objects::delete(&self.0, request.input))
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> CallResult<DeleteObjectsOutput> {
        let failing = request.extensions.get().copied();
        respond(objects::delete_all(&self.0, request.input, failing))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> CallResult<CreateMultipartUploadOutput> {
        respond(multipart::create(&self.0, request.input))
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> CallResult<UploadPartOutput> {
        let declared = DeclaredChecksums::of(&request.headers, &request.extensions)?;
        respond(multipart::upload_part(&self.0, request.input, declared).await)
    }

    async fn upload_part_copy(&self, request: S3Request<UploadPartCopyInput>) -> CallResult<UploadPartCopyOutput> {
        respond(multipart::upload_part_copy(&self.0, request.input).await)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> CallResult<CompleteMultipartUploadOutput> {
        let declared = DeclaredChecksums::of(&request.headers, &request.extensions)?;
        respond(multipart::complete(&self.0, request.input, &declared))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> CallResult<AbortMultipartUploadOutput> {
        respond(multipart::abort(&self.0, request.input))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> CallResult<ListPartsOutput> {
        respond(multipart::list_parts(&self.0, request.input))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> CallResult<ListMultipartUploadsOutput> {
        respond(multipart::list_uploads(&self.0, request.input))
    }
}

/// The condition on the key that a copy is written to. The protocol layer's input lacks it.
fn write_condition(headers: &HeaderMap) -> Result<Condition, StoreError> {
    let parse = |name: HeaderName| match headers.get(name) {
        None => Ok(None),
        Some(value) => ETagCondition::parse_http_header(value.as_bytes()).map(Some),
    };
    Ok(Condition {
        if_match: parse(IF_MATCH).map_err(|_| StoreError::Argument("If-Match"))?,
        if_none_match: parse(IF_NONE_MATCH).map_err(|_| StoreError::Argument("If-None-Match"))?,
        ..Condition::default()
    })
}
