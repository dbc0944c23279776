//! Events of our own making, in the form of the API.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, SubsecRound as _, TimeDelta, Utc};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Map, Value, json};

use super::form::{AGENTS, show};

/// Where Auth0's counter begins.
const COUNTER: u64 = 1_223_372_036_854_775_807;
/// A log_id's moment lies at most this long after the event's date.
const DELAY_MICROSECONDS_MAX: u64 = 5_000_000;

/// Types with their descriptions, as often as they are drawn. An empty description is left out.
const TYPES: [(&str, &str); 20] = [
    ("s", "Successful login"),
    ("s", ""),
    ("seacft", "Authorization Code for Access Token"),
    ("seacft", "Authorization Code for Access Token"),
    ("ssa", "Successful silent authentication"),
    ("fsa", "Login required"),
    ("sapi", "Update a User"),
    ("mgmt_api_read", "Get a User"),
    ("f", "The user is blocked"),
    ("fp", "Wrong email or password."),
    ("fu", "Invalid user."),
    ("gd_otp_rate_limit_exceed", "Too many OTP attempts"),
    ("gd_auth_failed", "Second factor failed"),
    ("slo", "User successfully logged out"),
    ("ss", ""),
    ("sepft", "Password for Access Token"),
    ("seccft", "Client Credentials for Access Token"),
    ("sertft", "Refresh Token for Access Token"),
    ("fertft", "Unknown or invalid refresh token."),
    ("limit_wc", "Blocked account"),
];

/// A log_id as Auth0 gives them since 2023: 56 digits that say when the event was stored.
pub fn log_id(moment: DateTime<Utc>, number: u64) -> String {
    format!("900{}{:014}{:019}", moment.format("%Y%m%d%H%M%S%6f"), 0, COUNTER + number)
}

/// `count` events by their log_id. Their dates are spread evenly over the stretch from `from` to before `to`; their
/// log_ids follow up to five seconds later, so that the two orders differ. The same arguments give the same events, and
/// different seeds give different log_ids.
pub fn events(from: DateTime<Utc>, to: DateTime<Utc>, count: usize, seed: u64) -> BTreeMap<String, String> {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let mut moments: Vec<_> = (0..count).map(|index| moment(&mut dice, from, to, index, count)).collect();
    // The counter grows with the moment in the log_id.
    moments.sort();
    let first = (seed % 900) * 1_000_000_000;
    let numbered = moments.into_iter().zip(first..);
    numbered.map(|((stored, date), number)| event(&mut dice, date, log_id(stored, number))).collect()
}

/// When an event is stored, and its date.
fn moment(
    dice: &mut Dice,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    index: usize,
    count: usize,
) -> (DateTime<Utc>, DateTime<Utc>) {
    let stretch = i128::from((to - from).num_milliseconds());
    let passed = stretch * index as i128 / count as i128;
    // A date has three decimals.
    let date = (from + TimeDelta::milliseconds(passed as i64)).trunc_subsecs(3);
    (date + TimeDelta::microseconds(dice.below(DELAY_MICROSECONDS_MAX) as i64), date)
}

fn event(dice: &mut Dice, date: DateTime<Utc>, log_id: String) -> (String, String) {
    let (kind, description) = *dice.choose(&TYPES);
    let user = dice.below(200);
    let mut event = Map::new();
    let mut set = |name: &str, value: Value| event.insert(name.to_owned(), value);
    set("date", date.to_rfc3339_opts(SecondsFormat::Millis, true).into());
    set("type", kind.into());
    if !description.is_empty() {
        set("description", description.into());
    }
    set("client_id", format!("client{:026}", dice.below(8)).into());
    set("client_name", "Acme Shop".into());
    set("ip", ip(dice).into());
    set("user_agent", dice.choose(&AGENTS).0.into());
    set("details", details(dice, kind, date));
    if !is_of_machine(kind) {
        set("connection", "customers".into());
        set("connection_id", "con_T4mNq8LxVb2RzYwK".into());
        set("hostname", "login.acme.example".into());
        set("user_id", format!("auth0|{user:024x}").into());
        set("user_name", format!("user{user}@example.com").into());
    }
    set("$event_schema", json!({ "version": "1.0.0" }));
    set("environment_name", "prod-us-4".into());
    set("log_id", log_id.as_str().into());
    set("tenant_name", "acme".into());
    show(&mut event, &log_id);
    (log_id, Value::Object(event).to_string())
}

/// Whether no user takes part.
fn is_of_machine(kind: &str) -> bool {
    matches!(kind, "sapi" | "mgmt_api_read" | "seccft")
}

