//! The bytes of an object that a request selects.

use std::ops;

use s3s::dto::Range;

use crate::services::s3::checksum::Checksum;
use crate::services::s3::error::StoreError;
use crate::services::s3::object::Object;
use crate::services::s3::store::uploads::PART_NUMBER_MAX;

/// The part of an object that a request selects: all of it, a range, or a part by number.
pub(super) struct Selection {
    pub(super) range: ops::Range<u64>,
    pub(super) is_whole: bool,
    /// The checksum of the selected bytes. `None` if it is unknown.
    pub(super) checksum: Option<Checksum>,
    pub(super) parts_count: Option<i32>,
}

impl Selection {
    pub(super) fn of(
        object: &Object,
        range: Option<&Range>,
        part_number: Option<i32>,
    ) -> Result<Selection, StoreError> {
        let whole = Selection {
            range: 0..object.size,
            is_whole: true,
            checksum: object.content.checksum.clone(),
            parts_count: None,
        };
        match (range, part_number) {
            (None, None) => Ok(whole),
            (Some(range), None) => Ok(Selection {
                range: resolve_range(range, object.size)?,
                is_whole: false,
                checksum: None,
                parts_count: None,
            }),
            (None, Some(number)) if !(1..=PART_NUMBER_MAX).contains(&number) => Err(StoreError::Argument("partNumber")),
            // An object that was not uploaded in parts is its own only part.
            (None, Some(1)) if object.content.parts.is_empty() => Ok(Selection { is_whole: object.size == 0, ..whole }),
            (None, Some(number)) => Selection::of_part(object, number),
            (Some(_), Some(_)) => Err(StoreError::Request("a request has a range or a part number".to_owned())),
        }
    }

    fn of_part(object: &Object, number: i32) -> Result<Selection, StoreError> {
        let parts = &object.content.parts;
        let missing = StoreError::PartNumber { number, count: parts.len().max(1) };
        let index = parts.iter().position(|part| part.number == number).ok_or(missing)?;
        let start: u64 = parts[..index].iter().map(|part| part.size).sum();
        Ok(Selection {
            range: start..start + parts[index].size,
            is_whole: false,
            checksum: parts[index].checksum.clone(),
            parts_count: i32::try_from(parts.len()).ok(),
        })
    }
}

/// The bytes that `range` selects from an object of `size` bytes. It must select at least one.
pub(super) fn resolve_range(range: &Range, size: u64) -> Result<ops::Range<u64>, StoreError> {
    let range = range.check(size).ok().filter(|range| !range.is_empty());
    range.ok_or(StoreError::Range { size })
}
