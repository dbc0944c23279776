//! What `compact` prints: as text for people, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Display;

use compactor::hour::Outcome;
use compactor::tick::{Tick, Totals};
use compactor::watermark::WatermarkStatus;
use serde_json::json;
use telemetry::{error_chain, plain};

use crate::output::report;

/// The hours and days that were written as tables, what each table had of them in a sentence, and what went wrong.
pub(super) fn to_text(tick: &Tick) -> String {
    let mut table = report::table(&["hour", "lines", "rows", "duplicates", "collisions", "rejected", "Parquet"]);
    for (hour, outcome) in &tick.outcomes {
        if let Outcome::Compacted { counts, bytes, .. } = outcome {
            let counts = [counts.lines, counts.rows, counts.duplicates, counts.collisions, counts.rejected];
            let cells = counts.iter().map(u64::to_string).chain([report::bytes(*bytes)]);
            table.add_row(std::iter::once(hour.to_string()).chain(cells));
        }
    }
    let totals = tick.totals();
    let troubles =
        report::troubles(&[tick.failures(), tick.needs_operator(), tick.replaced(), deferred(tick)].concat());
    let table = if totals.compacted > 0 { format!("{table}\n") } else { String::new() };
    let (day_table, days) = (day_table(tick), days_text(tick));
    let accepted: String =
        tick.accepted.iter().flatten().map(|edit| format!("{}\n", plain::value(&edit.to_string()))).collect();
    format!(
        "{table}{day_table}{accepted}{}{days}{}\n{troubles}",
        counted("hours compacted", &totals),
        report::sentence(&watermark_text(tick)),
    )
}

/// The days that were rolled up. Empty if none was.
fn day_table(tick: &Tick) -> String {
    let mut table = report::table(&["day", "rows", "Parquet"]);
    for (day, outcome) in &tick.days {
        if let Outcome::Compacted { counts, bytes, .. } = outcome {
            table.add_row([day.to_string(), counts.rows.to_string(), report::bytes(*bytes)]);
        }
    }
    if table.is_empty() { String::new() } else { format!("{table}\n") }
}

/// How many days had each outcome. Empty if none was visited.
fn days_text(tick: &Tick) -> String {
    if tick.days.is_empty() {
        return String::new();
    }
    counted("days rolled up", &tick.day_totals())
}

/// How many had each outcome. `done` is what was done of the first.
fn counted(done: &str, totals: &Totals) -> String {
    format!(
        "{} {done}, {} as they should be, {} deferred, {} failed\n",
        totals.compacted,
        totals.nothing + totals.repaired,
        totals.deferred + totals.needs_operator,
        totals.failed,
    )
}

/// Why hours and days are left to a later run: each reason with the number of them and the first.
fn deferred(tick: &Tick) -> Vec<String> {
    [deferred_of("hours", &tick.outcomes), deferred_of("days", &tick.days)].concat()
}

fn deferred_of<K: Copy + Display>(what: &str, outcomes: &BTreeMap<K, Outcome>) -> Vec<String> {
    let mut reasons: BTreeMap<String, Vec<K>> = BTreeMap::new();
    for (key, outcome) in outcomes {
        if let Outcome::Deferred(reason) = outcome
            && !reason.needs_operator()
        {
            reasons.entry(reason.to_string()).or_default().push(*key);
        }
    }
    let line =
        |(reason, keys): (String, Vec<K>)| format!("{} {what} deferred, the first {}: {reason}", keys.len(), keys[0]);
    reasons.into_iter().map(line).collect()
}

fn watermark_text(tick: &Tick) -> String {
    let Some(Ok(status)) = &tick.watermark else { return "the view stays as it was".to_string() };
    let WatermarkStatus { watermark, blocked_by, day, .. } = status;
    let blocked = blocked_by.map(|hour| format!(", because {hour} is not whole there")).unwrap_or_default();
    let days = day.map(|day| format!(", and days up to {day} from {}", catalog::DAILY)).unwrap_or_default();
    format!("the view reads Parquet up to {watermark}{blocked}{days}")
}

/// The hours and days of a run, what became of each, and the watermarks, as JSON.
pub(super) fn to_json(tick: &Tick, of_no_hour: &[String]) -> serde_json::Value {
    let hours: Vec<serde_json::Value> =
        tick.outcomes.iter().map(|(hour, outcome)| of_kind("hour", hour, hour_json(outcome))).collect();
    let days: Vec<serde_json::Value> =
        tick.days.iter().map(|(day, outcome)| of_kind("day", day, day_json(outcome))).collect();
    let (totals, day_totals) = (tick.totals(), tick.day_totals());
    let watermark = tick.watermark.as_ref().map(Result::as_ref);
    let (status, error) = (watermark.and_then(Result::ok), watermark.and_then(Result::err));
    json!({
        "hours": hours,
        "of_no_hour": of_no_hour,
        "compacted": totals.compacted,
        "nothing": totals.nothing,
        "deferred": totals.deferred + totals.needs_operator,
        "failed": totals.failed,
        "counts": totals.counts,
        "replaced": totals.replaced,
        "accepted": tick.accepted.as_ref().ok(),
        "days": days,
        "days_rolled_up": day_totals.compacted,
        "days_deferred": day_totals.deferred + day_totals.needs_operator,
        "days_failed": day_totals.failed,
        "day_watermark": status.and_then(|status| status.day),
        "watermark": status.map(|status| status.watermark),
        "watermark_blocked_by": status.and_then(|status| status.blocked_by),
        "watermark_error": error.map(|error| error_chain(error)),
    })
}

