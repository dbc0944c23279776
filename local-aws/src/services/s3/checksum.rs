//! The checksums of objects and parts.
//!
//! A sender declares at most one. If it declares none, S3 computes a CRC64NVME. The checksum of a multipart object
//! covers all its bytes or, if it is COMPOSITE, the checksums of its parts, followed by `-<count of parts>`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{self, ChecksumAlgorithm, ChecksumType};
use serde::{Deserialize, Serialize};

use super::error::StoreError;

/// The beginning of the headers that carry a checksum. The algorithm's name follows.
pub(super) const HEADER: &str = "x-amz-checksum-";

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
    pub(super) const ALL: [Algorithm; 5] =
        [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme, Algorithm::Sha1, Algorithm::Sha256];

    /// The algorithm that S3 uses if the client names none.
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

    fn digest_bytes(self) -> usize {
        match self {
            Algorithm::Crc32 | Algorithm::Crc32c => 4,
            Algorithm::Crc64Nvme => 8,
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
        }
    }

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

    /// The value of this algorithm's field.
    pub(super) fn value_in(self, fields: dto::Checksum) -> Option<String> {
        match self {
            Algorithm::Crc32 => fields.checksum_crc32,
            Algorithm::Crc32c => fields.checksum_crc32c,
            Algorithm::Crc64Nvme => fields.checksum_crc64nvme,
            Algorithm::Sha1 => fields.checksum_sha1,
            Algorithm::Sha256 => fields.checksum_sha256,
        }
    }

    /// Refuses a value that cannot be of this algorithm. `-<count of parts>` may follow the digest.
    pub(super) fn check_value(self, value: &str) -> Result<(), StoreError> {
        let digest = value.split('-').next().unwrap_or_default();
        if STANDARD.decode(digest).is_ok_and(|bytes| bytes.len() == self.digest_bytes()) {
            return Ok(());
        }
        Err(StoreError::Request(format!("the value for {HEADER}{} is invalid", self.name().to_lowercase())))
    }
}

/// The algorithm as the protocol's type.
pub(super) fn dto_algorithm(algorithm: Algorithm) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from_static(algorithm.name())
}

/// The checksum of an object or of a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    /// In base64. `-<count of parts>` follows if the checksum is composite.
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

    /// The decoded value. Empty if another program wrote a value that is not base64.
    pub(super) fn digest(&self) -> Vec<u8> {
        STANDARD.decode(&self.value).unwrap_or_default()
    }

    pub(super) fn of_digest(algorithm: Algorithm, digest: &[u8]) -> Checksum {
        Checksum { algorithm, value: STANDARD.encode(digest) }
    }

    pub(super) fn is_composite(&self) -> bool {
        self.value.contains('-')
    }

    /// Refuses content that does not have the `declared` checksum. That of a composite may lack the count of parts.
    pub(super) fn check(&self, declared: &str) -> Result<(), StoreError> {
        let digest = self.value.split('-').next();
        if self.value == declared || digest == Some(declared) {
            return Ok(());
        }
        Err(StoreError::Digest(self.algorithm.name()))
    }

    /// The checksum in the protocol's field for its algorithm.
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

/// Puts an `Option<&Checksum>` into the output of a call. All outputs have the same names for the fields.
macro_rules! put_checksum {
    ($output:expr, $checksum:expr) => {
        let fields = $checksum.map($crate::services::s3::checksum::Checksum::fields).unwrap_or_default();
        $output.checksum_crc32 = fields.checksum_crc32;
        $output.checksum_crc32c = fields.checksum_crc32c;
        $output.checksum_crc64nvme = fields.checksum_crc64nvme;
        $output.checksum_sha1 = fields.checksum_sha1;
        $output.checksum_sha256 = fields.checksum_sha256;
    };
}
pub(super) use put_checksum;

#[cfg(test)]
mod tests {
    use super::*;

    /// The checksums of `hello`, computed by other programs.
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
}
