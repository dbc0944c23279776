//! What the compactor is told by its environment.

use std::str::FromStr;

use aws_config::timeout::TimeoutConfig;
use chrono::TimeDelta;
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

/// Limits and delays. Each has its unit in its name and its variable's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `SETTLE_MINUTES`: an hour is closed so long after its end.
    pub settle_minutes: u32,
    /// `LOOK_BACK_HOURS`: how many hours back every tick looks.
    pub look_back_hours: u32,
    /// `CUT_LAG_HOURS`: how far the view's cut stays behind the clock.
    pub cut_lag_hours: u32,
    /// How many hours a run is at work on at once, each in memory. One, but for a command on a machine that has it.
    pub hours_at_once: usize,
    /// `MEMORY_BYTES_MAX`: rows, texts and objects held at once, of all hours at work. What does not fit goes into
    /// temporary files.
    pub memory_bytes_max: u64,
    /// How many threads an hour keeps busy.
    pub threads: usize,
    /// How many objects of an hour are read at once, where memory allows.
    pub reads_at_once: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            settle_minutes: 20,
            look_back_hours: 48,
            cut_lag_hours: 3,
            hours_at_once: 1,
            memory_bytes_max: 128 << 20,
            threads: 1,
            reads_at_once: 1,
        }
    }
}

impl Limits {
    /// Reads those that are set through `var`; the others are the defaults.
    ///
    /// # Errors
    ///
    /// Where one is no whole number, or too large.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Limits, ConfigError> {
        let number = |name| set(&var, name).map(|value| bounded(name, value, u64::MAX)).transpose();
        let time = |name, default| set(&var, name).map_or(Ok(default), |value| bounded(name, value, HOURS_MAX));
        let standard = Limits::default();
        let half = number(FUNCTION_MEGABYTES)?.map(|megabytes| megabytes.saturating_mul(1 << 20) / 2);
        Ok(Limits {
            settle_minutes: time("SETTLE_MINUTES", standard.settle_minutes)?,
            look_back_hours: time("LOOK_BACK_HOURS", standard.look_back_hours)?,
            cut_lag_hours: time("CUT_LAG_HOURS", standard.cut_lag_hours)?,
            memory_bytes_max: number("MEMORY_BYTES_MAX")?.or(half).unwrap_or(standard.memory_bytes_max),
            ..standard
        })
    }

    /// The same, for a machine of so many processors.
    pub fn on(self, processors: usize) -> Limits {
        Limits { threads: processors.max(1), reads_at_once: READS_AT_ONCE, ..self }
    }

    /// The same, for as many hours at once as the processors and the memory allow.
    pub fn for_many_hours(self) -> Limits {
        let fitting = usize::try_from(self.memory_bytes_max / HOUR_BYTES_MIN).unwrap_or(usize::MAX);
        Limits { hours_at_once: self.threads.min(fitting).max(1), ..self }
    }

    /// Files are written in parts of so many bytes, and at once where they are no longer: every part is a call.
    pub fn part_bytes(&self) -> usize {
        (self.hour_bytes_max() / 16).clamp(PART_BYTES_MIN, PART_BYTES_MAX) as usize
    }

    /// What one hour of those at work may hold, in bytes.
    pub fn hour_bytes_max(&self) -> u64 {
        self.memory_bytes_max / self.hours_at_once.max(1) as u64
    }

    /// How long after its end an hour is closed.
    pub fn settle(&self) -> TimeDelta {
        TimeDelta::minutes(self.settle_minutes.into())
    }

    /// How far the cut stays behind the clock.
    pub fn cut_lag(&self) -> TimeDelta {
        TimeDelta::hours(self.cut_lag_hours.into())
    }
}

/// What Lambda tells a function of its memory, in MB. Half of it is for rows, the rest for what they become.
const FUNCTION_MEGABYTES: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
/// With less for an hour its rows become many short runs, each of which takes memory when they are merged.
const HOUR_BYTES_MIN: u64 = 64 << 20;
/// S3 takes parts of 5 MB or more.
const PART_BYTES_MIN: u64 = 8 << 20;
const PART_BYTES_MAX: u64 = 64 << 20;
/// Reading an object from S3 is mostly waiting.
const READS_AT_ONCE: usize = 4;

/// How long a call may take, for the clients of S3, Glue and SQS. A write to Glue has to follow its manifest's reading within
/// ten minutes, so no call may hang.
pub fn timeouts() -> TimeoutConfig {
    let (attempt, operation) = (Duration::from_secs(60), Duration::from_secs(150));
    TimeoutConfig::builder().operation_attempt_timeout(attempt).operation_timeout(operation).build()
}

/// A variable that is missing or has a value it cannot have.
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
}

/// A hundred years, beyond which no time of ours is.
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
        let range = "it must be a whole number from 0 to 876600";
        check("CUT_LAG_HOURS", "-1", &format!("environment variable CUT_LAG_HOURS is \"-1\"; {range}"));
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
}
