//! The configuration of the compactor, read from environment variables.

use std::str::FromStr;

use aws_config::timeout::TimeoutConfig;
use chrono::{DateTime, TimeDelta, Utc};
use log_format::{Day, Hour};
use tokio::time::Duration;

/// The compactor's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `GLUE_DATABASE`: the database that holds the tables and the view.
    pub database: String,
    /// `LOG_BUCKET`: the bucket that holds everything.
    pub bucket: String,
    /// Limits and delays.
    pub limits: Limits,
}

/// Limits and delays. Their names end in their units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `SETTLE_MINUTES`: an hour closes this long after its end.
    pub settle_minutes: u32,
    /// `LOOK_BACK_HOURS`: how many hours back every tick looks.
    pub look_back_hours: u32,
    /// `WATERMARK_LAG_HOURS`: how far the watermark stays behind the clock.
    pub watermark_lag_hours: u32,
    /// `DAILY_TABLE`: whether days are rolled up. If not, no day is begun, and the live ones are kept up.
    pub daily_table: bool,
    /// How long after its end a day is rolled up, in hours. Sooner would roll it up again for late objects.
    pub day_lag_hours: u32,
    /// `PUBLISH_WAIT_SECONDS`: how long a folder is live before it takes the place of another in a partition. A write to Glue ends a
    /// minute after the read of its manifest; so with less, one of another run may come later.
    pub publish_wait_seconds: u32,
    /// Hours that a run works on at once, each in memory. More than one only for a command on a larger machine.
    pub hours_at_once: usize,
    /// `MEMORY_BYTES_MAX`: bytes of rows, texts and objects in memory, of all hours that are worked on. The rest goes to
    /// temporary files.
    pub memory_bytes_max: u64,
    /// Threads that an hour keeps busy.
    pub threads: usize,
    /// Objects of an hour that are read at once, if memory allows.
    pub reads_at_once: usize,
    /// True if no other run can be at work on the bucket, because it is a folder that this process has locked. Then a young
    /// claim is one of a run that ended.
    pub alone: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            settle_minutes: 20,
            look_back_hours: 48,
            watermark_lag_hours: 3,
            daily_table: true,
            day_lag_hours: 26,
            publish_wait_seconds: 75,
            hours_at_once: 1,
            memory_bytes_max: 128 << 20,
            threads: 1,
            reads_at_once: 1,
            alone: false,
        }
    }
}

