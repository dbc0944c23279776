//! The checksums S3 keeps of objects and parts: what a sender claims of a body, and what is known of one.
//!
//! A sender names at most one, in a header or behind an aws-chunked body. Of an object without one S3 makes a
//! CRC64NVME of its own. That of an object in parts is either one of all its bytes or, COMPOSITE, a checksum of the
//! parts' checksums with `-<parts>` behind it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{Extensions, HeaderMap};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{self, ChecksumAlgorithm, ChecksumType};
use serde::{Deserialize, Serialize};

use super::error::StoreError;
use crate::chunked::Trailers;

const HEADER: &str = "x-amz-checksum-";
/// What a client says it is going to send, in whatever way.
const ANNOUNCED: &str = "x-amz-sdk-checksum-algorithm";
const TRAILER: &str = "x-amz-trailer";

/// How a checksum is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    const ALL: [Algorithm; 5] =
        [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

    /// What S3 makes where nobody asks for anything.
    pub(super) const DEFAULT: Algorithm = Algorithm::Crc64Nvme;

    pub(super) fn name(self) -> &'static str {
        match self {
            Algorithm::Crc32 => "CRC32",
            Algorithm::Crc32c => "CRC32C",
            Algorithm::Crc64Nvme => "CRC64NVME",
            Algorithm::Sha1 => "SHA1",
            Algorithm::Sha256 => "SHA256",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64Nvme => 8,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
        }
    }

    /// The algorithm that S3 calls `name`.
    pub(super) fn named(name: &str) -> Result<Algorithm, StoreError> {
        let found = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
        found.ok_or(StoreError::Request("the checksum algorithm is none that S3 has".to_owned()))
    }

    pub(super) fn hasher(self) -> ChecksumHasher {
        let mut hasher = ChecksumHasher::default();
        match self {
            Algorithm::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Algorithm::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Algorithm::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Algorithm::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Algorithm::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
        hasher
    }

    /// This algorithm's value among those that the protocol has fields for.
    pub(super) fn value_in(self, fields: dto::Checksum) -> Option<String> {
        match self {
            Algorithm::Crc32 => fields.checksum_crc32,
            Algorithm::Crc32c => fields.checksum_crc32c,
            Algorithm::Crc64Nvme => fields.checksum_crc64nvme,
            Algorithm::Sha1 => fields.checksum_sha1,
            Algorithm::Sha256 => fields.checksum_sha256,
        }
    }

    /// Refuses what can't be a value of this algorithm; `-<parts>` may follow one.
    fn check(self, value: &str) -> Result<(), StoreError> {
        let digest = value.split('-').next().unwrap_or_default();
        if STANDARD.decode(digest).is_ok_and(|bytes| bytes.len() == self.bytes()) {
            return Ok(());
        }
        Err(StoreError::Request(format!("the value for {HEADER}{} is invalid", self.name().to_lowercase())))
    }
}

/// An algorithm as a listing names it.
pub(super) fn listed(algorithm: Algorithm) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from_static(algorithm.name())
}

/// What is known of the content of an object or of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    /// Base64, with the number of parts behind it if it is made from theirs.
    pub(super) value: String,
}

impl Checksum {
    pub(super) fn finish(algorithm: Algorithm, hasher: ChecksumHasher) -> Checksum {
        Checksum { algorithm, value: algorithm.value_in(hasher.finalize()).unwrap_or_default() }
    }

    /// The checksum of the parts' checksums.
    pub(super) fn composite(algorithm: Algorithm, parts: &[&Checksum]) -> Checksum {
        let mut hasher = algorithm.hasher();
        for part in parts {
            hasher.update(&part.digest());
        }
        let whole = Checksum::finish(algorithm, hasher);
        Checksum { value: format!("{}-{}", whole.value, parts.len()), ..whole }
    }

    /// The bytes that the value stands for; none of a value this program hasn't made.
    pub(super) fn digest(&self) -> Vec<u8> {
        STANDARD.decode(&self.value).unwrap_or_default()
    }

    pub(super) fn of_digest(algorithm: Algorithm, digest: &[u8]) -> Checksum {
        Checksum { algorithm, value: STANDARD.encode(digest) }
    }

    pub(super) fn is_composite(&self) -> bool {
        self.value.contains('-')
    }

    /// Refuses a body or an object whose sender takes it for another. A composite may be claimed without its count.
    pub(super) fn check(&self, claimed: &str) -> Result<(), StoreError> {
        let digest = self.value.split('-').next();
        if self.value == claimed || digest == Some(claimed) {
            return Ok(());
        }
        Err(StoreError::Digest(self.algorithm.name()))
    }

