//! Stretches of time as people write them: `--last`, `--day`, `--from` and `--to`.

use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use log_format::{Day, Hour};

/// Hours from `from` up to, not including, `to`. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourRange {
    from: Hour,
    to: Hour,
}

impl HourRange {
    /// The hours from `from` up to, not including, `to`.
    ///
    /// # Errors
    ///
    /// If there is no hour between them.
    pub fn new(from: Hour, to: Hour) -> anyhow::Result<HourRange> {
        ensure!(from < to, "--from {from} is not before --to {to}; the latter is the hour after the last");
        Ok(HourRange { from, to })
    }

    /// One hour.
    pub fn of(hour: Hour) -> HourRange {
        HourRange { from: hour, to: hour.next() }
    }

    /// The first hour.
    pub fn from(&self) -> Hour {
        self.from
    }

    /// The hour after the last.
    pub fn to(&self) -> Hour {
        self.to
    }

    /// True if all hours of `day` are among them.
    pub fn contains_day(&self, day: Day) -> bool {
        self.contains(day.first()) && self.contains(day.last())
    }

    /// True if `hour` is one of them.
    pub fn contains(&self, hour: Hour) -> bool {
        (self.from..self.to).contains(&hour)
    }
}

/// The hours as a condition on the partitions.
pub(crate) fn condition(hours: HourRange) -> String {
    let (first, last) = (hours.from, hours.to.back(1));
    let (from, to) = ((first.date(), first.hour()), (last.date(), last.hour()));
    format!(
        "(\"date\" BETWEEN DATE '{}' AND DATE '{}' AND (\"date\" > DATE '{}' OR \"hour\" >= '{}') \
         AND (\"date\" < DATE '{}' OR \"hour\" <= '{}'))",
        from.0, to.0, from.0, from.1, to.0, to.1
    )
}

/// The hours up to now that a text such as `6h` says.
///
/// # Errors
///
/// If it says nothing of the kind.
pub(crate) fn span_of_last(text: &str, now: DateTime<Utc>) -> anyhow::Result<HourRange> {
    text.parse::<Last>()?.hours(now)
}

/// A stretch of time by its ends, or by how long it is until now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub struct Bounds {
    /// The first hour, like 2026-11-20T13, or day
    #[arg(long, value_name = "HOUR")]
    from: Option<Edge>,
    /// The hour or day after the last [default: now]
    #[arg(long, value_name = "HOUR", requires = "from")]
    to: Option<Edge>,
    /// The last 90m, 6h, 2d or 1w
    ///
    /// Whole hours, and the current one.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to"])]
    last: Option<Last>,
}

/// A stretch of time, which may be a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub struct Span {
    /// The ends of the stretch.
    #[command(flatten)]
    bounds: Bounds,
    /// One day, like 2026-11-20
    #[arg(long, value_name = "DAY", conflicts_with_all = ["from", "to", "last"])]
    day: Option<Day>,
}

impl Bounds {
    /// The hours. `None` if no bound was given.
    ///
    /// # Errors
    ///
    /// If they hold no hour.
    pub fn hours(&self, now: DateTime<Utc>) -> anyhow::Result<Option<HourRange>> {
        let end = Hour::of(now).next();
        match (self.from, self.last) {
            (Some(from), _) => HourRange::new(from.0, self.to.map_or(end, |to| to.0)).map(Some),
            (None, Some(last)) => last.hours(now).map(Some),
            (None, None) => Ok(None),
        }
    }
}

impl Span {
    /// The hours. `None` if no stretch was given.
    ///
    /// # Errors
    ///
    /// If it holds no hour.
    pub fn hours(&self, now: DateTime<Utc>) -> anyhow::Result<Option<HourRange>> {
        match self.day {
            Some(day) => HourRange::new(day.first(), day.end()).map(Some),
            None => self.bounds.hours(now),
        }
    }
}