impl Limits {
    /// Reads the variables through `var`. Those that are not set have their defaults.
    ///
    /// # Errors
    ///
    /// A variable is no whole number, or too large.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Limits, ConfigError> {
        let number = |name| set(&var, name).map(|value| bounded(name, value, u64::MAX)).transpose();
        let time = |name, default| set(&var, name).map_or(Ok(default), |value| bounded(name, value, HOURS_MAX));
        let standard = Limits::default();
        let half = number(FUNCTION_MEGABYTES)?.map(|megabytes| megabytes.saturating_mul(1 << 20) / 2);
        Ok(Limits {
            settle_minutes: time("SETTLE_MINUTES", standard.settle_minutes)?,
            look_back_hours: time("LOOK_BACK_HOURS", standard.look_back_hours)?,
            watermark_lag_hours: time("WATERMARK_LAG_HOURS", standard.watermark_lag_hours)?,
            publish_wait_seconds: time("PUBLISH_WAIT_SECONDS", standard.publish_wait_seconds)?,
            daily_table: set(&var, DAILY_TABLE).map_or(Ok(standard.daily_table), truth)?,
            memory_bytes_max: number("MEMORY_BYTES_MAX")?.or(half).unwrap_or(standard.memory_bytes_max),
            ..standard
        })
    }

    /// Adjusts threads and reads to a machine with that many processors.
    pub fn on(self, processors: usize) -> Limits {
        Limits { threads: processors.max(1), reads_at_once: READS_AT_ONCE, ..self }
    }

    /// Allows as many hours at once as processors and memory permit.
    pub fn for_many_hours(self) -> Limits {
        let fitting = usize::try_from(self.memory_bytes_max / HOUR_BYTES_MIN).unwrap_or(usize::MAX);
        Limits { hours_at_once: self.threads.min(fitting).max(1), ..self }
    }

    /// The part size of uploads in bytes. A file up to this size is written by one call.
    pub fn part_bytes(&self) -> usize {
        (self.hour_bytes_max() / 16).clamp(PART_BYTES_MIN, PART_BYTES_MAX) as usize
    }

    /// The memory of one hour in bytes, if as many hours as allowed are worked on.
    pub fn hour_bytes_max(&self) -> u64 {
        self.memory_bytes_max / self.hours_at_once.max(1) as u64
    }

    /// True once `hour` has ended and the objects of its last minutes had time to arrive (C3).
    pub fn is_closed(&self, hour: Hour, now: DateTime<Utc>) -> bool {
        now >= hour.end() + self.settle()
    }

    /// The hour after the last closed one.
    pub fn first_open(&self, now: DateTime<Utc>) -> Hour {
        Hour::of(now - self.settle())
    }

    /// The first day that is not to be rolled up yet.
    pub fn first_unsettled_day(&self, now: DateTime<Utc>) -> Day {
        Day::of(Hour::of(now - TimeDelta::hours(self.day_lag_hours.into())))
    }

    /// How long after its end an hour is closed.
    pub fn settle(&self) -> TimeDelta {
        TimeDelta::minutes(self.settle_minutes.into())
    }

    /// How long a folder is live before it takes the place of another. Where no other run is at work, none waits.
    pub fn publish_wait(&self) -> TimeDelta {
        TimeDelta::seconds(if self.alone { 0 } else { self.publish_wait_seconds.into() })
    }

    /// How far the watermark stays behind the clock.
    pub fn watermark_lag(&self) -> TimeDelta {
        TimeDelta::hours(self.watermark_lag_hours.into())
    }
}

/// The variable that says whether days are rolled up.
const DAILY_TABLE: &str = "DAILY_TABLE";
/// Lambda's variable for the function's memory in MB. Half of it is for rows, the rest for what they become.
const FUNCTION_MEGABYTES: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
/// An hour's memory at least. With less, rows become many short runs, and each takes memory when they are merged.
const HOUR_BYTES_MIN: u64 = 64 << 20;
/// S3 takes parts of 5 MB or more.
const PART_BYTES_MIN: u64 = 8 << 20;
const PART_BYTES_MAX: u64 = 64 << 20;
/// More than one, because reading an object from S3 is mostly waiting.
const READS_AT_ONCE: usize = 4;

/// Timeouts for the clients of S3, Glue and SQS: no call may hang.
pub fn timeouts() -> TimeoutConfig {
    let (attempt, operation) = (Duration::from_secs(60), Duration::from_secs(150));
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation).build()
}

/// A variable is missing or has a value that it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Missing or empty.
    #[error("environment variable {0} is not set")]
    Missing(&'static str),
    /// Not a whole number, or too large.
    #[error("environment variable {name} is {value:?}; it must be a whole number from 0 to {most}")]
    NotInRange {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// The greatest value it can have.
        most: u64,
    },
    /// Neither yes nor no.
    #[error("environment variable {name} is {value:?}; it must be true or false")]
    NotATruth {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

/// A hundred years: more than any delay needs, and no overflow.
const HOURS_MAX: u32 = 876_600;

impl Config {
    /// Reads the configuration through `var`, so that tests need no environment.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let required = |name| set(&var, name).ok_or(ConfigError::Missing(name));
        Ok(Config {
            database: required("GLUE_DATABASE")?,
            bucket: required("LOG_BUCKET")?,
            limits: Limits::from_vars(&var)?,
        })
    }
}

fn set(var: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    var(name).filter(|value| !value.is_empty())
}

fn truth(value: String) -> Result<bool, ConfigError> {
    match value.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(ConfigError::NotATruth { name: DAILY_TABLE, value }),
    }
}

