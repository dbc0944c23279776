//! `--from` and `--to`.

use anyhow::ensure;
use clap::error::ErrorKind;
use clap::{ArgMatches, Command, FromArgMatches, Id};
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

/// The two options as clap reads them, before they are compared.
#[derive(clap::Args)]
struct Bounds {
    /// The first hour of a range
    #[arg(long, value_name = "HOUR", required = false, requires = "to")]
    from: Hour,
    /// The hour after the last of a range
    #[arg(long, value_name = "HOUR", required = false, requires = "from")]
    to: Hour,
}

impl clap::Args for HourRange {
    fn group_id() -> Option<Id> {
        Bounds::group_id()
    }

    fn augment_args(command: Command) -> Command {
        Bounds::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Bounds::augment_args_for_update(command)
    }
}

impl FromArgMatches for HourRange {
    fn from_arg_matches(matches: &ArgMatches) -> Result<HourRange, clap::Error> {
        let Bounds { from, to } = Bounds::from_arg_matches(matches)?;
        HourRange::new(from, to).map_err(|error| clap::Error::raw(ErrorKind::ValueValidation, error))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = HourRange::from_arg_matches(matches)?;
        Ok(())
    }
}
