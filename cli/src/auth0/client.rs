//! Asks the API, at its pace, and asks again where that can help.

use anyhow::{Context, Result, anyhow};
use chrono::{DateTime, TimeDelta, Utc};
use compactor::clock::{Sleep, WallClock};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use super::access::{Access, Right, Secret};
use super::http::{Answer, Http};
use super::pace::{Pace, Rate};
use super::page::Page;
use super::stream::LogStream;

/// Events of a page: as many as the API gives.
const TAKE: u32 = 100;
/// Tries of a call that fails for a reason that passes.
const TRIES: u32 = 7;
/// Wait after such a failure; it doubles each time.
const SECONDS_AFTER_FAILURE: i64 = 1;
/// A token is renewed so long before it expires.
const SECONDS_BEFORE_EXPIRY: i64 = 60;
/// How long a token is taken to be valid that does not say.
const SECONDS_UNTOLD: i64 = 600;
/// So many characters of what the API says of a refusal are shown.
const SAID_CHARACTERS_MAX: usize = 200;

/// Auth0's Management API.
pub struct Auth0 {
    base: String,
    tenant: String,
    access: Access,
    right: Right,
    http: Http,
    now: WallClock,
    sleep: Sleep,
    pace: Pace,
    /// A token that credentials got, and the moment from which on it is not used.
    token: Option<(Secret, DateTime<Utc>)>,
    /// Auth0's clock less ours, by its last answer.
    ahead: TimeDelta,
    calls: u64,
}

/// An end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The events that happened first.
    Oldest,
    /// The events that happened last.
    Newest,
}

/// What the token's endpoint answers.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<u32>,
}

/// Why a call failed, and whether it may succeed later.
enum Failure {
    /// It may. If the server said when, that is how long to wait.
    Passing(anyhow::Error, Option<TimeDelta>),
    /// The token was refused.
    Token(anyhow::Error),
    /// The call was understood and refused, with this status.
    Refused(u16, anyhow::Error),
}

impl Auth0 {
    /// The API that `access` names, asked by `http`. It reads the time from `now` and waits by `sleep`.
    ///
    /// # Errors
    ///
    /// If the domain or the credentials are missing or no such.
    pub fn new(access: &Access, rate: Rate, http: Http, now: WallClock, sleep: Sleep) -> Result<Auth0> {
        Ok(Auth0 {
            base: access.base()?,
            tenant: access.tenant()?,
            right: access.right()?,
            access: access.clone(),
            http,
            now,
            sleep,
            pace: Pace::new(rate),
            token: None,
            ahead: TimeDelta::zero(),
            calls: 0,
        })
    }