fn bounded<N: FromStr + PartialOrd + Copy + Into<u64>>(
    name: &'static str,
    value: String,
    most: N,
) -> Result<N, ConfigError> {
    let number = value.parse().ok().filter(|number| *number <= most);
    number.ok_or_else(|| ConfigError::NotInRange { name, value, most: most.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: &str, expected: &str) {
        let var = |asked: &str| match asked {
            asked if asked == name => Some(value.to_string()),
            "GLUE_DATABASE" => Some("logs".to_string()),
            "LOG_BUCKET" => Some("acme-logs".to_string()),
            _ => None,
        };
        let found = match Config::from_vars(var) {
            Ok(config) => format!("{} {:?}", config.bucket, config.limits.settle()),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn reads_its_variables_and_names_what_is_wrong() {
        check("SETTLE_MINUTES", "30", "acme-logs TimeDelta { secs: 1800, nanos: 0 }");
        check("SETTLE_MINUTES", "", "acme-logs TimeDelta { secs: 1200, nanos: 0 }");
        check("LOG_BUCKET", "", "environment variable LOG_BUCKET is not set");
        check("DAILY_TABLE", "no", "environment variable DAILY_TABLE is \"no\"; it must be true or false");
        let range = "it must be a whole number from 0 to 876600";
        check("WATERMARK_LAG_HOURS", "-1", &format!("environment variable WATERMARK_LAG_HOURS is \"-1\"; {range}"));
        check(
            "LOOK_BACK_HOURS",
            "4000000000",
            &format!("environment variable LOOK_BACK_HOURS is \"4000000000\"; {range}"),
        );
        let range = "it must be a whole number from 0 to 18446744073709551615";
        check("MEMORY_BYTES_MAX", "1e9", &format!("environment variable MEMORY_BYTES_MAX is \"1e9\"; {range}"));
    }

    #[test]
    fn takes_half_of_a_function_s_memory() {
        let limits = |set: &[(&str, &str)]| {
            let var = |asked: &str| Some(set.iter().find(|(name, _)| *name == asked)?.1.to_string());
            Limits::from_vars(var).unwrap()
        };
        assert_eq!(limits(&[]).memory_bytes_max, 128 << 20);
        assert_eq!(limits(&[(FUNCTION_MEGABYTES, "3008")]).memory_bytes_max, 1504 << 20);
        let both = [(FUNCTION_MEGABYTES, "3008"), ("MEMORY_BYTES_MAX", "1000")];
        assert_eq!(limits(&both).memory_bytes_max, 1000);
        assert_eq!(Limits { hours_at_once: 4, ..limits(&both) }.hour_bytes_max(), 250);
    }

    #[test]
    fn as_many_hours_at_once_as_there_is_memory_for() {
        let check = |processors, megabytes: u64, expected| {
            let limits = Limits { memory_bytes_max: megabytes << 20, ..Limits::default() };
            assert_eq!(limits.on(processors).for_many_hours().hours_at_once, expected, "{processors}, {megabytes} MB");
        };
        check(1, 128, 1);
        check(2, 128, 2);
        check(64, 128, 2);
        check(64, 0, 1);
        check(16, 4096, 16);
    }

    #[test]
    fn an_hour_closes_twenty_minutes_after_its_end() {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        let limits = Limits::default();
        for (now, expected) in [("2026-11-20T14:19:59.999Z", false), ("2026-11-20T14:20:00Z", true)] {
            let now = now.parse().unwrap();
            assert_eq!(limits.is_closed(hour, now), expected, "{now}");
            assert_eq!(limits.first_open(now) > hour, expected, "{now}");
        }
    }
}
