//! An object without its bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::time::SystemTime;

use cap_std::fs::Metadata;
use chrono::{DateTime, Utc};
use s3s::dto::{ChecksumType, ETag, Timestamp};
use serde::{Deserialize, Serialize};

use super::checksum::{Algorithm, Checksum};

/// An object without its bytes.
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

/// The headers and metadata that the writer gave.
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

/// Takes the attributes out of the input of a call that creates an object. All inputs have the same names for them.
macro_rules! attributes {
    ($input:expr) => {
        $crate::services::s3::object::Attributes {
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

/// The checksum and parts of the bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    /// `None` if another program wrote the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checksum: Option<Checksum>,
    /// The parts of a multipart upload, in order. Empty for any other object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<ObjectPart>,
}

/// A part of a multipart object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ObjectPart {
    pub(super) number: i32,
    pub(super) size: u64,
    /// `None` unless the object's checksum is composite.
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

/// What a writer stores beside the bytes of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Description {
    /// Without quotes.
    pub(super) etag: String,
    pub(super) attributes: Attributes,
    pub(super) content: Content,
}

/// Size and time of a file. They tell whether the file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    pub(super) size: u64,
    /// The modification time of the file and of the object, in nanoseconds since 1970.
    pub(super) modified_ns: i64,
}

impl Fingerprint {
    pub(super) fn new(size: u64, modified: io::Result<SystemTime>) -> Fingerprint {
        let modified = modified.map(DateTime::<Utc>::from);
        let modified_ns = modified.ok().and_then(|time| time.timestamp_nanos_opt()).unwrap_or_default();
        Fingerprint { size, modified_ns }
    }

    /// The fingerprint of a file that is looked up by its path.
    pub(super) fn of(file: &Metadata) -> Fingerprint {
        Fingerprint::new(file.len(), file.modified().map(cap_std::time::SystemTime::into_std))
    }

    /// The fingerprint of an open file.
    pub(super) fn of_file(file: &File) -> io::Result<Fingerprint> {
        let file = file.metadata()?;
        Ok(Fingerprint::new(file.len(), file.modified()))
    }

    pub(super) fn modified(&self) -> SystemTime {
        DateTime::<Utc>::from_timestamp_nanos(self.modified_ns).into()
    }
}

/// The entry of a file in the index. It is valid while the file has this fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct IndexEntry {
    #[serde(flatten)]
    pub(super) fingerprint: Fingerprint,
    pub(super) etag: String,
    #[serde(flatten)]
    pub(super) attributes: Attributes,
    #[serde(flatten)]
    pub(super) content: Content,
}

impl IndexEntry {
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
