//! A call, as IAM would name it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::header::{HOST, HeaderName, IF_MATCH, IF_NONE_MATCH, RANGE};
use http::{Method, Request};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::glue::CATALOG_ID;
use crate::{REGION, s3};

const TARGET: &str = "x-amz-target";
const GLUE: &str = "AWSGlue.";

/// Who is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// The Glue Data Catalog.
    Glue,
    /// Lambda, for the functions that Firehose and S3's notifications invoke.
    Lambda,
}

/// A call: who asks whom for what.
///
/// As text: `compactor s3:PutObject arn:aws:s3:::logs/manifests/2026/11/20/13.json if-none-match=*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The caller's name, as [`crate::LocalAws::as_caller`] gave it.
    pub caller: Arc<str>,
    /// Who is called.
    pub service: Service,
    /// The call's name, as the service's reference has it: `PutObject`, `GetPartitions`.
    pub name: Cow<'static, str>,
    /// ARN of what it is about: an object, a bucket, a table, a database, a function; `*` if it is about all.
    pub resource: String,
    /// What else tells it from others: `if-none-match=*`, `prefix=logs/`, partition values.
    pub detail: String,
}

impl Service {
    /// The prefix of its actions in a policy.
    pub fn prefix(self) -> &'static str {
        match self {
            Service::S3 => "s3",
            Service::Glue => "glue",
            Service::Lambda => "lambda",
        }
    }
}

impl Call {
    /// An invocation of the function `function`.
    pub(crate) fn invocation(caller: &Arc<str>, function: &str) -> Call {
        Call {
            caller: Arc::clone(caller),
            service: Service::Lambda,
            name: "Invoke".into(),
            resource: format!("arn:aws:lambda:{REGION}:{CATALOG_ID}:function:{function}"),
            detail: String::new(),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { caller, service, name, resource, detail } = self;
        write!(formatter, "{caller} {}:{name} {resource}", service.prefix())?;
        if detail.is_empty() { Ok(()) } else { write!(formatter, " {detail}") }
    }
}

/// The name of the Glue call, if `request` is one.
pub(crate) fn glue_name<B>(request: &Request<B>) -> Option<&str> {
    let target = request.headers().get(TARGET)?.to_str().ok()?;
    (request.method() == Method::POST).then(|| target.strip_prefix(GLUE)).flatten()
}

/// The Glue call `name` with this input.
pub(crate) fn of_glue(caller: &Arc<str>, name: &str, input: &[u8]) -> Call {
    // What is no JSON is about nothing; the service says so.
    let input: Value = serde_json::from_slice(input).unwrap_or_default();
    let text = |pointer: &str| input.pointer(pointer).and_then(Value::as_str);
    let database = text("/DatabaseName").or(text("/DatabaseInput/Name"));
    let named = text("/Name").or(text("/TableInput/Name")).or(text("/TableName"));
    let of = |kind: &str, name: String| format!("arn:aws:glue:{REGION}:{CATALOG_ID}:{kind}/{name}");
    let resource = match (database, named) {
        (Some(database), Some(table)) => of("table", format!("{database}/{table}")),
        (Some(name), None) | (None, Some(name)) => of("database", name.to_owned()),
        (None, None) => format!("arn:aws:glue:{REGION}:{CATALOG_ID}:catalog"),
    };
    let details = ["/PartitionValues", "/PartitionValueList", "/PartitionInput/Values", "/Expression", "/VersionId"];
    let details = details.iter().filter_map(|pointer| input.pointer(pointer)).filter(|value| !value.is_null());
    let detail = details.map(Value::to_string).collect::<Vec<_>>().join(" ");
    Call { caller: Arc::clone(caller), service: Service::Glue, name: name.to_owned().into(), resource, detail }
}

/// The S3 call that `request` makes.
pub(crate) fn of_s3<B>(caller: &Arc<str>, request: &Request<B>) -> Call {
    let (bucket, key) = bucket_and_key(request);
    let query = Query(request.uri().query().unwrap_or_default());
    let name = s3_name(request, &query, bucket.is_empty(), key.is_empty());
    let resource = match (bucket.as_str(), key.as_str()) {
        ("", _) => "*".to_owned(),
        (bucket, "") => format!("arn:aws:s3:::{bucket}"),
        (bucket, key) => format!("arn:aws:s3:::{bucket}/{key}"),
    };
    let header = |name: HeaderName| {
        let value = String::from_utf8_lossy(request.headers().get(&name)?.as_bytes()).into_owned();
        Some(format!("{name}={value}"))
    };
    let headers = [IF_NONE_MATCH, IF_MATCH, RANGE, HeaderName::from_static("x-amz-copy-source")].map(header);
    let parameters = ["prefix", "delimiter", "start-after", "partNumber"];
    let parameters = parameters.map(|name| query.get(name).map(|value| format!("{name}={value}")));
    let detail = headers.into_iter().chain(parameters).flatten().collect::<Vec<_>>().join(" ");
    Call { caller: Arc::clone(caller), service: Service::S3, name: name.into(), resource, detail }
}

fn bucket_and_key<B>(request: &Request<B>) -> (String, String) {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path().trim_start_matches('/');
    let (bucket, key) = match s3::bucket_of(host) {
        // A key may begin with a slash of its own.
        Some(bucket) => (bucket, request.uri().path().strip_prefix('/').unwrap_or_default()),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    (decoded(bucket), decoded(key))
}

fn s3_name<B>(request: &Request<B>, query: &Query<'_>, no_bucket: bool, no_key: bool) -> &'static str {
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
        ("POST", true) if query.has("delete") => "DeleteObjects",
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
        let (method, uri) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(uri);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let call = of_s3(&"me".into(), &request.body(()).unwrap());
        assert_eq!(call.to_string(), format!("me s3:{expected}"), "{line}");
    }

    #[test]
    fn s3_calls_have_names_and_resources() {
        check_s3("GET /", &[], "ListBuckets *");
        check_s3("GET /b?list-type=2&prefix=a%2F", &[], "ListObjectsV2 arn:aws:s3:::b prefix=a/");
        check_s3("GET /b/?delimiter=/", &[], "ListObjects arn:aws:s3:::b delimiter=/");
        check_s3("POST /b?delete", &[], "DeleteObjects arn:aws:s3:::b");
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

    #[test]
    fn glue_calls_have_names_and_resources() {
        let check = |name: &str, input: &str, expected: &str| {
            let call = of_glue(&"me".into(), name, input.as_bytes()).to_string();
            assert_eq!(call, format!("me glue:{name} arn:aws:glue:us-east-1:000000000000:{expected}"));
        };
        check("GetDatabases", "{}", "catalog");
        check("GetDatabase", r#"{"Name":"d"}"#, "database/d");
        check("CreateDatabase", r#"{"DatabaseInput":{"Name":"d"}}"#, "database/d");
        check("GetTables", r#"{"DatabaseName":"d","Expression":null}"#, "database/d");
        check("UpdateTable", r#"{"DatabaseName":"d","TableInput":{"Name":"t"},"VersionId":"3"}"#, r#"table/d/t "3""#);
        check(
            "GetPartition",
            r#"{"DatabaseName":"d","TableName":"t","PartitionValues":["a","b"]}"#,
            r#"table/d/t ["a","b"]"#,
        );
        check("GetTable", "no JSON", "catalog");
    }
}