impl From<HourRange> for Span {
    fn from(hours: HourRange) -> Span {
        let (from, to) = (Some(Edge(hours.from)), Some(Edge(hours.to)));
        Span { bounds: Bounds { from, to, last: None }, day: None }
    }
}

/// An hour, or the first hour of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge(Hour);

impl FromStr for Edge {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Edge> {
        let hour = text.parse::<Hour>().ok().or_else(|| text.parse::<Day>().ok().map(Day::first));
        hour.map(Edge).with_context(|| {
            format!("{text:?} is neither an hour nor a day; write it like 2026-11-20T13 or 2026-11-20")
        })
    }
}

/// How long ago it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last(TimeDelta);

impl Last {
    fn hours(self, now: DateTime<Utc>) -> anyhow::Result<HourRange> {
        HourRange::new(Hour::of(now - self.0), Hour::of(now).next())
    }
}

impl FromStr for Last {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Last> {
        let read = || {
            let unit = text.chars().next_back()?;
            let number: u32 = text.strip_suffix(unit)?.parse().ok().filter(|number| *number > 0)?;
            let minutes = match unit {
                'm' => 1,
                'h' => 60,
                'd' => 24 * 60,
                'w' => 7 * 24 * 60,
                _ => return None,
            };
            TimeDelta::try_minutes(i64::from(number) * minutes)
        };
        // A hundred years keep every date in range.
        match read().filter(|last| last.num_days() <= 36_500) {
            Some(last) => Ok(Last(last)),
            None => bail!("{text:?} is no stretch of time; write it like 90m, 6h, 2d or 1w"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        span: Span,
    }

    fn hours(arguments: &str) -> Result<Option<String>, String> {
        let line = Line::try_parse_from(["x"].into_iter().chain(arguments.split_whitespace()));
        let line = line.map_err(|error| error.to_string())?;
        let now = "2026-11-20T13:20:00Z".parse().unwrap();
        let hours = line.span.hours(now).map_err(|error| error.to_string())?;
        Ok(hours.map(|hours| format!("{} {}", hours.from(), hours.to())))
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let check = |arguments: &str, expected: &str| {
            assert_eq!(hours(arguments).unwrap().as_deref().unwrap_or("all"), expected, "{arguments}");
        };
        check("", "all");
        check("--last 6h", "2026-11-20T07 2026-11-20T14");
        check("--last 90m", "2026-11-20T11 2026-11-20T14");
        check("--last 2d", "2026-11-18T13 2026-11-20T14");
        check("--last 1w", "2026-11-13T13 2026-11-20T14");
        check("--day 2026-11-19", "2026-11-19T00 2026-11-20T00");
        check("--from 2026-11-19", "2026-11-19T00 2026-11-20T14");
        check("--from 2026-11-19 --to 2026-11-20", "2026-11-19T00 2026-11-20T00");
        check("--from 2026-11-19T05 --to 2026-11-19T07", "2026-11-19T05 2026-11-19T07");
    }

    #[test]
    fn others_are_refused_by_name() {
        let check = |arguments: &str, expected: &str| {
            let error = hours(arguments).unwrap_err();
            assert!(error.contains(expected), "{arguments}: {error}");
        };
        check("--last 6", "\"6\" is no stretch of time; write it like 90m, 6h, 2d or 1w");
        check("--last 0h", "\"0h\" is no stretch of time");
        check("--last 4000000000d", "is no stretch of time");
        check("--last 6é", "\"6é\" is no stretch of time");
        check("--from 13", "\"13\" is neither an hour nor a day; write it like 2026-11-20T13 or 2026-11-20");
        check("--from 2026-11-20 --to 2026-11-20", "--from 2026-11-20T00 is not before --to 2026-11-20T00");
        check("--from 2027-01-01", "is not before --to 2026-11-20T14");
        check("--to 2026-11-20", "--from");
        check("--last 6h --day 2026-11-20", "cannot be used with");
    }
}
