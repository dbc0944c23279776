//! What the compactor is told by its environment.

use chrono::TimeDelta;

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
    pub settle_minutes: i64,
    /// `LOOK_BACK_HOURS`: how many hours back every tick looks.
    pub look_back_hours: u32,
    /// `CUT_LAG_HOURS`: how far the view's cut stays behind the clock.
    pub cut_lag_hours: i64,
    /// `INPUT_BYTES_MAX`: compressed JSON of one hour; an hour beyond it is left alone and reported.
    pub input_bytes_max: u64,
    /// `DECODED_BYTES_MAX`: JSON of one hour, decompressed; an hour is held in memory twice over.
    pub decoded_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            settle_minutes: 20,
            look_back_hours: 48,
            cut_lag_hours: 3,
            input_bytes_max: 128 << 20,
            decoded_bytes_max: 1 << 30,
        }
    }
}

impl Limits {
    /// How long after its end an hour is closed.
    pub fn settle(&self) -> TimeDelta {
        TimeDelta::minutes(self.settle_minutes)
    }

    /// How far the cut stays behind the clock.
    pub fn cut_lag(&self) -> TimeDelta {
        TimeDelta::hours(self.cut_lag_hours)
    }
}

/// A variable that is missing or has a value it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Missing or empty.
    #[error("environment variable {0} is not set; the template sets it")]
    Missing(&'static str),
    /// Not a whole number.
    #[error("environment variable {name} is {value:?}; it must be a whole number")]
    NotANumber {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

impl Config {
    /// Reads the configuration through `var`, so that tests need no environment.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let set = |name: &'static str| var(name).filter(|value| !value.is_empty());
        let required = |name| set(name).ok_or(ConfigError::Missing(name));
        let number = |name, default: u64| match set(name) {
            Some(value) => value
                .parse::<u32>()
                .map(u64::from)
                .or_else(|_| value.parse())
                .map_err(|_| ConfigError::NotANumber { name, value }),
            None => Ok(default),
        };
        let hours = |name, default: u64| number(name, default).map(|hours| u32::try_from(hours).unwrap_or(u32::MAX));
        let standard = Limits::default();
        Ok(Config {
            database: required("GLUE_DATABASE")?,
            bucket: required("LOG_BUCKET")?,
            limits: Limits {
                settle_minutes: i64::from(hours("SETTLE_MINUTES", standard.settle_minutes.unsigned_abs())?),
                look_back_hours: hours("LOOK_BACK_HOURS", u64::from(standard.look_back_hours))?,
                cut_lag_hours: i64::from(hours("CUT_LAG_HOURS", standard.cut_lag_hours.unsigned_abs())?),
                input_bytes_max: number("INPUT_BYTES_MAX", standard.input_bytes_max)?,
                decoded_bytes_max: number("DECODED_BYTES_MAX", standard.decoded_bytes_max)?,
            },
        })
    }
}