    /// The checksum in the field that the protocol has for it.
    pub(super) fn fields(&self) -> dto::Checksum {
        let kind = if self.is_composite() { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
        let mut fields =
            dto::Checksum { checksum_type: Some(ChecksumType::from_static(kind)), ..dto::Checksum::default() };
        let value = Some(self.value.clone());
        match self.algorithm {
            Algorithm::Crc32 => fields.checksum_crc32 = value,
            Algorithm::Crc32c => fields.checksum_crc32c = value,
            Algorithm::Crc64Nvme => fields.checksum_crc64nvme = value,
            Algorithm::Sha1 => fields.checksum_sha1 = value,
            Algorithm::Sha256 => fields.checksum_sha256 = value,
        }
        fields
    }
}

/// How the checksum of an object in parts is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Scheme {
    pub(super) algorithm: Algorithm,
    /// From those of the parts, rather than from all bytes.
    pub(super) composite: bool,
}

impl Scheme {
    /// The scheme an upload is begun with.
    ///
    /// # Errors
    ///
    /// When the algorithm can't be used so.
    pub(super) fn of(
        algorithm: Option<&ChecksumAlgorithm>,
        kind: Option<&ChecksumType>,
    ) -> Result<Option<Scheme>, StoreError> {
        let kind = kind.map(ChecksumType::as_str);
        let algorithm = match (algorithm, kind) {
            (Some(name), _) => Algorithm::named(name.as_str())?,
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(StoreError::Request("a checksum type needs an algorithm".to_owned())),
        };
        let composite = kind.map_or(algorithm != Algorithm::Crc64Nvme, |kind| kind == ChecksumType::COMPOSITE);
        let is_possible = match algorithm {
            Algorithm::Crc64Nvme => !composite,
            Algorithm::Crc32 | Algorithm::Crc32c => true,
            Algorithm::Sha1 | Algorithm::Sha256 => composite,
        };
        if !is_possible {
            let (kind, name) = (kind.unwrap_or_default(), algorithm.name().to_lowercase());
            let message = format!("the {kind} checksum type cannot be used with the {name} checksum algorithm");
            return Err(StoreError::Request(message));
        }
        Ok(Some(Scheme { algorithm, composite }))
    }

    pub(super) fn checksum_type(self) -> ChecksumType {
        ChecksumType::from_static(if self.composite { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT })
    }

    /// Refuses a part, or an object, whose checksum is made with another algorithm. S3 makes the one that is missing
    /// only where it doesn't make the object's out of it.
    pub(super) fn check_part(self, claimed: Option<Algorithm>) -> Result<(), StoreError> {
        if claimed == Some(self.algorithm) || (claimed.is_none() && !self.composite) {
            return Ok(());
        }
        let expected = self.algorithm.name().to_lowercase();
        let actual = claimed.map_or("null".to_owned(), |algorithm| algorithm.name().to_lowercase());
        let message = format!("expected checksum type: {expected}, actual checksum type: {actual}");
        Err(StoreError::Request(message))
    }

    /// Refuses to complete an upload in another way than it was begun.
    pub(super) fn check_type(scheme: Option<Scheme>, claimed: Option<&ChecksumType>) -> Result<(), StoreError> {
        let begun = scheme.map_or(ChecksumType::from_static(ChecksumType::FULL_OBJECT), Scheme::checksum_type);
        if claimed.is_none_or(|claimed| *claimed == begun) {
            return Ok(());
        }
        Err(StoreError::Request(format!("the upload was created using the {} checksum mode", begun.as_str())))
    }
}

/// Puts a checksum, where there is one, into the output of a call: the SDK names the fields alike in all of them.
macro_rules! put_checksum {
    ($output:expr, $checksum:expr) => {
        let fields = $checksum.map($crate::s3::checksum::Checksum::fields).unwrap_or_default();
        $output.checksum_crc32 = fields.checksum_crc32;
        $output.checksum_crc32c = fields.checksum_crc32c;
        $output.checksum_crc64nvme = fields.checksum_crc64nvme;
        $output.checksum_sha1 = fields.checksum_sha1;
        $output.checksum_sha256 = fields.checksum_sha256;
    };
}
pub(super) use put_checksum;

/// What the sender of a body says of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    pub(super) length: Option<u64>,
    /// Base64.
    pub(super) md5: Option<String>,
    pub(super) checksum: Option<Claim>,
}

