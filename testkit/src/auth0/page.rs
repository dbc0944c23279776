//! Pages of the logs: what is asked, and which events answer it.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeInclusive};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Expired, Order, Tenant};

/// The scope that reading the logs takes.
pub(super) const SCOPE: &str = "read:logs";
/// Auth0 gives no longer page.
const PAGE_MAX: usize = 100;
const PAGE_DEFAULT: usize = 50;
/// A search reaches no further than this many events.
const SEARCH_MAX: usize = 1000;
/// Parameters of a search of which this stand-in has no notion. To ignore them would give wrong answers.
const UNKNOWN: [&str; 3] = ["q", "fields", "include_totals"];

pub(super) type Query = BTreeMap<String, String>;

/// A page: its events as JSON texts, and where the next one begins.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) events: Vec<String>,
    /// Only a page by `from` has one.
    pub(super) cursor: Option<Cursor>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Cursor {
    /// The `from` that was asked.
    pub(super) asked: String,
    /// The `from` of the next page.
    pub(super) next: String,
    pub(super) take: usize,
}

/// Why there is no page: the status, and what is wrong.
#[derive(Debug, PartialEq)]
pub(super) struct Refused(pub(super) u16, pub(super) String);

impl Page {
    pub(super) fn json(&self) -> String {
        format!("[{}]", self.events.join(","))
    }

    /// The `Link` header, if the page names a next one.
    pub(super) fn link(&self, domain: &str) -> Option<String> {
        let cursor = self.cursor.as_ref()?;
        let from = utf8_percent_encode(&cursor.next, NON_ALPHANUMERIC);
        Some(format!("<{domain}/api/v2/logs?from={from}&take={}>; rel=\"next\"", cursor.take))
    }

    /// Makes the page that was asked the next one.
    pub(super) fn repeat_next(&mut self) {
        if let Some(cursor) = &mut self.cursor {
            cursor.next.clone_from(&cursor.asked);
        }
    }
}

/// The page that `query` asks for. `from` is the stronger one: with it everything but `take` is ignored.
pub(super) fn page(tenant: &Tenant, query: &Query) -> Result<Page, Refused> {
    match query.get("from") {
        Some(from) => after(tenant, from, number(query, "take", PAGE_DEFAULT, 1..=PAGE_MAX)?),
        None => search(tenant, query),
    }
}

fn after(tenant: &Tenant, from: &str, take: usize) -> Result<Page, Refused> {
    if from.is_empty() {
        return Err(bad("'from' is empty"));
    }
    let oldest = tenant.oldest.as_deref();
    let has_expired = oldest.is_some_and(|oldest| from < oldest);
    let mut found: Vec<_> = match tenant.expired {
        Expired::Error400 if has_expired => return Err(bad("'from' is not a known log_id")),
        Expired::EmptyPage if has_expired => Vec::new(),
        _ => known(tenant, Bound::Excluded(from)).take(take).collect(),
    };
    let next = found.last().map_or(from, |(id, _)| *id).to_owned();
    if tenant.order == Order::Shuffled {
        // Read backwards, neighbouring ids are far apart. A draw of chance would differ from run to run.
        found.sort_by_key(|(id, _)| id.bytes().rev().collect::<Vec<_>>());
    }
    let events = found.into_iter().map(|(_, event)| event.to_owned()).collect();
    Ok(Page { events, cursor: Some(Cursor { asked: from.to_owned(), next, take }) })
}

fn search(tenant: &Tenant, query: &Query) -> Result<Page, Refused> {
    if let Some(name) = UNKNOWN.iter().find(|name| query.contains_key(**name)) {
        return Err(Refused(501, format!("this stand-in for Auth0 has no '{name}'")));
    }
    let per_page = number(query, "per_page", PAGE_DEFAULT, 1..=PAGE_MAX)?;
    let start = number(query, "page", 0, 0..=SEARCH_MAX)? * per_page;
    if start >= SEARCH_MAX {
        return Err(bad("You can only page through the first 1000 records"));
    }
    let mut found: Vec<_> = known(tenant, Bound::Unbounded).map(|(id, event)| (date(event), id, event)).collect();
    found.sort();
    match query.get("sort").map(String::as_str) {
        Some("date:1") => {}
        Some("date:-1") | None => found.reverse(),
        Some(other) => return Err(bad(&format!("no sort is '{other}'"))),
    }
    let length = per_page.min(SEARCH_MAX - start);
    let events = found.into_iter().skip(start).take(length).map(|(_, _, event)| event.to_owned()).collect();
    Ok(Page { events, cursor: None })
}

