//! How the checksum of a multipart object is made.

use s3s::dto::{ChecksumAlgorithm, ChecksumType};
use serde::{Deserialize, Serialize};

use super::checksum::Algorithm;
use super::error::StoreError;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Scheme {
    pub(super) algorithm: Algorithm,
    /// Whether the checksum covers the checksums of the parts rather than all bytes.
    pub(super) composite: bool,
}

impl Scheme {
    /// The scheme of a new upload. `None` if the client names no algorithm.
    ///
    /// # Errors
    ///
    /// If the algorithm cannot be used with this type of checksum.
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

    /// Refuses a part or an object that is declared with another algorithm. A missing declaration is refused if the
    /// object's checksum is composite. Otherwise S3 computes the checksum itself.
    pub(super) fn check_part(self, declared: Option<Algorithm>) -> Result<(), StoreError> {
        if declared == Some(self.algorithm) || (declared.is_none() && !self.composite) {
            return Ok(());
        }
        let expected = self.algorithm.name().to_lowercase();
        let actual = declared.map_or("null".to_owned(), |algorithm| algorithm.name().to_lowercase());
        let message = format!("expected checksum type: {expected}, actual checksum type: {actual}");
        Err(StoreError::Request(message))
    }

    /// Refuses to complete an upload with another type of checksum than it was begun with.
    pub(super) fn check_type(scheme: Option<Scheme>, declared: Option<&ChecksumType>) -> Result<(), StoreError> {
        let begun = scheme.map_or(ChecksumType::from_static(ChecksumType::FULL_OBJECT), Scheme::checksum_type);
        if declared.is_none_or(|declared| *declared == begun) {
            return Ok(());
        }
        Err(StoreError::Request(format!("the upload was created using the {} checksum mode", begun.as_str())))
    }
}
