//! Compares the rows of a day with those of its hours, as multisets.
//!
//! A day may have more rows than memory holds. So of each hour only the number of its rows and the sum of their digests are
//! kept, which are the same for the same rows in any order. An hour for which they differ is read again, to name its rows.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use compactor::bucket::{Bucket, BucketError};
use projection::manifest::{File, HourInput, LiveDay};

use super::super::check::sha256;
use super::super::finding::Difference;
use super::{RowHash, hash, named, rows};

/// A multiset of rows: how many there are, and the sum of their digests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    digests: u128,
}

impl Sum {
    fn add(&mut self, values: &rows::Values<'_>) {
        self.rows += 1;
        self.digests = self.digests.wrapping_add(u128::from_be_bytes(hash(values)));
    }
}

/// The differences between a day's rows and those of the files that it was made of. `None` if a file of the day is gone, so that
/// nothing can be said. An hour whose files are not those any more is left out: it is named itself.
///
/// # Errors
///
/// S3 failed.
pub(in super::super) async fn compare(
    bucket: &Bucket,
    live: &LiveDay,
) -> Result<Option<Vec<(Difference, String)>>, BucketError> {
    let mut found: BTreeMap<String, Sum> = BTreeMap::new();
    for file in &live.files {
        let Some(bytes) = read(bucket, file).await? else { return Ok(None) };
        let take = |values: &rows::Values<'_>, hour: Option<&str>| found.entry(name_of(hour)).or_default().add(values);
        if let Err(error) = rows::of_day(bytes, take) {
            return Ok(Some(vec![(Difference::FileRows, format!("{}: {error}", file.key))]));
        }
    }
    let mut differences = Vec::new();
    for input in &live.inputs {
        let sum = found.remove(&input.hour.hour()).unwrap_or_default();
        if sum_of(bucket, input).await?.is_none_or(|expected| expected == sum) {
            continue;
        }
        let what = differing(bucket, live, input).await?;
        differences.push((Difference::DayRows, format!("{}: {what}", input.hour)));
    }
    for (hour, sum) in found {
        differences.push((Difference::DayRows, format!("{} rows of hour {hour}, which it does not hold", sum.rows)));
    }
    Ok(Some(differences))
}

/// The value of the column `hour`.
fn name_of(hour: Option<&str>) -> String {
    hour.unwrap_or("null").to_string()
}

/// The bytes of a file. `None` if it is gone, or not what its manifest says.
async fn read(bucket: &Bucket, file: &File) -> Result<Option<Bytes>, BucketError> {
    let found = bucket.read_as_is(&file.key).await?.map(|(bytes, _)| bytes);
    Ok(found.filter(|bytes| sha256(bytes) == file.sha256))
}

/// The rows of an hour. `None` if its files are gone or others, or cannot be read.
async fn sum_of(bucket: &Bucket, input: &HourInput) -> Result<Option<Sum>, BucketError> {
    let mut sum = Sum::default();
    for file in &input.files {
        let Some(bytes) = read(bucket, file).await? else { return Ok(None) };
        if rows::of_hour(bytes, |values| sum.add(values)).is_err() {
            return Ok(None);
        }
    }
    Ok(Some(sum))
}

/// The rows of an hour that the day does not have, and the reverse, by the number of each and the first `log_id`s.
async fn differing(bucket: &Bucket, live: &LiveDay, input: &HourInput) -> Result<String, BucketError> {
    let mut surplus: HashMap<RowHash, (Option<String>, i64)> = HashMap::new();
    let mut count = |values: &rows::Values<'_>, by: i64| {
        surplus.entry(hash(values)).or_insert_with(|| (values[0].map(str::to_string), 0)).1 += by;
    };
    for file in &input.files {
        let Some(bytes) = read(bucket, file).await? else { continue };
        // What cannot be read was reported before.
        let _ = rows::of_hour(bytes, |values| count(values, -1));
    }
    for file in &live.files {
        let Some(bytes) = read(bucket, file).await? else { continue };
        let of_hour = |values: &rows::Values<'_>, hour: Option<&str>| {
            if hour == Some(&input.hour.hour()) {
                count(values, 1);
            }
        };
        let _ = rows::of_day(bytes, of_hour);
    }
    let ids = |sign: i64| {
        let rows = surplus.values().filter(|(_, count)| count.signum() == sign);
        rows.flat_map(|(id, count)| std::iter::repeat_n(id.clone(), count.unsigned_abs() as usize)).collect()
    };
    let sides = [("missing", ids(-1)), ("too many", ids(1))];
    let told = sides.into_iter().filter_map(|(side, ids)| Some(format!("{side} are {}", named(ids)?)));
    Ok(told.collect::<Vec<String>>().join("; "))
}
