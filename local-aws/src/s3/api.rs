//! The S3 calls there are. Every other one answers NotImplemented.

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

use super::checksum::Claims;
use super::condition::Condition;
use super::error::StoreError;
use super::store::Store;
use super::{list_calls, multipart_calls, object_calls};
use crate::REGION;

/// The store as the protocol layer calls it.
pub(super) struct Api(pub(super) Arc<Store>);

type Answer<T> = S3Result<S3Response<T>>;

fn answer<T>(result: S3Result<T>) -> Answer<T> {
    result.map(S3Response::new)
}

#[async_trait::async_trait]
impl S3 for Api {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        answer(list_calls::list_buckets(&self.0))
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        let bucket = request.input.bucket;
        // That there is one already is no error to its owner here, in us-east-1, as it is everywhere else.
        self.0.create_bucket(&bucket)?;
        answer(Ok(CreateBucketOutput { location: Some(format!("/{bucket}")) }))
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        self.0.require_bucket(&request.input.bucket)?;
        answer(Ok(HeadBucketOutput { bucket_region: Some(REGION.to_owned()), ..HeadBucketOutput::default() }))
    }

    async fn get_bucket_location(&self, request: S3Request<GetBucketLocationInput>) -> Answer<GetBucketLocationOutput> {
        self.0.require_bucket(&request.input.bucket)?;
        // Of the region it runs in here, us-east-1, S3 says nothing.
        answer(Ok(GetBucketLocationOutput::default()))
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        self.0.delete_bucket(&request.input.bucket)?;
        answer(Ok(DeleteBucketOutput::default()))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        answer(list_calls::list(&self.0, request.input))
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        answer(list_calls::list_v2(&self.0, request.input))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let claims = Claims::of(&request.headers, &request.extensions)?;
        answer(object_calls::put(&self.0, request.input, claims).await)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        answer(object_calls::get(&self.0, request.input))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        answer(object_calls::head(&self.0, request.input))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let condition = write_condition(&request.headers)?;
        answer(object_calls::copy(&self.0, request.input, condition).await)
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        answer(object_calls::delete(&self.0, request.input))
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        let failing = request.extensions.get().copied();
        answer(object_calls::delete_all(&self.0, request.input, failing))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Answer<CreateMultipartUploadOutput> {
        answer(multipart_calls::create(&self.0, request.input))
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Answer<UploadPartOutput> {
        let claims = Claims::of(&request.headers, &request.extensions)?;
        answer(multipart_calls::upload_part(&self.0, request.input, claims).await)
    }

    async fn upload_part_copy(&self, request: S3Request<UploadPartCopyInput>) -> Answer<UploadPartCopyOutput> {
        answer(multipart_calls::upload_part_copy(&self.0, request.input).await)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let claims = Claims::of(&request.headers, &request.extensions)?;
        answer(multipart_calls::complete(&self.0, request.input, &claims))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Answer<AbortMultipartUploadOutput> {
        answer(multipart_calls::abort(&self.0, request.input))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> Answer<ListPartsOutput> {
        answer(multipart_calls::list_parts(&self.0, request.input))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<ListMultipartUploadsOutput> {
        answer(multipart_calls::list_uploads(&self.0, request.input))
    }
}

/// The condition on the key a copy is written to. S3 has it; the protocol layer's input doesn't.
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
