//! From records to lines in the spool, and to those that are refused.

use std::io::BufRead;

use anyhow::{Result, anyhow};
use chrono::{DateTime, Utc};
use indicatif::ProgressBar;
use log_format::Hour;
use transform::batch;

use super::spool::{Spool, Spooled};
use super::summary::{Imported, Refusal};
use crate::input;
use crate::input::read::{Place, each_record};

/// Reads the records of files into the spool.
pub(super) struct Reading<'a> {
    spool: Spool,
    found: &'a mut Imported,
    /// The moment at which the command started.
    now: DateTime<Utc>,
    /// Counts records.
    bar: &'a ProgressBar,
}

impl<'a> Reading<'a> {
    /// Reads into an empty spool, and counts what is read in `found`. Nothing happens after `now`.
    ///
    /// # Errors
    ///
    /// If no temporary file can be made.
    pub(super) fn new(found: &'a mut Imported, now: DateTime<Utc>, bar: &'a ProgressBar) -> Result<Reading<'a>> {
        Ok(Reading { spool: Spool::new()?, found, now, bar })
    }

    /// Reads the file of this number, from 0. That it cannot be read to its end is noted as a trouble: the records
    /// before that are read, and so are the other files.
    ///
    /// # Errors
    ///
    /// If the spool cannot be written.
    pub(super) fn read(&mut self, file: u32, name: &str, text: impl BufRead) -> Result<()> {
        self.found.files += 1;
        let mut failed = None;
        let read = each_record(text, |place, record| {
            self.add(file, name, place, record).map_err(|error| {
                failed = Some(error);
                anyhow!("the spool failed")
            })
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if let Err(error) = read {
            self.found.files_broken += 1;
            self.found.troubles.push(format!("{name} was not read to its end: {error:#}"));
        }
        Ok(())
    }

    /// The spool, once all files are read.
    ///
    /// # Errors
    ///
    /// If the spool cannot be written.
    pub(super) fn finish(self) -> Result<Spooled> {
        self.found.name_other_refused();
        self.spool.finish()
    }

    fn add(&mut self, file: u32, name: &str, place: Place, record: &[u8]) -> Result<()> {
        self.found.records += 1;
        self.bar.inc_length(1);
        self.bar.inc(1);
        match self.line_of(record) {
            Ok((hour, line)) => {
                self.found.lines += 1;
                self.spool.add(file, hour, &line)
            }
            Err(refusal) => {
                self.found.refuse(name, place, refusal);
                Ok(())
            }
        }
    }

    /// The line of a record, with its line feed, and the hour in which its event happened. What is a line of the log format
    /// already, of another bucket, stays as it is.
    fn line_of(&self, record: &[u8]) -> Result<(Hour, Vec<u8>), Refusal> {
        if let Some(moment) = input::moment_of_line(record) {
            return self.hour_of(Some(moment)).map(|hour| (hour, [record.trim_ascii(), b"\n"].concat()));
        }
        let moment = input::moment(record);
        let envelope = input::record(record, moment.unwrap_or(self.now));
        let line = batch::line(&envelope).map_err(Refusal::Record)?;
        Ok((self.hour_of(moment)?, line))
    }

    /// The hour of a moment, if the event has one and it is not to come.
    fn hour_of(&self, moment: Option<DateTime<Utc>>) -> Result<Hour, Refusal> {
        match moment.map(Hour::of) {
            None => Err(Refusal::NoMoment),
            Some(hour) if hour > Hour::of(self.now) => Err(Refusal::NotBegun),
            Some(hour) => Ok(hour),
        }
    }
}
