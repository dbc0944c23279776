//! The length and checksums that the sender of a body declares.

use http::{Extensions, HeaderMap};

use super::checksum::{Algorithm, Checksum, HEADER};
use super::error::StoreError;
use crate::http::chunked::Trailers;

/// The algorithm that a client announces, wherever the checksum itself is sent.
const ANNOUNCED: &str = "x-amz-sdk-checksum-algorithm";
const TRAILER: &str = "x-amz-trailer";

/// What the sender of a body declares about it.
#[derive(Debug, Clone, Default)]
pub(super) struct DeclaredChecksums {
    pub(super) length: Option<u64>,
    /// In base64.
    pub(super) md5: Option<String>,
    pub(super) checksum: Option<DeclaredChecksum>,
}

/// A checksum that the sender declares in a header, or in a trailer behind an aws-chunked body.
#[derive(Debug, Clone)]
pub(super) struct DeclaredChecksum {
    pub(super) algorithm: Algorithm,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Header(String),
    Trailer(Trailers),
}

impl DeclaredChecksums {
    /// Reads the declarations in the headers of a request. `extensions` hold the trailers of an aws-chunked body.
    ///
    /// # Errors
    ///
    /// If the request declares more than one checksum, an impossible one, or announces one that is missing.
    pub(super) fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<DeclaredChecksums, StoreError> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let trailers = extensions.get::<Trailers>().cloned().unwrap_or_default();
        let trailing = text(TRAILER).unwrap_or_default().to_ascii_lowercase();
        let mut declared = Vec::new();
        for algorithm in Algorithm::ALL {
            let name = format!("{HEADER}{}", algorithm.name().to_lowercase());
            if let Some(value) = text(&name) {
                algorithm.check_value(value)?;
                declared.push(DeclaredChecksum { algorithm, source: Source::Header(value.to_owned()) });
            } else if trailing.split(',').any(|trailer| trailer.trim() == name) {
                declared.push(DeclaredChecksum { algorithm, source: Source::Trailer(trailers.clone()) });
            }
        }
        if declared.len() > 1 {
            return Err(StoreError::Request(format!("expecting a single {HEADER} header")));
        }
        let checksum = declared.pop();
        if checksum.is_none() && headers.contains_key(ANNOUNCED) {
            return Err(StoreError::Request(format!("{ANNOUNCED} is specified, but no corresponding checksum")));
        }
        Ok(DeclaredChecksums { length: None, md5: text("content-md5").map(str::to_owned), checksum })
    }

    /// Adds the length of the body in bytes. For an object in a form it is not the length of the request.
    pub(super) fn with_length(self, bytes: Option<i64>) -> DeclaredChecksums {
        DeclaredChecksums { length: bytes.and_then(|bytes| u64::try_from(bytes).ok()), ..self }
    }

    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.checksum.as_ref().map(|declared| declared.algorithm)
    }
}

impl DeclaredChecksum {
    /// Refuses a body that does not have this checksum. The body must have been read to its end.
    pub(super) fn check(&self, found: &Checksum) -> Result<(), StoreError> {
        match &self.source {
            Source::Header(value) => found.check(value),
            Source::Trailer(trailers) => {
                let name = format!("{HEADER}{}", self.algorithm.name().to_lowercase());
                let value = trailers.get(&name).ok_or(StoreError::Trailer)?;
                self.algorithm.check_value(&value)?;
                found.check(&value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(headers: &[(&'static str, &str)]) -> String {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        match DeclaredChecksums::of(&headers.collect(), &Extensions::new()) {
            Ok(declared) => format!("{:?}", declared.algorithm()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn at_most_one_checksum_is_declared() {
        let crc32 = ("x-amz-checksum-crc32", "NhCmhg==");
        assert_eq!(declared(&[]), "None");
        assert_eq!(declared(&[crc32, ("x-amz-sdk-checksum-algorithm", "CRC32")]), "Some(Crc32)");
        assert_eq!(declared(&[("x-amz-trailer", "x-amz-checksum-crc32c")]), "Some(Crc32c)");
        assert_eq!(
            declared(&[crc32, ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")]),
            "expecting a single x-amz-checksum- header"
        );
        assert_eq!(declared(&[("x-amz-checksum-crc32", "NhCmhg")]), "the value for x-amz-checksum-crc32 is invalid");
        assert_eq!(declared(&[("x-amz-checksum-sha1", "NhCmhg==")]), "the value for x-amz-checksum-sha1 is invalid");
        assert_eq!(
            declared(&[("x-amz-sdk-checksum-algorithm", "CRC32")]),
            "x-amz-sdk-checksum-algorithm is specified, but no corresponding checksum"
        );
    }
}
