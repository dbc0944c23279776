//! Strips the signature from a request. Any client that reaches this AWS may use it, with any credentials.
//!
//! The S3 protocol layer refuses a signed request unless it has a secret key to verify it with. So it gets the request
//! as if the client had not signed it. Only the SHA-256 of the body is verified.

use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Uri};
use s3s::Body;

use super::chunked::{self, Trailers};
use super::payload;

const CONTENT_SHA256: &str = "x-amz-content-sha256";
const DECODED_CONTENT_LENGTH: &str = "x-amz-decoded-content-length";

/// The parameters of a presigned URL in lower case: seven of Signature Version 4, and three of Version 2.
const PRESIGNED: [&str; 10] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
    "awsaccesskeyid",
    "expires",
    "signature",
];

/// The request without its signature, and with its body out of the chunks of a streamed signature.
pub(crate) fn strip(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().remove(AUTHORIZATION);
    if let Some(uri) = unsigned_uri(request.uri()) {
        *request.uri_mut() = uri;
    }
    let Some(payload) = request.headers_mut().remove(CONTENT_SHA256) else { return request };
    if payload.as_bytes().starts_with(b"STREAMING-") {
        unchunk_headers(request.headers_mut());
        let trailers = Trailers::default();
        request.extensions_mut().insert(trailers.clone());
        return request.map(|body| chunked::decode(body, trailers));
    }
    match digest(&payload) {
        // A request without a body has the hash of nothing, which needs no check.
        Some(digest) if matches!(*request.method(), Method::PUT | Method::POST) => {
            request.map(|body| payload::verified(body, digest))
        }
        _ => request,
    }
}

/// The SHA-256 of the body. `None` if the body is unsigned.
fn digest(payload: &HeaderValue) -> Option<[u8; 32]> {
    hex::decode(payload).ok()?.try_into().ok()
}

/// The URI without the parameters of the signature. `None` if `uri` is not presigned.
fn unsigned_uri(uri: &Uri) -> Option<Uri> {
    let query = uri.query()?;
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    if !query.split('&').any(|pair| matches!(name(pair).as_str(), "x-amz-signature" | "signature")) {
        return None;
    }
    let rest: Vec<&str> = query.split('&').filter(|pair| !PRESIGNED.contains(&name(pair).as_str())).collect();
    let mut parts = uri.clone().into_parts();
    let path = if rest.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), rest.join("&")) };
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn unchunk_headers(headers: &mut HeaderMap) {
    headers.remove(TRANSFER_ENCODING);
    headers.remove(CONTENT_LENGTH);
    if let Some(length) = headers.remove(DECODED_CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, length);
    }
    let Some(encodings) = headers.remove(CONTENT_ENCODING) else { return };
    let encodings = String::from_utf8_lossy(encodings.as_bytes()).into_owned();
    let kept: Vec<&str> = encodings.split(',').map(str::trim).filter(|name| *name != "aws-chunked").collect();
    if let (false, Ok(kept)) = (kept.is_empty(), HeaderValue::try_from(kept.join(","))) {
        headers.insert(CONTENT_ENCODING, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_uri(signed: &str, expected: &str) {
        let request = strip(Request::builder().uri(signed).body(Body::empty()).unwrap());
        assert_eq!(request.uri(), expected);
    }

    #[test]
    fn presigned_urls_lose_their_signature_only() {
        check_uri("/b/k?x-id=GetObject", "/b/k?x-id=GetObject");
        check_uri("/b/k?X-Amz-Signature=1&X-Amz-Date=2&X-Amz-SignedHeaders=host", "/b/k");
        check_uri("/b/k?X-Amz-Signature=1&versionId=2&uploads", "/b/k?versionId=2&uploads");
        check_uri("/b/k?AWSAccessKeyId=a&Signature=b&Expires=3&partNumber=1", "/b/k?partNumber=1");
        check_uri("http://b.localhost:90/k%20?Signature=b", "http://b.localhost:90/k%20");
        check_uri("/b/k?expires=3", "/b/k?expires=3");
    }

    #[test]
    fn aws_chunked_headers_become_those_of_the_payload() {
        let request = Request::builder()
            .uri("/b/k")
            .header("authorization", "AWS4-HMAC-SHA256 …")
            .header("content-encoding", "gzip, aws-chunked")
            .header("content-length", "66")
            .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("x-amz-decoded-content-length", "5");
        let request = strip(request.body(Body::empty()).unwrap());
        let headers: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(headers, [("content-length", &b"5"[..]), ("content-encoding", b"gzip")]);
    }
}
