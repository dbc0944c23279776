//! The description of an S3 call.

use std::sync::Arc;

use http::header::{HOST, HeaderName, IF_MATCH, IF_NONE_MATCH, RANGE};
use http::{Method, Request};
use percent_encoding::percent_decode_str;
use s3s::Body;
use s3s::dto::Delete;
use s3s::xml::{Deserialize, Deserializer};

use super::call::{Call, Service};
use crate::names;

const DELETE_OBJECTS: &str = "DeleteObjects";

/// Describes the S3 call that `request` makes. The keys of DeleteObjects are included if the body is in memory.
pub(crate) fn of_s3(caller: &Arc<str>, request: &Request<Body>) -> Call {
    let (bucket, key) = bucket_and_key(request);
    let query = Query(request.uri().query().unwrap_or_default());
    let name = s3_name(request, &query, bucket.is_empty(), key.is_empty());
    let keys = if name == DELETE_OBJECTS { deleted_keys(request.body()) } else { Vec::new() };
    let resources = match (bucket.as_str(), key.as_str()) {
        ("", _) => vec!["*".to_owned()],
        (bucket, "") if !keys.is_empty() => keys.iter().map(|key| format!("arn:aws:s3:::{bucket}/{key}")).collect(),
        (bucket, "") => vec![format!("arn:aws:s3:::{bucket}")],
        (bucket, key) => vec![format!("arn:aws:s3:::{bucket}/{key}")],
    };
    let header = |name: HeaderName| {
        let value = String::from_utf8_lossy(request.headers().get(&name)?.as_bytes()).into_owned();
        Some(format!("{name}={value}"))
    };
    let headers = [IF_NONE_MATCH, IF_MATCH, RANGE, HeaderName::from_static("x-amz-copy-source")].map(header);
    let parameters = ["prefix", "delimiter", "start-after", "partNumber"];
    let parameters = parameters.map(|name| query.get(name).map(|value| format!("{name}={value}")));
    let detail = headers.into_iter().chain(parameters).flatten().collect::<Vec<_>>().join(" ");
    Call { caller: Arc::clone(caller), service: Service::S3, name: name.into(), resources, detail }
}

/// Whether `request` is DeleteObjects, whose keys are in its body.
pub(crate) fn is_batch_delete(request: &Request<Body>) -> bool {
    request.method() == Method::POST && Query(request.uri().query().unwrap_or_default()).has("delete")
}

fn deleted_keys(body: &Body) -> Vec<String> {
    let bytes = body.bytes().unwrap_or_default();
    // The service refuses what cannot be parsed.
    let delete = Delete::deserialize(&mut Deserializer::new(&bytes)).ok();
    delete.into_iter().flat_map(|delete| delete.objects).map(|object| object.key).collect()
}

fn bucket_and_key(request: &Request<Body>) -> (String, String) {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path().trim_start_matches('/');
    let (bucket, key) = match names::bucket_of(host) {
        // A key may begin with a slash of its own.
        Some(bucket) => (bucket, request.uri().path().strip_prefix('/').unwrap_or_default()),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    (decoded(bucket), decoded(key))
}

fn s3_name(request: &Request<Body>, query: &Query<'_>, no_bucket: bool, no_key: bool) -> &'static str {
    let is_copy = request.headers().contains_key("x-amz-copy-source");
    match (request.method().as_str(), no_key) {
        ("GET", _) if no_bucket => "ListBuckets",
        ("GET", true) if query.has("location") => "GetBucketLocation",
        ("GET", true) if query.has("uploads") => "ListMultipartUploads",
        ("GET", true) if query.get("list-type").as_deref() == Some("2") => "ListObjectsV2",
        ("GET", true) => "ListObjects",
        ("PUT", true) => "CreateBucket",
        ("HEAD", true) => "HeadBucket",
        ("DELETE", true) => "DeleteBucket",
        ("POST", true) if query.has("delete") => DELETE_OBJECTS,
        ("GET", false) if query.has("uploadId") => "ListParts",
        ("GET", false) => "GetObject",
        ("HEAD", false) => "HeadObject",
        ("PUT", false) if query.has("uploadId") && is_copy => "UploadPartCopy",
        ("PUT", false) if query.has("uploadId") => "UploadPart",
        ("PUT", false) if is_copy => "CopyObject",
        ("PUT", false) => "PutObject",
        ("POST", false) if query.has("uploads") => "CreateMultipartUpload",
        ("POST", false) if query.has("uploadId") => "CompleteMultipartUpload",
        ("DELETE", false) if query.has("uploadId") => "AbortMultipartUpload",
        ("DELETE", false) => "DeleteObject",
        _ => "Unknown",
    }
}

struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let mut pairs = self.0.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let (_, value) = pairs.find(|(found, _)| *found == name)?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_s3(line: &str, headers: &[(&str, &str)], expected: &str) {
        let (method, rest) = line.split_once(' ').unwrap();
        let (uri, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let request = Request::builder().method(method).uri(uri);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let call = of_s3(&"me".into(), &request.body(Body::from(body.to_owned())).unwrap());
        assert_eq!(call.to_string(), format!("me s3:{expected}"), "{line}");
    }

    #[test]
    fn s3_calls_have_names_and_resources() {
        check_s3("GET /", &[], "ListBuckets *");
        check_s3("GET /b?list-type=2&prefix=a%2F", &[], "ListObjectsV2 arn:aws:s3:::b prefix=a/");
        check_s3("GET /b/?delimiter=/", &[], "ListObjects arn:aws:s3:::b delimiter=/");
        check_s3("POST /b?delete", &[], "DeleteObjects arn:aws:s3:::b");
        let delete = "POST /b?delete <Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key></Object></Delete>";
        check_s3(delete, &[], "DeleteObjects arn:aws:s3:::b/a&b arn:aws:s3:::b/c");
        check_s3(
            "GET /b/a%20b/c?x-id=GetObject",
            &[("range", "bytes=0-1")],
            "GetObject arn:aws:s3:::b/a b/c range=bytes=0-1",
        );
        check_s3("PUT /b/k", &[("if-none-match", "*")], "PutObject arn:aws:s3:::b/k if-none-match=*");
        check_s3("PUT //k", &[("host", "b.localhost:1")], "PutObject arn:aws:s3:::b//k");
        check_s3("PUT /b/k", &[("x-amz-copy-source", "b/a")], "CopyObject arn:aws:s3:::b/k x-amz-copy-source=b/a");
        check_s3("PUT /b/k?partNumber=2&uploadId=u", &[], "UploadPart arn:aws:s3:::b/k partNumber=2");
        check_s3("POST /b/k?uploads", &[], "CreateMultipartUpload arn:aws:s3:::b/k");
        check_s3("POST /b/k?uploadId=u", &[("if-match", "e")], "CompleteMultipartUpload arn:aws:s3:::b/k if-match=e");
        check_s3("DELETE /b/k?uploadId=u", &[], "AbortMultipartUpload arn:aws:s3:::b/k");
    }
}
