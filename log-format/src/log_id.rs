//! The moment in a log_id.
//!
//! Since 2018 a log_id is `900`, the moment at which Auth0 logged the event, and a counter: 56 digits. Until 2023 the moment
//! had 17 digits, to the millisecond; since then it has 20, to the microsecond. So log_ids in order of their text are in
//! order of their moments, and in the order in which Auth0's API pages through them.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};

/// What every log_id since 2018 begins with.
const PREFIX: &str = "900";
/// The digits of every log_id.
const DIGITS: usize = 56;

/// The moment at which Auth0 logged the event of this log_id, to the millisecond. `None` if the text is no log_id of that
/// form, or its year is not between 1970 and 2199.
pub fn moment_of(log_id: &str) -> Option<DateTime<Utc>> {
    let digits = log_id.strip_prefix(PREFIX)?.get(..17).filter(|it| it.bytes().all(|it| it.is_ascii_digit()))?;
    let (seconds, millis) = (NaiveDateTime::parse_from_str(&digits[..14], "%Y%m%d%H%M%S").ok()?, &digits[14..]);
    let moment = seconds.and_utc() + TimeDelta::milliseconds(millis.parse::<u16>().ok()?.into());
    (1970..2200).contains(&moment.year()).then_some(moment)
}

/// The least log_id that an event logged at `moment`, to the millisecond, could have. No event has it.
pub fn least_at(moment: DateTime<Utc>) -> String {
    let id = format!("{PREFIX}{}", moment.format("%Y%m%d%H%M%S%3f"));
    format!("{id:0<DIGITS$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_have_their_moment() {
        let moment: DateTime<Utc> = "2025-10-14T18:24:45.755Z".parse().unwrap();
        let since_2023 = "90020251014182445755123000000000000001223372036854775807";
        let since_2018 = "90020251014182445755123456789012345678901234567890123456";
        assert_eq!((moment_of(since_2023), moment_of(since_2018)), (Some(moment), Some(moment)));
        for text in
            ["", "900", "9002025101418244é755", "90020251314182445755000", "49556539", "900+0251014182445755000"]
        {
            assert_eq!(moment_of(text), None, "{text}");
        }
    }

    #[test]
    fn the_least_is_not_above_any_of_its_moment() {
        let moment = "2025-10-14T18:24:45.755Z".parse().unwrap();
        let least = least_at(moment);
        assert_eq!((least.len(), moment_of(&least)), (DIGITS, Some(moment)));
        assert!(least.as_str() < "90020251014182445755000000000000000001223372036854775807");
        assert!(least.as_str() > "90020251014182445754999000000000000001223372036854775807");
    }
}
