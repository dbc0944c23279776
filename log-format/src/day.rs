//! The day: twenty-four hours that are rolled up together.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hour::Hour;

/// One day of logs, in UTC.
// Invariant: the hour is its first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Hour);

/// The error of a text that is not a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a day; write it like 2026-11-20")]
pub struct ParseDayError {
    text: String,
}

impl Day {
    /// The day that contains `hour`.
    pub fn of(hour: Hour) -> Day {
        Day(Hour::from_parts(&hour.date(), "00").unwrap_or(hour))
    }

    /// The first hour of the day.
    pub fn first(self) -> Hour {
        self.0
    }

    /// The last hour of the day.
    pub fn last(self) -> Hour {
        self.end().back(1)
    }

    /// The first hour of the next day.
    pub fn end(self) -> Hour {
        self.0.after(24)
    }

    /// The day after this one.
    #[must_use]
    pub fn next(self) -> Day {
        Day(self.end())
    }

    /// The day that is `days` days before this one.
    #[must_use]
    pub fn back(self, days: u32) -> Day {
        Day(self.0.back(24 * days))
    }

    /// The day that is `days` days after this one.
    #[must_use]
    pub fn after(self, days: u32) -> Day {
        Day(self.0.after(24 * days))
    }

    /// The days from this one to `end`, which is not included.
    pub fn until(self, end: Day) -> impl Iterator<Item = Day> {
        std::iter::successors(Some(self), |day| Some(day.next())).take_while(move |day| *day < end)
    }

    /// The date, the partition value: `2026-11-20`.
    pub fn date(self) -> String {
        self.0.date()
    }

    /// The values of the partition key `date`.
    pub fn partition_values(self) -> [String; 1] {
        [self.date()]
    }

    /// The day of partition values as [`Day::partition_values`] gives them. `None` if they are no day.
    pub fn from_partition_values(values: &[String]) -> Option<Day> {
        let [date] = values else { return None };
        date.parse().ok()
    }

    /// The day as a part of a key: `2026/11/20`.
    pub fn path(self) -> String {
        self.date().replace('-', "/")
    }

    /// The day of a part of a key as [`Day::path`] writes it. `None` if `path` has any other form.
    pub fn from_path(path: &str) -> Option<Day> {
        Hour::from_path(&format!("{path}/00")).map(Day)
    }
}

/// Writes `2026-11-20`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.date())
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Day {
    type Err = ParseDayError;

    fn from_str(text: &str) -> Result<Day, ParseDayError> {
        Hour::from_parts(text, "00").map(Day).ok_or_else(|| ParseDayError { text: text.to_string() })
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Day, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_its_hours() {
        let day = Day::of("2028-02-29T13".parse().unwrap());
        assert_eq!(day.to_string(), "2028-02-29");
        assert_eq!(
            [day.first(), day.last(), day.end()].map(|it| it.to_string()),
            ["2028-02-29T00", "2028-02-29T23", "2028-03-01T00"]
        );
        assert_eq!((day.next().back(1), Day::of(day.last())), (day, day));
        let days: Vec<String> = day.until("2028-03-02".parse().unwrap()).map(|day| day.to_string()).collect();
        assert_eq!(days, ["2028-02-29", "2028-03-01"]);
    }

    #[test]
    fn is_parsed_back() {
        let day: Day = "2026-11-20".parse().unwrap();
        assert_eq!(Day::from_path(&day.path()), Some(day));
        assert_eq!(Day::from_partition_values(&day.partition_values()), Some(day));
        for text in ["", "2026-11-20T13", "2026-11-31", "26-11-20", "2026/11/20", "+026-11-20"] {
            assert_eq!(text.parse::<Day>(), Err(ParseDayError { text: text.to_string() }));
        }
        for path in ["2026-11-20", "2026/11", "2026/11/20/", "2026/11/20/13"] {
            assert_eq!(Day::from_path(path), None, "{path}");
        }
    }
}