/// Names what an outcome is of.
fn of_kind(kind: &str, key: impl Display, mut outcome: serde_json::Value) -> serde_json::Value {
    outcome[kind] = json!(key.to_string());
    outcome
}

fn hour_json(outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::Compacted { counts, bytes, replaced } => {
            json!({"outcome": "compacted", "counts": counts, "parquet_bytes": bytes, "replaced": replaced})
        }
        other => outcome_json(other),
    }
}

fn day_json(outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::Compacted { counts, bytes, .. } => {
            json!({"outcome": "rolled up", "rows": counts.rows, "parquet_bytes": bytes})
        }
        other => outcome_json(other),
    }
}

fn outcome_json(outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::Compacted { .. } => json!({"outcome": "compacted"}),
        Outcome::Nothing(reason) => json!({"outcome": "nothing", "reason": format!("{reason:?}")}),
        Outcome::Repaired => json!({"outcome": "repaired"}),
        waits if waits.waits_for_day() => json!({"outcome": "behind its day"}),
        Outcome::Waits(..) => json!({"outcome": "not published"}),
        Outcome::Deferred(reason) => json!({"outcome": "deferred", "reason": reason.to_string()}),
        Outcome::Failed(why) => json!({"outcome": "failed", "reason": why}),
    }
}

#[cfg(test)]
mod tests {
    use compactor::hour::Waiting;
    use compactor::hour::plan::{Idle, SkipReason};
    use log_format::{Day, Hour};
    use projection::manifest::Counts;

    use super::*;

    fn written(rows: u64) -> Outcome {
        Outcome::Compacted { counts: Counts { lines: rows, rows, ..Counts::default() }, bytes: 2048, replaced: 0 }
    }

    fn tick(hours: &[(&str, Outcome)], days: &[(&str, Outcome)]) -> Tick {
        let (hour, day) = (|text: &str| text.parse::<Hour>().unwrap(), |text: &str| text.parse::<Day>().unwrap());
        let watermark = WatermarkStatus {
            watermark: hour("2026-11-20T13"),
            blocked_by: None,
            behind: 0,
            day: Some(day("2026-11-18")),
            days_behind: 0,
            repaired_view: false,
        };
        Tick {
            outcomes: hours.iter().map(|(text, outcome)| (hour(text), outcome.clone())).collect(),
            days: days.iter().map(|(text, outcome)| (day(text), outcome.clone())).collect(),
            watermark: Some(Ok(watermark)),
            definitions: Default::default(),
            accepted: Ok(Vec::new()),
        }
    }

    #[test]
    fn days_are_told_like_hours() {
        let none = to_text(&tick(&[], &[]));
        let expected = "0 hours compacted, 0 as they should be, 0 deferred, 0 failed\nthe view reads Parquet up to \
                        2026-11-20T13, and days up to 2026-11-18 from\nauth0_logs_daily\n";
        assert_eq!(none, expected);
        let no_time = SkipReason::NoTime;
        let behind = ("2026-11-18T04", Outcome::Waits(Box::new(written(4)), Waiting { for_day: true, seen: None }));
        let days = [
            ("2026-11-17", written(4)),
            ("2026-11-18", Outcome::Deferred(no_time)),
            ("2026-11-19", Outcome::Nothing(Idle::UpToDate)),
        ];
        let tick = tick(&[behind], &days);
        let text = to_text(&tick);
        for told in [
            " 2026-11-17     4  2.00 KiB ",
            "0 deferred, 1 failed\n1 days rolled up, 1 as they should be, 1 deferred, 0 failed\nthe view reads",
            "! 1 days deferred, the first 2026-11-18: ",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
        let json = to_json(&tick, &[]);
        let rolled_up = json!({"day": "2026-11-17", "outcome": "rolled up", "rows": 4, "parquet_bytes": 2048});
        assert_eq!((&json["days"][0], &json["days"][1]["outcome"]), (&rolled_up, &json!("deferred")));
        assert_eq!((&json["days_rolled_up"], &json["days_deferred"]), (&json!(1), &json!(1)));
        assert_eq!(
            (&json["hours"][0]["hour"], &json["day_watermark"]),
            (&json!("2026-11-18T04"), &json!("2026-11-18"))
        );
    }
}
