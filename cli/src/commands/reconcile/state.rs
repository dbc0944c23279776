//! `reconciled/<tenant>.json`: the spans of time in which everything at Auth0 is in the bucket.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use compactor::bucket::{Bucket, BucketError, Condition, Put};
use log_format::layout;
use projection::sealed;
use serde::{Deserialize, Serialize};

/// A conditional write that lost is tried so often.
const TRIES: usize = 5;

/// A span of time, by the moments in the log_ids, from its beginning up to, not including, its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Proven {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end.
    pub to: DateTime<Utc>,
    /// When a run last read a part of it.
    pub proven_at: DateTime<Utc>,
}

/// What is known of a tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reconciliation {
    /// The tenant's domain, as in the key.
    pub tenant: String,
    /// The spans, in order. No two touch.
    pub proven: Vec<Proven>,
    /// What the stream was when a run last saw it. `None` if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamSeen>,
}

/// A stream as a run saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamSeen {
    /// The categories that it let through. Empty if it let all through.
    pub filters: Vec<String>,
    /// True if it carried the types of a prioritised stream alone.
    pub is_priority: bool,
    /// When a run last saw that it was not active. `None` if no run did.
    pub inactive_at: Option<DateTime<Utc>>,
}

impl Reconciliation {
    /// Reads what is known of `tenant`, and the object's ETag. `None` if there is nothing that can be read.
    ///
    /// # Errors
    ///
    /// S3 failed.
    pub(crate) async fn read(bucket: &Bucket, tenant: &str) -> Result<Option<(Reconciliation, String)>, BucketError> {
        let Some((bytes, etag)) = bucket.read_as_is(&layout::reconciliation_key(tenant)).await? else {
            return Ok(None);
        };
        let found = sealed::from_json::<Reconciliation>(&bytes).ok();
        Ok(found.filter(|found| found.tenant == tenant && found.is_in_order()).map(|found| (found, etag)))
    }

    fn is_in_order(&self) -> bool {
        self.proven.iter().all(|span| span.from < span.to && span.to <= span.proven_at)
            && self.proven.windows(2).all(|pair| pair[0].to < pair[1].from)
    }

    /// The end of what is proven without a gap from `moment` on, or `moment`.
    pub(super) fn proven_from(&self, moment: DateTime<Utc>) -> DateTime<Utc> {
        let span = self.proven.iter().find(|span| span.from <= moment && moment < span.to);
        span.map_or(moment, |span| span.to)
    }

    /// Where to go on: the end of the first span whose end Auth0, which has all events from `has_from` on, still knows; else that
    /// of the last. So a gap between two spans is compared as long as it can be.
    pub(super) fn goes_on_at(&self, has_from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let ends = || self.proven.iter().map(|span| span.to);
        ends().find(|end| *end >= has_from).or(ends().next_back())
    }

    /// The same, with one span more. Spans that touch become one.
    fn with(&self, new: Proven) -> Reconciliation {
        let mut spans = self.proven.clone();
        spans.push(new);
        spans.sort_unstable();
        let mut proven: Vec<Proven> = Vec::new();
        for span in spans {
            match proven.last_mut() {
                Some(last) if span.from <= last.to => {
                    last.to = last.to.max(span.to);
                    last.proven_at = last.proven_at.max(span.proven_at);
                }
                _ => proven.push(span),
            }
        }
        Reconciliation { proven, ..self.clone() }
    }

    /// Adds a span, if there is one, and how the stream was seen, to what is stored of `tenant`. Returns what is stored then.
    /// Another run may write at the same time.
    ///
    /// # Errors
    ///
    /// S3 refused, or others wrote again and again.
    pub(super) async fn add(
        bucket: &Bucket,
        tenant: &str,
        new: Option<Proven>,
        stream: Option<&StreamSeen>,
    ) -> anyhow::Result<Reconciliation> {
        let key = layout::reconciliation_key(tenant);
        for _ in 0..TRIES {
            let (known, condition) = match Reconciliation::read(bucket, tenant).await? {
                Some((known, etag)) => (known, Condition::Matches(etag)),
                None => (Reconciliation { tenant: tenant.to_owned(), ..Reconciliation::default() }, Condition::Absent),
            };
            let mut next = new.map_or_else(|| known.clone(), |new| known.with(new));
            next.stream = stream.cloned().or(next.stream);
            if next == known {
                return Ok(known);
            }
            if let Put::Written(_) = bucket.write_if(&key, Bytes::from(sealed::to_json(&next)?), &condition).await? {
                return Ok(next);
            }
        }
        anyhow::bail!("{key} is not ours, or others keep writing it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: u32, to: u32) -> Proven {
        let at = |hour: u32| format!("2026-11-20T{hour:02}:00:00Z").parse().unwrap();
        Proven { from: at(from), to: at(to), proven_at: at(23) }
    }

    #[test]
    fn spans_that_touch_become_one() {
        let mut known = Reconciliation::default();
        for (from, to) in [(4, 6), (8, 9), (6, 7), (1, 2), (3, 5)] {
            known = known.with(span(from, to));
            assert!(known.is_in_order());
        }
        assert_eq!(known.proven, [span(1, 2), span(3, 7), span(8, 9)]);
        assert_eq!(known.proven_from(span(3, 4).from), span(6, 7).to);
        assert_eq!(known.proven_from(span(7, 8).from), span(7, 8).from, "an end is not in its span");
        assert_eq!(known.goes_on_at(span(0, 1).from), Some(span(1, 2).to), "the first gap");
        assert_eq!(known.goes_on_at(span(3, 4).from), Some(span(6, 7).to), "the first that can be compared");
        assert_eq!(known.goes_on_at(span(20, 21).from), Some(span(8, 9).to));
    }
}
