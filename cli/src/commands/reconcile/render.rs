//! What a reconciliation found, as text for people.

use std::fmt::Write;

use telemetry::plain;

use super::cause::Cause;
use super::open::TypeCounts;
use super::reconciled::{Reconciled, late, shown};
use crate::output::report;
use crate::output::verdict::Verdict;

/// So many missing events are named. `--json` names more.
const NAMED_MAX: usize = 10;
/// The text is wrapped at this column.
const WIDTH: usize = 80;
/// The longest type in a table of all columns. Longer ones are cut.
const TYPE_CHARACTERS_MAX: usize = 22;
/// The characters that a column takes which is not there.
const COLUMN_CHARACTERS: usize = 9;
/// So many causes have a column of their own. The others share one.
const CAUSES_SHOWN_MAX: usize = 3;

/// The columns of the table that appear only if they hold a number, the first first.
const CAUSES: [(Cause, &str); 5] = [
    (Cause::Missing, "missing"),
    (Cause::Late, "late"),
    (Cause::LeftOut, "left out"),
    (Cause::AwaitsReplay, "replay"),
    (Cause::WaitsAtAuth0, "waiting"),
];

impl Reconciled {
    /// As text for people: the stream, a table by type, what is missing, what is odd, and a sentence.
    pub(super) fn to_text(&self) -> String {
        let mut text = self.head();
        if self.total.at_auth0 > 0 {
            let _ = writeln!(text, "\n{}\n", self.table());
        }
        for event in self.missing.iter().take(NAMED_MAX) {
            let _ = writeln!(text, "  {} {}", plain::value(&event.log_id), plain::value(&event.kind));
        }
        if self.missing.len() > NAMED_MAX {
            let more = self.total.of(Cause::Missing) - NAMED_MAX as u64;
            let _ = writeln!(text, "  and {more} more missing; --json names up to ten thousand");
        }
        for what in self.warnings.iter().chain(&self.inconclusive) {
            let _ = writeln!(text, "! {}", report::wrapped(&plain::value(what), "  ", WIDTH).trim());
        }
        text + &report::wrapped(&self.sentence(), "", WIDTH) + "\n"
    }

    fn head(&self) -> String {
        let mut text = format!("tenant   {}, {} calls\n", self.tenant, self.calls);
        let stream = &self.stream;
        if !stream.id.is_empty() || !stream.event_source.is_empty() {
            let filters = match (stream.is_priority, stream.filters.as_slice()) {
                (true, _) => "prioritised events alone".to_owned(),
                (false, []) => "all categories".to_owned(),
                (false, filters) => format!("{} categories", filters.len()),
            };
            let masked = if stream.masked.is_empty() { "nothing masked" } else { "personal fields masked" };
            let name = if stream.name.is_empty() { &stream.id } else { &stream.name };
            let [name, status, region] = [name, &stream.status, &stream.region].map(|it| plain::value(it));
            let _ = writeln!(text, "stream   {name}: {status}, {filters},\n         {masked}, to {region}");
        }
        if let (Some(from), Some(to)) = (self.from, self.to) {
            let _ = writeln!(text, "events   logged from {} to {}", shown(from), shown(to));
        }
        text
    }

    fn table(&self) -> String {
        let occurring = CAUSES.into_iter().filter(|(cause, _)| self.total.of(*cause) > 0);
        let shown: Vec<_> = occurring.take(CAUSES_SHOWN_MAX).collect();
        let longest = TYPE_CHARACTERS_MAX + COLUMN_CHARACTERS * (CAUSES_SHOWN_MAX - shown.len());
        let told: Vec<Cause> = shown.iter().map(|(cause, _)| *cause).collect();
        let others = |counts: &TypeCounts| {
            counts.not_in_bucket.iter().filter(|(cause, _)| !told.contains(cause)).map(|(_, count)| count).sum::<u64>()
        };
        let mut heading = vec!["type", "at Auth0", "in bucket"];
        heading.extend(shown.iter().map(|(_, name)| *name));
        if others(&self.total) > 0 {
            heading.push("other");
        }
        let mut table = report::table(&heading);
        let mut add = |name: &str, counts: &TypeCounts| {
            let mut row = vec![name.to_owned(), counts.at_auth0.to_string(), counts.in_bucket.to_string()];
            row.extend(shown.iter().map(|(cause, _)| counts.of(*cause).to_string()));
            if others(&self.total) > 0 {
                row.push(others(counts).to_string());
            }
            table.add_row(row);
        };
        for (kind, counts) in &self.types {
            let kind: String = plain::value(kind).chars().take(longest).collect();
            add(if kind.is_empty() { "(none)" } else { &kind }, counts);
        }
        add("all", &self.total);
        table.to_string()
    }

    fn sentence(&self) -> String {
        let (all, missing) = (self.total.at_auth0, self.total.of(Cause::Missing));
        let repaired = match &self.repaired {
            Some(repaired) => format!("{} missing events were fetched and stored. ", repaired.events),
            None => String::new(),
        };
        match self.verdict() {
            Verdict::Trouble => format!(
                "{repaired}MISSING: {missing} of {all} events are not in the bucket, {} after they happened. \
                 `reconcile --repair` fetches them.",
                late()
            ),
            Verdict::Unknown | Verdict::Nothing => format!("{repaired}COULD NOT TELL: see above."),
            Verdict::Well => repaired + &self.proven_sentence(),
        }
    }

    fn proven_sentence(&self) -> String {
        match (self.from, self.proven_to) {
            (Some(from), Some(to)) if from < to => {
                let late = match self.total.of(Cause::Late) {
                    0 => String::new(),
                    late => format!(" Of those after that, {late} have not come yet."),
                };
                format!(
                    "Proven: every event that Auth0 logged from {} to {} is in the bucket, awaits replay there, or was left \
                     out on purpose.{late}",
                    shown(from),
                    shown(to)
                )
            }
            (Some(_), _) => {
                "Nothing is missing so far. The last hour is never proven: Auth0 may still add to it.".to_owned()
            }
            (None, _) => {
                "Nothing is left to compare: all of it was proven before. --again compares it anew.".to_owned()
            }
        }
    }
}