/// The events that have not expired, from `start` on.
fn known<'a>(tenant: &'a Tenant, start: Bound<&str>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let start = match (start, tenant.oldest.as_deref()) {
        (Bound::Excluded(from), Some(oldest)) if from < oldest => Bound::Included(oldest),
        (Bound::Unbounded, Some(oldest)) => Bound::Included(oldest),
        (start, _) => start,
    };
    let events = tenant.events.range::<str, _>((start, Bound::Unbounded));
    events.map(|(id, event)| (id.as_str(), event.as_str()))
}

/// An event's date as its text, which is as good for sorting: it always has the same form. It is not looked for by a parser,
/// since a search looks at every event. In the events of a tenant `date` comes before all objects.
fn date(event: &str) -> &str {
    let date = event.split_once("\"date\":\"").and_then(|(_, rest)| rest.split('"').next());
    date.unwrap_or_default()
}

fn number(query: &Query, name: &str, default: usize, range: RangeInclusive<usize>) -> Result<usize, Refused> {
    let Some(text) = query.get(name) else { return Ok(default) };
    let number = text.parse::<usize>().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| bad(&format!("'{name}' must be a number in {range:?}, not '{text}'")))
}

fn bad(why: &str) -> Refused {
    Refused(400, format!("Query validation error: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids a to e. The later an event came, the earlier is its date.
    fn tenant() -> Tenant {
        let event = |index: usize| format!(r#"{{"date":"2026-01-0{}T00:00:00.000Z"}}"#, 9 - index);
        let events = ["a", "b", "c", "d", "e"].into_iter().enumerate();
        Tenant { events: events.map(|(index, id)| (id.to_owned(), event(index))).collect(), ..Tenant::default() }
    }

    fn asked(tenant: &Tenant, query: &[(&str, &str)]) -> Result<Page, Refused> {
        page(tenant, &query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The day of each event.
    fn days(page: &Page) -> Vec<&str> {
        page.events.iter().map(|event| &event[18..19]).collect()
    }

    #[test]
    fn a_page_begins_after_its_cursor_and_an_empty_one_repeats_it() {
        let tenant = tenant();
        let page = asked(&tenant, &[("from", "b"), ("take", "2"), ("sort", "date:-1")]).unwrap();
        assert_eq!(days(&page), ["7", "6"]);
        let link = page.link("http://host").unwrap();
        assert_eq!(link, r#"<http://host/api/v2/logs?from=d&take=2>; rel="next""#);
        let page = asked(&tenant, &[("from", "e")]).unwrap();
        assert_eq!(page.json(), "[]");
        assert_eq!(page.cursor.unwrap(), Cursor { asked: "e".to_owned(), next: "e".to_owned(), take: 50 });
    }

    #[test]
    fn what_has_expired_is_not_known() {
        let mut tenant = Tenant { oldest: Some("d".to_owned()), ..tenant() };
        assert_eq!(days(&asked(&tenant, &[("from", "a")]).unwrap()), ["6", "5"]);
        assert_eq!(days(&asked(&tenant, &[("from", "d")]).unwrap()), ["5"]);
        assert_eq!(days(&asked(&tenant, &[("sort", "date:-1")]).unwrap()), ["6", "5"]);
        tenant.expired = Expired::EmptyPage;
        assert_eq!(asked(&tenant, &[("from", "a")]).unwrap().json(), "[]");
        tenant.expired = Expired::Error400;
        assert_eq!(asked(&tenant, &[("from", "a")]).unwrap_err().0, 400);
    }

    #[test]
    fn a_search_is_sorted_by_date_and_has_an_end() {
        let tenant = tenant();
        let found = asked(&tenant, &[("sort", "date:1"), ("per_page", "2"), ("page", "1")]).unwrap();
        assert_eq!((days(&found), found.cursor.as_ref()), (vec!["7", "8"], None));
        assert_eq!(days(&asked(&tenant, &[]).unwrap()), ["9", "8", "7", "6", "5"]);
        assert_eq!(asked(&tenant, &[("per_page", "100"), ("page", "10")]).unwrap_err().0, 400);
        assert_eq!(asked(&tenant, &[("per_page", "101")]).unwrap_err().0, 400);
        assert_eq!(asked(&tenant, &[("q", "type:s")]).unwrap_err().0, 501);
    }

    #[test]
    fn a_shuffled_page_has_the_same_events_and_the_same_next() {
        let events = ["19", "28", "37"].map(|id| (id.to_owned(), id.to_owned()));
        let mut tenant = Tenant { events: events.into(), ..Tenant::default() };
        let ordered = asked(&tenant, &[("from", "0")]).unwrap();
        tenant.order = Order::Shuffled;
        let shuffled = asked(&tenant, &[("from", "0")]).unwrap();
        assert_eq!((ordered.json().as_str(), shuffled.json().as_str()), ("[19,28,37]", "[37,28,19]"));
        assert_eq!(ordered.cursor, shuffled.cursor);
    }
}