/// An address of those reserved for documentation.
fn ip(dice: &mut Dice) -> String {
    let last = dice.below(254) + 1;
    match dice.below(4) {
        0 => format!("192.0.2.{last}"),
        1 => format!("198.51.100.{last}"),
        2 => format!("203.0.113.{last}"),
        _ => format!("2001:db8::{last:x}"),
    }
}

fn details(dice: &mut Dice, kind: &str, date: DateTime<Utc>) -> Value {
    match kind {
        "sapi" | "mgmt_api_read" => operation(dice, kind),
        "s" | "ss" | "ssa" | "slo" => session(dice, date),
        "seacft" | "sepft" | "seccft" | "sertft" => json!({
            "actions": { "executions": [format!("{:019}{:030}", dice.below(u64::MAX >> 1), dice.below(u64::MAX))] },
            "device_id": format!("v0:{:016x}-{:016x}", dice.below(u64::MAX), dice.below(u64::MAX)),
            "family_id": null,
            "code": "***************************************************YaA",
            "scope": "openid profile email offline_access",
        }),
        _ => json!({
            "error": { "message": "Refused", "oauthError": "access_denied", "type": "oauth-authorization" },
            "body": { "username": format!("user{}@example.com", dice.below(200)), "password": "*****" },
            "qs": { "response_type": "code", "redirect_uri": "https://shop.acme.example/callback",
                "scope": "openid profile email", "state": format!("{:032x}", dice.below(u64::MAX)) },
        }),
    }
}

/// What a call to the Management API leaves in the log.
fn operation(dice: &mut Dice, kind: &str) -> Value {
    let user = format!("auth0|{:024x}", dice.below(200));
    json!({
        "request": {
            "method": if kind == "sapi" { "patch" } else { "get" },
            "path": format!("/api/v2/users/{}", user.replace('|', "%7C")),
            "query": {},
            "userAgent": "Go-Auth0/1.31.0",
            "channel": "api",
            "auth": { "user": {}, "strategy": "jwt", "credentials": {
                "jti": format!("{:032x}", dice.below(u64::MAX)),
                "scopes": ["read:users", "update:users", "update:users_app_metadata"],
            } },
        },
        "response": { "statusCode": 200, "body": { "user_id": user, "email_verified": true, "logins_count": 48 } },
    })
}

/// What a login leaves in the log.
fn session(dice: &mut Dice, date: DateTime<Utc>) -> Value {
    let (completed, elapsed) = (date.timestamp_millis(), dice.below(20_000));
    json!({
        "prompts": [{
            "name": "prompt-authenticate",
            "completedAt": completed,
            "connection": "customers",
            "strategy": "auth0",
            "stats": { "loginsCount": dice.below(100) },
            "elapsedTime": null,
        }],
        "completedAt": completed,
        "elapsedTime": elapsed,
        "session_id": format!("{:032x}", dice.below(u64::MAX)),
        "riskAssessment": { "confidence": "high", "version": "1" },
    })
}

/// Random draws, all of them determined by the seed.
struct Dice(ChaCha8Rng);

impl Dice {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    fn choose<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{api_event, envelope};
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_log_id_has_the_form_of_auth0() {
        let id = log_id(at("2025-10-14T18:24:48.123456Z"), 1);
        assert_eq!(id, "90020251014182448123456000000000000001223372036854775808");
        assert_eq!(id.len(), 56);
    }

    #[test]
    fn events_are_those_of_the_stretch_and_the_seed() {
        let (from, to) = (at("2026-01-01T23:00:00Z"), at("2026-01-02T01:00:00Z"));
        let made = events(from, to, 300, 7);
        assert_eq!((made.len(), &made), (300, &events(from, to, 300, 7)));
        assert!(events(from, to, 300, 8).keys().all(|id| !made.contains_key(id)));
        for (id, event) in &made {
            let event: Value = serde_json::from_str(event).unwrap();
            let date = at(event["date"].as_str().unwrap());
            assert!((from..to).contains(&date), "{event}");
            let (first, last) = (log_id(date, 0), log_id(date + TimeDelta::seconds(5), u64::MAX >> 1));
            assert!((first..=last).contains(id), "{event}");
            assert_eq!((&event["_id"], &event["log_id"]), (&id.as_str().into(), &id.as_str().into()));
        }
    }

    #[test]
    fn the_envelope_of_an_event_leads_back_to_it() {
        for (id, event) in events(at("2026-01-01T00:00:00Z"), at("2026-01-01T01:00:00Z"), 100, 1) {
            assert_eq!(api_event(&envelope(&event)), Some((id, event)));
        }
    }
}
