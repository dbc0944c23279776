//! What an object is beside its bytes.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use s3s::dto::{ChecksumType, ETag, Timestamp};
use serde::{Deserialize, Serialize};

use super::checksum::{Algorithm, Checksum};

/// The object under a key, without its bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) attributes: Attributes,
    pub(super) content: Content,
}

impl Object {
    pub(super) fn e_tag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    pub(super) fn last_modified(&self) -> Timestamp {
        self.modified.into()
    }
}

/// What the writer said about the content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attributes {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
}

/// Takes the attributes out of the input of a call that creates an object: the SDK names them alike in all three.
macro_rules! attributes {
    ($input:expr) => {
        $crate::s3::object::Attributes {
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            content_type: $input.content_type.take(),
            metadata: $input.metadata.take().unwrap_or_default().into_iter().collect(),
        }
    };
}
pub(super) use attributes;

/// What the writer left to be known of the bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    /// None of a file that another program has put there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checksum: Option<Checksum>,
    /// The parts it was uploaded in, one behind the other. None if it wasn't.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Piece>,
}

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) number: i32,
    pub(super) size: u64,
    /// Where the object's is made from its parts'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checksum: Option<Checksum>,
}

impl Content {
    pub(super) fn whole(checksum: Checksum) -> Content {
        Content { checksum: Some(checksum), parts: Vec::new() }
    }

    pub(super) fn checksum_type(&self) -> Option<ChecksumType> {
        self.checksum.as_ref().and_then(|checksum| checksum.fields().checksum_type)
    }

    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.checksum.as_ref().map(|checksum| checksum.algorithm)
    }
}

/// Tells whether a file is still the one that something is known of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    pub(super) size: u64,
    /// The file's modification time in nanoseconds, which is the object's as well.
    pub(super) modified_ns: i64,
}

impl Fingerprint {
    pub(super) fn of(file: &Metadata) -> Fingerprint {
        let modified = file.modified().map(DateTime::<Utc>::from);
        let modified_ns = modified.ok().and_then(|time| time.timestamp_nanos_opt()).unwrap_or_default();
        Fingerprint { size: file.len(), modified_ns }
    }

    pub(super) fn modified(&self) -> SystemTime {
        DateTime::<Utc>::from_timestamp_nanos(self.modified_ns).into()
    }
}

/// What is known of a file, as long as its fingerprint is this one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    #[serde(flatten)]
    pub(super) fingerprint: Fingerprint,
    pub(super) etag: String,
    #[serde(flatten)]
    pub(super) attributes: Attributes,
    #[serde(flatten)]
    pub(super) content: Content,
}

impl Known {
    pub(super) fn object(&self) -> Object {
        Object {
            size: self.fingerprint.size,
            modified: self.fingerprint.modified(),
            etag: self.etag.clone(),
            attributes: self.attributes.clone(),
            content: self.content.clone(),
        }
    }
}
