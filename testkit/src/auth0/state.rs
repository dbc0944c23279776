//! What the server knows, and how it answers a call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::page::{self, Query};
use super::reply::Reply;
use super::{Fault, Tenant};

/// The scope that reading the log streams takes.
pub(super) const STREAMS_SCOPE: &str = "read:log_streams";
/// What the path of a single event begins with.
const EVENT: &str = "/api/v2/logs/";
const EXPIRED_TOKEN: &str = "Expired token received for JSON Web Token validation";

/// The state, for all connections and the test.
pub(super) struct Shared(Mutex<State>);

impl Shared {
    pub(super) fn new(state: State) -> Shared {
        Shared(Mutex::new(state))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        let clock = Arc::clone(&self.lock().tenant.now);
        clock()
    }
}

/// A request.
pub(super) struct Call {
    method: String,
    path: String,
    query: Query,
    token: Option<String>,
    body: Bytes,
    /// Method, path and query, as they were sent.
    line: String,
}

impl Call {
    pub(super) fn new(parts: &Parts, body: Bytes) -> Call {
        let authorization = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        let sent = parts.uri.path_and_query().map_or("/", |sent| sent.as_str());
        Call {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: query(parts.uri.query().unwrap_or_default()),
            token,
            body,
            line: format!("{} {sent}", parts.method),
        }
    }
}

