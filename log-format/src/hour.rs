//! The hour: the unit of partitioning and of compaction.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, DurationRound, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One hour of logs, in UTC. An event belongs to the hour in which it reached Firehose, which the object's key names.
// Invariant: minutes and everything below are zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(DateTime<Utc>);

/// The error of a text that is not an hour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an hour; write it like 2026-11-20T13")]
pub struct ParseHourError {
    text: String,
}

impl Hour {
    /// The hour 1970-01-01T00, before any log.
    pub const EPOCH: Hour = Hour(DateTime::UNIX_EPOCH);

    /// The hour that contains `moment`.
    pub fn of(moment: DateTime<Utc>) -> Hour {
        // Truncation fails only outside the years 1677 to 2262, where no log is.
        Hour(moment.duration_trunc(TimeDelta::hours(1)).unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// The hour of partition values as [`Hour::partition_values`] gives them. `None` if they are not an hour.
    pub fn from_partition_values(values: &[String]) -> Option<Hour> {
        let [date, hour] = values else { return None };
        Hour::from_parts(date, hour)
    }

    /// The hour of a date like `2026-11-20` and two digits like `13`. `None` if they have any other form, or are before
    /// [`Hour::EPOCH`].
    pub fn from_parts(date: &str, hour: &str) -> Option<Hour> {
        let shaped = date.len() == 10 && hour.len() == 2 && hour.bytes().all(|byte| byte.is_ascii_digit());
        if !shaped {
            return None;
        }
        let time = NaiveTime::from_hms_opt(hour.parse().ok()?, 0, 0)?;
        let parsed = NaiveDate::parse_from_str(date, "%Y-%m-%d").ok()?;
        // The parser accepts signs and blanks too, which no key has.
        Some(Hour(parsed.and_time(time).and_utc())).filter(|hour| hour.date() == date && *hour >= Hour::EPOCH)
    }

    /// The first moment of the hour.
    pub fn start(self) -> DateTime<Utc> {
        self.0
    }

    /// The first moment after the hour.
    pub fn end(self) -> DateTime<Utc> {
        self.0 + TimeDelta::hours(1)
    }

    /// The hour after this one.
    #[must_use]
    pub fn next(self) -> Hour {
        Hour(self.end())
    }

    /// The hour that is `hours` hours before this one.
    #[must_use]
    pub fn back(self, hours: u32) -> Hour {
        Hour(self.0 - TimeDelta::hours(i64::from(hours)))
    }

    /// The hour that is `hours` hours after this one.
    #[must_use]
    pub fn after(self, hours: u32) -> Hour {
        Hour(self.0 + TimeDelta::hours(i64::from(hours)))
    }

    /// The hours from this one to `end`, which is not included.
    pub fn until(self, end: Hour) -> impl Iterator<Item = Hour> {
        std::iter::successors(Some(self), |hour| Some(hour.next())).take_while(move |hour| *hour < end)
    }

    /// The date, the first partition value: `2026-11-20`.
    pub fn date(self) -> String {
        self.0.format("%Y-%m-%d").to_string()
    }

    /// The two digits of the hour, the second partition value: `13`.
    pub fn hour(self) -> String {
        self.0.format("%H").to_string()
    }

    /// The values of the partition keys `date` and `hour`.
    pub fn partition_values(self) -> [String; 2] {
        [self.date(), self.hour()]
    }

    /// The hour as a part of a key: `2026/11/20/13`.
    pub fn path(self) -> String {
        self.0.format("%Y/%m/%d/%H").to_string()
    }

    /// The hour of a part of a key as [`Hour::path`] writes it. `None` if `path` has any other form.
    pub fn from_path(path: &str) -> Option<Hour> {
        let (date, hour) = path.rsplit_once('/')?;
        if date.len() != 10 || date.contains('-') {
            return None;
        }
        Hour::from_parts(&date.replace('/', "-"), hour)
    }
}

/// Writes `2026-11-20T13`.
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%dT%H"))
    }
}

impl fmt::Debug for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hour {
    type Err = ParseHourError;

    fn from_str(text: &str) -> Result<Hour, ParseHourError> {
        let parts = text.split_once('T').and_then(|(date, hour)| Hour::from_parts(date, hour));
        parts.ok_or_else(|| ParseHourError { text: text.to_string() })
    }
}

impl Serialize for Hour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hour, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn has_several_forms() {
        let hour = Hour::of(moment("2026-11-20T13:59:59.999Z"));
        assert_eq!(hour.to_string(), "2026-11-20T13");
        assert_eq!(hour.path(), "2026/11/20/13");
        assert_eq!(hour.partition_values(), ["2026-11-20", "13"]);
        assert_eq!(hour.start(), moment("2026-11-20T13:00:00Z"));
        assert_eq!(hour.end(), moment("2026-11-20T14:00:00Z"));
        assert_eq!(hour.next().back(24).to_string(), "2026-11-19T14");
    }

    #[test]
    fn is_parsed_back() {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        assert_eq!(Hour::from_path("2026/11/20/13"), Some(hour));
        assert_eq!(Hour::from_partition_values(&hour.partition_values()), Some(hour));
        assert_eq!(Hour::of(hour.start()), hour);
    }

    #[test]
    fn refuses_what_is_no_hour() {
        for text in [
            "",
            "2026-11-20",
            "2026-11-20T24",
            "2026-11-20T1",
            "2026-11-20T+1",
            "2026-13-20T01",
            "26-11-20T01",
            "2026- 1-20T13",
            "+026-11-20T13",
        ] {
            assert_eq!(text.parse::<Hour>(), Err(ParseHourError { text: text.to_string() }));
        }
        for path in [
            "2026/11/20",
            "2026/11/20/24",
            "2026/11/20/13/",
            "2026-11-20/13",
            "x/2026/11/20/13",
            "2026/ 1/20/13",
            "+026/11/20/13",
        ] {
            assert_eq!(Hour::from_path(path), None, "{path}");
        }
    }

    #[test]
    fn iterates_over_days_and_years() {
        let from: Hour = "2026-12-31T22".parse().unwrap();
        let hours: Vec<String> = from.until("2027-01-01T01".parse().unwrap()).map(|hour| hour.to_string()).collect();
        assert_eq!(hours, ["2026-12-31T22", "2026-12-31T23", "2027-01-01T00"]);
    }
}