/// A checksum that a sender names.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) algorithm: Algorithm,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Header(String),
    Trailer(Trailers),
}

impl Claims {
    /// Reads what a request says of its body.
    ///
    /// # Errors
    ///
    /// When it names more than one checksum, one that can't be, or announces one that is nowhere.
    pub(super) fn of(headers: &HeaderMap, extensions: &Extensions) -> Result<Claims, StoreError> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let trailers = extensions.get::<Trailers>().cloned().unwrap_or_default();
        let trailing = text(TRAILER).unwrap_or_default().to_ascii_lowercase();
        let mut claims = Vec::new();
        for algorithm in Algorithm::ALL {
            let name = format!("{HEADER}{}", algorithm.name().to_lowercase());
            if let Some(value) = text(&name) {
                algorithm.check(value)?;
                claims.push(Claim { algorithm, place: Place::Header(value.to_owned()) });
            } else if trailing.split(',').any(|trailer| trailer.trim() == name) {
                claims.push(Claim { algorithm, place: Place::Trailer(trailers.clone()) });
            }
        }
        if claims.len() > 1 {
            return Err(StoreError::Request(format!("expecting a single {HEADER} header")));
        }
        let checksum = claims.pop();
        if checksum.is_none() && headers.contains_key(ANNOUNCED) {
            return Err(StoreError::Request(format!("{ANNOUNCED} is specified, but no corresponding checksum")));
        }
        Ok(Claims { length: None, md5: text("content-md5").map(str::to_owned), checksum })
    }

    /// The same claims, and that the body has `bytes` bytes. Of an object in a form, that isn't the request's length.
    pub(super) fn with_length(self, bytes: Option<i64>) -> Claims {
        Claims { length: bytes.and_then(|bytes| u64::try_from(bytes).ok()), ..self }
    }

    /// The algorithm that the sender uses.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.checksum.as_ref().map(|claim| claim.algorithm)
    }
}

impl Claim {
    /// Refuses a body that, now that it has been read to its end, isn't what it is said to be.
    pub(super) fn check(&self, found: &Checksum) -> Result<(), StoreError> {
        match &self.place {
            Place::Header(value) => found.check(value),
            Place::Trailer(trailers) => {
                let name = format!("{HEADER}{}", self.algorithm.name().to_lowercase());
                let value = trailers.get(&name).ok_or(StoreError::Trailer)?;
                self.algorithm.check(&value)?;
                found.check(&value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `hello`, as other programs make them.
    const HELLO: [(Algorithm, &str); 5] = [
        (Algorithm::Crc32, "NhCmhg=="),
        (Algorithm::Crc32c, "mnG7TA=="),
        (Algorithm::Crc64Nvme, "M3eFcAZSQlc="),
        (Algorithm::Sha1, "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        (Algorithm::Sha256, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
    ];

    #[test]
    fn checksums_are_those_of_other_programs() {
        for (algorithm, value) in HELLO {
            let mut hasher = algorithm.hasher();
            hasher.update(b"hello");
            assert_eq!(Checksum::finish(algorithm, hasher), Checksum { algorithm, value: value.to_owned() });
            assert_eq!(Algorithm::named(algorithm.name()).ok(), Some(algorithm));
        }
    }

    fn claimed(headers: &[(&'static str, &str)]) -> String {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        match Claims::of(&headers.collect(), &Extensions::new()) {
            Ok(claims) => format!("{:?}", claims.algorithm()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn at_most_one_checksum_is_claimed() {
        let crc32 = ("x-amz-checksum-crc32", "NhCmhg==");
        assert_eq!(claimed(&[]), "None");
        assert_eq!(claimed(&[crc32, ("x-amz-sdk-checksum-algorithm", "CRC32")]), "Some(Crc32)");
        assert_eq!(claimed(&[("x-amz-trailer", "x-amz-checksum-crc32c")]), "Some(Crc32c)");
        assert_eq!(
            claimed(&[crc32, ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00=")]),
            "expecting a single x-amz-checksum- header"
        );
        assert_eq!(claimed(&[("x-amz-checksum-crc32", "NhCmhg")]), "the value for x-amz-checksum-crc32 is invalid");
        assert_eq!(claimed(&[("x-amz-checksum-sha1", "NhCmhg==")]), "the value for x-amz-checksum-sha1 is invalid");
        assert_eq!(
            claimed(&[("x-amz-sdk-checksum-algorithm", "CRC32")]),
            "x-amz-sdk-checksum-algorithm is specified, but no corresponding checksum"
        );
    }
}
