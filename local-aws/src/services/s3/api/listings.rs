//! The calls about buckets and their listings.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::S3Result;
use s3s::dto::{
    Bucket, CommonPrefix, EncodingType, ListBucketsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object as ListedObject, ObjectStorageClass,
};

use crate::services::s3::checksum::dto_algorithm;
use crate::services::s3::error::StoreError;
use crate::services::s3::object::Object;
use crate::services::s3::store::Store;
use crate::services::s3::store::listing::{Page, Query};

/// The most keys in one page.
const PAGE_KEYS_MAX: i32 = 1000;

/// The characters that `encoding-type=url` does not escape.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

pub(super) fn list_buckets(store: &Store) -> S3Result<ListBucketsOutput> {
    let buckets = store.buckets()?.into_iter().map(|(name, created)| Bucket {
        name: Some(name),
        creation_date: Some(created.into()),
        ..Bucket::default()
    });
    Ok(ListBucketsOutput { buckets: Some(buckets.collect()), ..ListBucketsOutput::default() })
}

pub(super) fn list_v2(store: &Store, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let after = match &input.continuation_token {
        Some(token) => read_token(token)?,
        None => input.start_after.clone().unwrap_or_default(),
    };
    let query = query(input.prefix.as_deref(), input.delimiter.as_deref(), after, input.max_keys)?;
    let page = store.list(&input.bucket, &query)?;
    let encoding = Encoding::of(input.encoding_type.as_ref());
    let count = page.objects.len() + page.common_prefixes.len();
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: Some(encoding.text(&query.prefix)),
        max_keys: i32::try_from(query.keys_max).ok(),
        key_count: i32::try_from(count).ok(),
        continuation_token: input.continuation_token,
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(write_token),
        common_prefixes: Some(encoding.prefixes(&page)),
        contents: Some(encoding.objects(page)),
        delimiter: input.delimiter.map(|delimiter| encoding.text(&delimiter)),
        start_after: input.start_after.map(|after| encoding.text(&after)),
        encoding_type: input.encoding_type,
        ..ListObjectsV2Output::default()
    })
}

pub(super) fn list(store: &Store, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
    let after = input.marker.clone().unwrap_or_default();
    let query = query(input.prefix.as_deref(), input.delimiter.as_deref(), after, input.max_keys)?;
    let page = store.list(&input.bucket, &query)?;
    let encoding = Encoding::of(input.encoding_type.as_ref());
    Ok(ListObjectsOutput {
        name: Some(input.bucket),
        prefix: Some(encoding.text(&query.prefix)),
        marker: Some(encoding.text(&query.after)),
        max_keys: i32::try_from(query.keys_max).ok(),
        is_truncated: Some(page.next.is_some()),
        next_marker: page.next.as_deref().map(|next| encoding.text(next)),
        common_prefixes: Some(encoding.prefixes(&page)),
        contents: Some(encoding.objects(page)),
        delimiter: input.delimiter.map(|delimiter| encoding.text(&delimiter)),
        encoding_type: input.encoding_type,
        ..ListObjectsOutput::default()
    })
}

fn query(
    prefix: Option<&str>,
    delimiter: Option<&str>,
    after: String,
    keys_max: Option<i32>,
) -> Result<Query, StoreError> {
    let keys_max = keys_max.unwrap_or(PAGE_KEYS_MAX).min(PAGE_KEYS_MAX);
    Ok(Query {
        prefix: prefix.unwrap_or_default().to_owned(),
        delimiter: delimiter.map(str::to_owned),
        after,
        keys_max: usize::try_from(keys_max).map_err(|_| StoreError::Argument("max-keys"))?,
    })
}

/// A continuation token encodes the last key or common prefix of the previous page.
fn write_token(next: &str) -> String {
    URL_SAFE_NO_PAD.encode(next)
}

fn read_token(token: &str) -> Result<String, StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(StoreError::Argument("the continuation token"))
}

/// How keys are written in the answer. Only URL encoding lets XML hold any key.
#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    fn of(asked: Option<&EncodingType>) -> Encoding {
        if asked.is_some_and(|asked| asked.as_str() == EncodingType::URL) { Encoding::Url } else { Encoding::Plain }
    }

    fn text(self, text: &str) -> String {
        match self {
            Encoding::Plain => text.to_owned(),
            Encoding::Url => Cow::from(utf8_percent_encode(text, UNRESERVED)).into_owned(),
        }
    }

    fn prefixes(self, page: &Page) -> Vec<CommonPrefix> {
        page.common_prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.text(prefix)) }).collect()
    }

    fn objects(self, page: Page) -> Vec<ListedObject> {
        page.objects.into_iter().map(|(key, object)| self.object(&key, &object)).collect()
    }

    fn object(self, key: &str, object: &Object) -> ListedObject {
        ListedObject {
            key: Some(self.text(key)),
            e_tag: Some(object.e_tag()),
            last_modified: Some(object.last_modified()),
            size: i64::try_from(object.size).ok(),
            checksum_algorithm: object.content.algorithm().map(|algorithm| vec![dto_algorithm(algorithm)]),
            checksum_type: object.content.checksum_type(),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..ListedObject::default()
        }
    }
}
