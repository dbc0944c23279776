//! The conditions of a request: If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since.

use std::time::{Duration, SystemTime};

use s3s::dto::{ETagCondition, Timestamp};

use super::error::StoreError;
use super::object::Object;

/// The conditions under which a request is carried out.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

impl Condition {
    /// Refuses a write to `key` if the condition does not hold for `current`, the object there.
    pub(super) fn check_write(&self, key: &str, current: Option<&Object>) -> Result<(), StoreError> {
        match (&self.if_none_match, current) {
            (Some(ETagCondition::ETag(_)), _) => return Err(StoreError::Condition),
            (Some(ETagCondition::Any), Some(_)) => return Err(StoreError::Precondition(key.to_owned())),
            _ => {}
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(StoreError::NoSuchKey(key.to_owned())),
            (Some(wanted), Some(object)) if names(wanted, object) => Ok(()),
            (Some(_), Some(_)) => Err(StoreError::Precondition(key.to_owned())),
        }
    }

    /// Refuses a read of `object` if the condition does not hold. If there is a condition on the ETag, the one on the
    /// date is ignored.
    pub(super) fn check_read(&self, key: &str, object: &Object) -> Result<(), StoreError> {
        let holds = match (&self.if_match, &self.if_unmodified_since) {
            (Some(wanted), _) => names(wanted, object),
            (None, Some(time)) => !is_later(object, time),
            (None, None) => true,
        };
        if !holds {
            return Err(StoreError::Precondition(key.to_owned()));
        }
        let modified = match (&self.if_none_match, &self.if_modified_since) {
            (Some(known), _) => !names(known, object),
            (None, Some(time)) => is_later(object, time),
            (None, None) => true,
        };
        if modified { Ok(()) } else { Err(StoreError::NotModified(key.to_owned())) }
    }
}

fn names(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    }
}

/// Headers carry whole seconds, so that is what is compared.
fn is_later(object: &Object, time: &Timestamp) -> bool {
    let since = object.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())) > *time
}