fn query(text: &str) -> Query {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

pub(super) struct State {
    pub(super) domain: String,
    pub(super) tenant: Tenant,
    pub(super) calls: Vec<String>,
    /// When each token expires.
    tokens: BTreeMap<String, DateTime<Utc>>,
    issued: u64,
    /// How many calls to the logs there have been.
    log_calls: usize,
    /// The window of the rate limit, and how many calls there were in it.
    window: (i64, u32),
}

/// What the rate limit has to say of a call.
#[derive(Clone, Copy)]
struct Quota {
    limit: u32,
    used: u32,
    /// The end of the window, in Unix seconds.
    reset: i64,
    /// How many seconds are left until then.
    wait: u64,
}

impl Quota {
    /// This quota, used up.
    fn exhausted(self) -> Quota {
        Quota { used: self.limit, ..self }
    }

    fn tell(self, reply: Reply) -> Reply {
        let remaining = self.limit.saturating_sub(self.used);
        let reply = reply.with("x-ratelimit-limit", self.limit.to_string());
        let reply = reply.with("x-ratelimit-remaining", remaining.to_string());
        reply.with("x-ratelimit-reset", self.reset.to_string())
    }
}

impl State {
    pub(super) fn new(domain: String, tenant: Tenant) -> State {
        let (calls, tokens) = (Vec::new(), BTreeMap::new());
        State { domain, tenant, calls, tokens, issued: 0, log_calls: 0, window: (0, 0) }
    }

    /// The answer, or `None` if there never is one.
    pub(super) fn reply(&mut self, call: &Call, now: DateTime<Utc>) -> Option<Reply> {
        self.calls.push(call.line.clone());
        let reply = match (call.method.as_str(), call.path.as_str()) {
            ("POST", "/oauth/token") => self.token(call, now),
            ("GET", "/api/v2/logs") => self.logs(call, now)?,
            ("GET", "/api/v2/log-streams") => self.streams(call, now),
            ("GET", path) if path.starts_with(EVENT) => self.event(call, now),
            _ => Reply::error(404, "inexistent_resource", "Not Found"),
        };
        Some(reply.dated(now))
    }

    fn logs(&mut self, call: &Call, now: DateTime<Utc>) -> Option<Reply> {
        self.add_late_events();
        let fault = self.tenant.faults.pop_front().unwrap_or(Fault::None);
        let quota = self.count(now);
        let reply = match fault {
            Fault::Silence => return None,
            Fault::TooManyRequests { retry_after } => {
                return Some(quota.exhausted().tell(Reply::too_many_requests(retry_after)));
            }
            Fault::ServerError(status) => Reply::error(status, "internal_error", "An error occurred"),
            Fault::BadRequest => Reply::bad_request("Query validation error"),
            Fault::ExpiredToken => {
                self.tokens.remove(call.token.as_deref().unwrap_or_default());
                Reply::unauthorized(EXPIRED_TOKEN)
            }
            fault => self.page(call, now, quota, &fault).unwrap_or_else(|refusal| refusal),
        };
        Some(quota.tell(reply))
    }

    /// Adds the events whose time has come, and counts this call.
    fn add_late_events(&mut self) {
        let calls = self.log_calls;
        self.log_calls += 1;
        let late = std::mem::take(&mut self.tenant.late);
        let (due, late): (Vec<_>, Vec<_>) = late.into_iter().partition(|(after, ..)| *after <= calls);
        self.tenant.late = late;
        self.tenant.events.extend(due.into_iter().map(|(_, id, event)| (id, event)));
    }

    /// The page that `call` asks for, or why it gets none.
    fn page(&self, call: &Call, now: DateTime<Utc>, quota: Quota, fault: &Fault) -> Result<Reply, Reply> {
        self.admit(call, page::SCOPE, now, quota)?;
        let found = page::page(&self.tenant, &call.query);
        let mut page = found.map_err(|refused| match refused.0 {
            400 => Reply::bad_request(&refused.1),
            status => Reply::error(status, "not_implemented", &refused.1),
        })?;
        match fault {
            Fault::NotJson => return Ok(Reply::html(200, "<html><body>One moment, please</body></html>")),
            Fault::Empty => page.events.clear(),
            Fault::NoLink => page.cursor = None,
            _ => {}
        }
        if matches!(fault, Fault::Empty | Fault::RepeatsNext) {
            page.repeat_next();
        }
        let reply = Reply::json(200, page.json());
        let reply = if *fault == Fault::Torn { reply.torn() } else { reply };
        Ok(match page.link(&self.domain) {
            Some(link) => reply.with("link", link),
            None => reply,
        })
    }

    /// One event, by its log_id.
    fn event(&mut self, call: &Call, now: DateTime<Utc>) -> Reply {
        let quota = self.count(now);
        let tenant = &self.tenant;
        let id = call.path.strip_prefix(EVENT).unwrap_or_default();
        let known = tenant.events.get(id).filter(|_| tenant.oldest.as_deref().is_none_or(|oldest| id >= oldest));
        quota.tell(match (self.admit(call, page::SCOPE, now, quota), known) {
            (Err(refusal), _) => refusal,
            (Ok(()), Some(event)) => Reply::json(200, event.clone()),
            (Ok(()), None) => Reply::error(404, "log_not_found", "Not Found"),
        })
    }

    fn streams(&mut self, call: &Call, now: DateTime<Utc>) -> Reply {
        let quota = self.count(now);
        quota.tell(match self.admit(call, STREAMS_SCOPE, now, quota) {
            Ok(()) => Reply::json(200, Value::from(self.tenant.streams.clone()).to_string()),
            Err(refusal) => refusal,
        })
    }

    /// Counts a call in the present window of the rate limit.
    fn count(&mut self, now: DateTime<Utc>) -> Quota {
        let length = self.tenant.window.num_milliseconds().max(1);
        let window = now.timestamp_millis().div_euclid(length);
        if self.window.0 != window {
            self.window = (window, 0);
        }
        self.window.1 += 1;
        // A reset that is told in whole seconds must not lie before the end of the window.
        let reset = ((window + 1) * length + 999).div_euclid(1000);
        let wait = (reset - now.timestamp()).max(1).unsigned_abs();
        Quota { limit: self.tenant.limit, used: self.window.1, reset, wait }
    }

    /// Whether the call may be answered: the rate limit allows it, and its token does.
    fn admit(&self, call: &Call, scope: &str, now: DateTime<Utc>, quota: Quota) -> Result<(), Reply> {
        if quota.used > quota.limit {
            return Err(Reply::too_many_requests(self.tenant.tells_retry_after.then_some(quota.wait)));
        }
        let token = call.token.as_ref().ok_or_else(|| Reply::unauthorized("Missing authentication"))?;
        let expires = self.tokens.get(token).ok_or_else(|| Reply::unauthorized("Invalid token"))?;
        if *expires <= now {
            return Err(Reply::unauthorized(EXPIRED_TOKEN));
        }
        if self.tenant.scopes.iter().any(|granted| granted == scope) {
            return Ok(());
        }
        let message = format!("Insufficient scope, expected any of: {scope}");
        Err(Reply::error(403, "insufficient_scope", &message))
    }

    /// `POST /oauth/token`, which is not under the rate limit of the API.
    fn token(&mut self, call: &Call, now: DateTime<Utc>) -> Reply {
        let Ok(asked) = serde_json::from_slice::<Value>(&call.body) else {
            return Reply::oauth_error(400, "invalid_request", "The body is not JSON");
        };
        if asked["grant_type"] != "client_credentials" {
            return Reply::oauth_error(403, "unsupported_grant_type", "Unsupported grant type");
        }
        let (id, secret) = &self.tenant.client;
        if asked["client_id"] != id.as_str() || asked["client_secret"] != secret.as_str() {
            return Reply::oauth_error(401, "access_denied", "Unauthorized");
        }
        let audience = self.tenant.audience.clone().unwrap_or_else(|| format!("{}/api/v2/", self.domain));
        if asked["audience"] != audience.as_str() {
            return Reply::oauth_error(403, "access_denied", &format!("Service not found: {}", asked["audience"]));
        }
        let (life, scope) = (self.tenant.token_life.num_seconds(), self.tenant.scopes.join(" "));
        let token = self.issue_token(now);
        let body = json!({ "access_token": token, "expires_in": life, "token_type": "Bearer", "scope": scope });
        Reply::json(200, body.to_string())
    }

    pub(super) fn issue_token(&mut self, now: DateTime<Utc>) -> String {
        self.issued += 1;
        let token = format!("token-{}", self.issued);
        self.tokens.insert(token.clone(), now + self.tenant.token_life);
        token
    }
}