    /// The tenant, as a part of a key.
    pub(crate) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The present moment by Auth0's clock, as far as it is known.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        (self.now)() + self.ahead
    }

    /// Auth0's clock less this machine's.
    pub(crate) fn ahead(&self) -> TimeDelta {
        self.ahead
    }

    /// Calls that were made, those for tokens too.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// The events that follow the log_id `from`, in order of log_ids, as many as fit into a page.
    ///
    /// # Errors
    ///
    /// If the API cannot be reached or refuses.
    pub(crate) async fn page(&mut self, from: &str) -> Result<Page> {
        let from = utf8_percent_encode(from, NON_ALPHANUMERIC);
        self.pages(&format!("/api/v2/logs?from={from}&take={TAKE}")).await
    }

    /// A page of events at an end of the log, by their dates.
    ///
    /// # Errors
    ///
    /// If the API cannot be reached or refuses.
    pub(crate) async fn edge(&mut self, edge: Edge) -> Result<Page> {
        let order = if edge == Edge::Oldest { "1" } else { "-1" };
        self.pages(&format!("/api/v2/logs?sort=date%3A{order}&page=0&per_page={TAKE}")).await
    }

    async fn pages(&mut self, path: &str) -> Result<Page> {
        let read = self.get(path, Page::read).await;
        read.map_err(|failure| failure.into_error()).with_context(|| format!("failed to read the log of {}", self.base))
    }

    /// True if Auth0 has an event with this log_id.
    ///
    /// # Errors
    ///
    /// If the API cannot be reached, or refuses for another reason.
    pub(crate) async fn knows(&mut self, log_id: &str) -> Result<bool> {
        let path = format!("/api/v2/logs/{}", utf8_percent_encode(log_id, NON_ALPHANUMERIC));
        match self.get(&path, |_| Ok(())).await {
            Ok(()) => Ok(true),
            Err(Failure::Refused(400 | 404, _)) => Ok(false),
            Err(failure) => {
                Err(failure.into_error()).with_context(|| format!("failed to look for an event of {}", self.base))
            }
        }
    }

    /// The tenant's log streams. `None` if the credentials may not read them.
    ///
    /// # Errors
    ///
    /// If the API cannot be reached, or refuses for another reason.
    pub(crate) async fn streams(&mut self) -> Result<Option<Vec<LogStream>>> {
        let read = |answer: &Answer| serde_json::from_slice(&answer.body).context("the answer is no list of streams");
        match self.get("/api/v2/log-streams", read).await {
            Ok(streams) => Ok(Some(streams)),
            Err(Failure::Refused(403, _)) => Ok(None),
            Err(failure) => {
                Err(failure.into_error()).with_context(|| format!("failed to read the log streams of {}", self.base))
            }
        }
    }

    /// Gets a resource and reads it, again if either fails for a reason that passes.
    async fn get<T>(&mut self, path: &str, read: impl Fn(&Answer) -> Result<T>) -> Result<T, Failure> {
        let (mut renewed, mut failed) = (false, 0);
        loop {
            let tried = self
                .try_once(path)
                .await
                .and_then(|answer| read(&answer).map_err(|error| Failure::Passing(error, None)));
            match tried {
                // A token may expire between two calls, and a new one is told from an old one only by trying it.
                Err(Failure::Token(_)) if !renewed && self.token.take().is_some() => renewed = true,
                Err(Failure::Passing(_, wait)) if failed + 1 < TRIES => {
                    let wait = wait.unwrap_or_else(|| TimeDelta::seconds(SECONDS_AFTER_FAILURE << failed));
                    self.pace.wait((self.now)(), wait);
                    failed += 1;
                }
                done => return done,
            }
        }
    }

    async fn try_once(&mut self, path: &str) -> Result<Answer, Failure> {
        let token = self.token().await?;
        self.wait().await;
        let answer = self.http.get(&format!("{}{path}", self.base), &token).await;
        self.took(answer)
    }

    /// Notes what an answer says of time and pace, and tells a refusal from an answer.
    fn took(&mut self, answer: Result<Answer>) -> Result<Answer, Failure> {
        let now = (self.now)();
        self.calls += 1;
        let answer = answer.map_err(|error| Failure::Passing(error, None))?;
        if let Some(date) = answer.date() {
            self.ahead = date - now;
        }
        self.pace.called(now, answer.allowance(now));
        match answer.status {
            200 => Ok(answer),
            401 => Err(Failure::Token(refusal(&answer))),
            429 => {
                let wait = answer.retry_after(now).or_else(|| answer.allowance(now).map(|it| it.left));
                Err(Failure::Passing(refusal(&answer), wait.map(|wait| wait + TimeDelta::seconds(1))))
            }
            500.. => Err(Failure::Passing(refusal(&answer), answer.retry_after(now))),
            status => Err(Failure::Refused(status, refusal(&answer))),
        }
    }

    /// Waits until the next call may be made.
    async fn wait(&self) {
        while let Ok(time) = (self.pace.next() - (self.now)()).to_std()
            && !time.is_zero()
        {
            (self.sleep)(time).await;
        }
    }

    /// A token that is valid as far as is known.
    async fn token(&mut self) -> Result<Secret, Failure> {
        let (client_id, client_secret) = match &self.right {
            Right::Token(token) => return Ok(token.clone()),
            Right::Credentials { client_id, client_secret } => (client_id, client_secret),
        };
        if let Some((token, _)) = self.token.as_ref().filter(|(_, until)| (self.now)() < *until) {
            return Ok(token.clone());
        }
        let audience = self.access.audience().map_err(|error| Failure::Refused(0, error))?;
        let asked = json!({
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret.reveal(),
            "audience": audience,
        });
        self.wait().await;
        let answer = self.http.post(&format!("{}/oauth/token", self.base), asked.to_string()).await;
        let answer = self.took(answer).map_err(|failure| match failure {
            Failure::Token(error) | Failure::Refused(_, error) => {
                let hint = "failed to get a token; check AUTH0_CLIENT_ID, AUTH0_CLIENT_SECRET and AUTH0_AUDIENCE";
                Failure::Refused(0, error.context(hint))
            }
            passing @ Failure::Passing(..) => passing,
        })?;
        let token: Token = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::Passing(anyhow!("the answer holds no token"), None))?;
        let seconds = token.expires_in.map_or(SECONDS_UNTOLD, i64::from);
        let life = TimeDelta::seconds(seconds - SECONDS_BEFORE_EXPIRY);
        let secret = Secret::new(token.access_token);
        self.token = Some((secret.clone(), (self.now)() + life));
        Ok(secret)
    }
}

impl Failure {
    fn into_error(self) -> anyhow::Error {
        match self {
            Failure::Passing(error, _) => error.context(format!("it failed {TRIES} times")),
            Failure::Token(error) => error.context("the token is refused; one in AUTH0_API_TOKEN may have expired"),
            Failure::Refused(403, error) => {
                error.context("the application needs the scopes read:logs and read:logs_users")
            }
            Failure::Refused(_, error) => error,
        }
    }
}

/// What the API says of a refusal. It says nothing of events.
fn refusal(answer: &Answer) -> anyhow::Error {
    #[derive(Deserialize)]
    struct Said {
        #[serde(alias = "error_description")]
        message: Option<String>,
    }
    let said = serde_json::from_slice::<Said>(&answer.body).ok().and_then(|said| said.message);
    match said {
        Some(said) => {
            let said: String = said.chars().take(SAID_CHARACTERS_MAX).collect();
            anyhow!("Auth0 answers {}: {said}", answer.status)
        }
        None => anyhow!("Auth0 answers {}", answer.status),
    }
}
