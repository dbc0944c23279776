//! Values of partition keys, as the filter compares them.

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono::{NaiveDate, NaiveDateTime};

/// How values are compared. In a comparison of two keys the later kind decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Text,
    Integer,
    Decimal,
    Date,
    Timestamp,
}

/// The types of keys, without parameters in parentheses.
const KINDS: [(&str, Kind); 12] = [
    ("string", Kind::Text),
    ("char", Kind::Text),
    ("varchar", Kind::Text),
    ("tinyint", Kind::Integer),
    ("smallint", Kind::Integer),
    ("int", Kind::Integer),
    ("integer", Kind::Integer),
    ("bigint", Kind::Integer),
    ("long", Kind::Integer),
    ("decimal", Kind::Decimal),
    ("date", Kind::Date),
    ("timestamp", Kind::Timestamp),
];

/// The formats of a timestamp. A date alone means its midnight.
const TIMESTAMPS: [&str; 2] = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];

impl Kind {
    /// The kind of a type. `None` if expressions cannot use keys of that type.
    pub(super) fn of(key_type: &str) -> Option<Kind> {
        let plain = key_type.split('(').next().unwrap_or_default().trim();
        KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(plain)).map(|(_, kind)| *kind)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Integer => "int",
            Kind::Decimal => "decimal",
            Kind::Date => "date",
            Kind::Timestamp => "timestamp",
        }
    }

    /// Reads a value. `None` if the text is not a value of this kind.
    pub(super) fn read(self, text: &str) -> Option<Datum<'_>> {
        match self {
            Kind::Text => Some(Datum::Text(Cow::Borrowed(text))),
            Kind::Integer => Number::read(text).filter(|number| number.fraction.is_empty()).map(Datum::Number),
            Kind::Decimal => Number::read(text).map(Datum::Number),
            Kind::Date => text.parse::<NaiveDate>().ok().map(|date| Datum::Moment(date.into())),
            Kind::Timestamp => timestamp(text).map(Datum::Moment),
        }
    }
}

fn timestamp(text: &str) -> Option<NaiveDateTime> {
    let written = TIMESTAMPS.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    written.or_else(|| text.parse::<NaiveDate>().ok().map(NaiveDateTime::from))
}

/// A value. Both sides of a comparison are of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Datum<'a> {
    Text(Cow<'a, str>),
    Number(Number),
    Moment(NaiveDateTime),
}

impl Datum<'_> {
    pub(super) fn into_owned(self) -> Datum<'static> {
        match self {
            Datum::Text(text) => Datum::Text(Cow::Owned(text.into_owned())),
            Datum::Number(number) => Datum::Number(number),
            Datum::Moment(moment) => Datum::Moment(moment),
        }
    }
}

/// An exact decimal number of any length.
// Invariants: the whole part does not begin with a zero, the fraction does not end with one, and zero is not negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    is_negative: bool,
    whole: String,
    fraction: String,
}

impl Number {
    fn read(text: &str) -> Option<Number> {
        let text = text.trim();
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let is_negative = is_negative && !(whole.is_empty() && fraction.is_empty());
        Some(Number { is_negative, whole: whole.to_owned(), fraction: fraction.to_owned() })
    }

    /// The order of the two numbers without their signs.
    fn cmp_magnitude(&self, other: &Number) -> Ordering {
        let length = self.whole.len().cmp(&other.whole.len());
        length.then_with(|| self.whole.cmp(&other.whole)).then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.cmp_magnitude(other),
            (true, true) => other.cmp_magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, ascending: &[&str]) {
        let read: Vec<Datum<'_>> = ascending.iter().map(|text| kind.read(text).unwrap()).collect();
        for (at, pair) in read.windows(2).enumerate() {
            assert!(pair[0] < pair[1], "{kind:?}: {} < {}", ascending[at], ascending[at + 1]);
        }
    }

    #[test]
    fn values_are_ordered_by_type() {
        check(Kind::Text, &["", "-1", "10", "9", "a"]);
        check(Kind::Integer, &["-100", "-9", "0", "7", "10", "123456789012345678901234567890"]);
        check(Kind::Decimal, &["-10.5", "-2.75", "-2.7", "-0.01", "0.00", ".009", "0.01", "1", "1.05", "1.5", "10"]);
        check(Kind::Date, &["1999-12-31", "2026-11-02", "2026-11-20", "2027-01-01"]);
        check(Kind::Timestamp, &["2026-11-20", "2026-11-20 00:00:00.5", "2026-11-20T00:00:01", "2026-11-20 13:00:00"]);
    }

    #[test]
    fn spelling_does_not_matter() {
        let same = [
            (Kind::Integer, "007", "7"),
            (Kind::Integer, "-0", "+0"),
            (Kind::Integer, " 7 ", "7.00"),
            (Kind::Decimal, "1.50", "01.5"),
            (Kind::Timestamp, "2026-11-20", "2026-11-20 00:00:00.000"),
        ];
        for (kind, one, other) in same {
            assert_eq!(kind.read(one), kind.read(other), "{kind:?}: {one} {other}");
        }
    }

    #[test]
    fn what_is_not_of_a_type_is_not_read() {
        let not = [
            (Kind::Integer, "1.5"),
            (Kind::Integer, ""),
            (Kind::Integer, "-"),
            (Kind::Integer, "0x1"),
            (Kind::Decimal, "1e3"),
            (Kind::Decimal, "."),
            (Kind::Date, "2026-02-30"),
            (Kind::Date, "20261120"),
            (Kind::Timestamp, "13:00:00"),
        ];
        for (kind, text) in not {
            assert_eq!(kind.read(text), None, "{kind:?}: {text}");
        }
    }
}
