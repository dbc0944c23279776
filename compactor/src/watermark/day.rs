//! How far the view reads the table of days.
//!
//! The day watermark is the greatest day, wholly up to the watermark, such that every day up to it is live, with the live folders
//! of its hours, and its partition names it. The view's text is its only home: Glue refuses the write of a run that read an older
//! view, so it never goes back. A view that was dropped has none, and then every day is looked at again.

use std::collections::BTreeMap;

use log_format::{Day, Hour};
use projection::manifest::Manifest;

use super::{Mover, WatermarkError};
use crate::day::{inputs_of, plan, published_hours};
use crate::manifest_store::StoreError;

/// Days that one step covers: they and their hours are read in a few seconds.
const STEP_DAYS: usize = 31;
/// Hours with a manifest that one step lists: more than those days have.
const STEP_HOURS: usize = 32 * 24;

/// How far the day watermark could go.
pub(super) struct DayReach {
    /// `None` if no day is read from the table of days.
    pub(super) day: Option<Day>,
    /// True if there may be more days than a step covers.
    pub(super) more: bool,
    /// How many days it is behind what its lag allows, of those that a step covers.
    pub(super) behind: u64,
}

impl Mover<'_> {
    /// The greatest day up to `watermark`, as far as a step goes, such that every day after `shown` up to it can be read from the
    /// table of days.
    pub(super) async fn reachable_day(&self, shown: Option<Day>, watermark: Hour) -> Result<DayReach, WatermarkError> {
        let stays = DayReach { day: shown, more: false, behind: 0 };
        if !self.limits.daily_table {
            return Ok(stays);
        }
        let end = Day::of(watermark.next());
        // What came before the first hour has no rows.
        let from = shown.map_or(Hour::EPOCH, Day::end);
        let hours = self.bucket.first_hours_with_manifest(from, end.first(), STEP_HOURS).await?;
        // The days behind the view's are wanted without hours too.
        let with_hours = hours.iter().map(|hour| Day::of(*hour)).chain(shown).collect();
        let wanted = plan::wanted(&with_hours, end, self.clock.now()).into_iter().filter(|day| shown < Some(*day));
        // The listing may end within a day.
        let listed = hours.get(STEP_HOURS - 1).map_or(end, |last| Day::of(*last));
        let days: Vec<Day> = wanted.filter(|day| *day < listed).take(STEP_DAYS).collect();
        let readable = self.readable_days(&days).await?;
        let due = self.limits.first_unsettled_day(self.clock.now()).min(end);
        let behind = days[readable..].iter().filter(|day| **day < due).count() as u64;
        let last = days[..readable].last().copied().or(shown);
        Ok(DayReach { day: last, more: readable > 0 && readable == days.len() && last < Some(end.back(1)), behind })
    }

    /// How many of these days, from the first on, can be read from the table of days.
    ///
    /// Each day's manifest is read before those of its hours: whoever commits an hour after that finds the day live, and does not
    /// publish the hour before the day holds it.
    async fn readable_days(&self, days: &[Day]) -> Result<usize, WatermarkError> {
        let mut live = Vec::new();
        for stored in self.store.read_many(days, self.clock).await {
            match stored {
                Ok(stored) if stored.manifest.live.is_some() => live.push(stored.manifest),
                // The visit to the day says what is wrong.
                Ok(_) | Err(StoreError::UnreadableManifest { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let (Some(first), Some(last)) = (live.first().map(|it| it.period), live.last().map(|it| it.period)) else {
            return Ok(0);
        };
        // What a partition of an hour names was live in its manifest before.
        let published = published_hours(self.catalog, first, last).await?;
        let hours = self.bucket.hours_with_manifest(first.first(), last.end()).await?;
        let manifests = self.readable_manifests(&hours).await?;
        let pointers = self.catalog.pointers(first..=last).await?;
        let is_readable = |day: &&Manifest<Day>| {
            let known = hours.iter().filter(|hour| Day::of(**hour) == day.period).count();
            let hours = of_day(&manifests, day.period);
            let named = pointers.get(&day.period).map(|pointer| pointer.location.clone());
            let is_live = |hour: &Hour| manifests.get(hour).is_some_and(|manifest| manifest.live.is_some());
            hours.len() == known
                && published.iter().filter(|hour| Day::of(**hour) == day.period).all(is_live)
                && day.live.as_ref().is_some_and(|live| live.inputs == inputs_of(hours.iter().copied()))
                && named == day.live_folder().map(|folder| self.bucket.uri(&folder))
        };
        Ok(live.iter().take_while(is_readable).count())
    }
}

/// The manifests of the hours of a day, in order.
fn of_day(manifests: &BTreeMap<Hour, Manifest>, day: Day) -> Vec<&Manifest> {
    manifests.range(day.first()..day.end()).map(|(_, manifest)| manifest).collect()
}
