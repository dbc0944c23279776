//! A stand-in for Auth0's Management API: the tenant's logs, its log streams, and the tokens for both, over HTTP.
//!
//! It answers as the API is documented to, and worse where a test says so: see [`Fault`], [`Expired`] and [`Order`].
//! Of a search it knows the order and the pages alone: `q`, `fields` and `include_totals` are refused with 501.

mod body;
mod form;
mod generated;
mod page;
mod reply;
mod server;
mod state;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use form::{api_event, envelope};
pub use generated::{events, log_id};
use state::{Shared, State};

/// The partner event source of the tenant's log stream.
const SOURCE: &str = "aws.partner/auth0.com/acme-5f1c0f5e-3b0a-4a39-9d59-6c6d3a8e7b21/auth0.logs";
/// The AWS account and region to which the log stream sends.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";

/// What Auth0 holds of a tenant, and how it behaves.
pub struct Tenant {
    /// Each event as JSON text, in the form of the Management API, by its log_id.
    pub events: BTreeMap<String, String>,
    /// What `GET /api/v2/log-streams` answers.
    pub streams: Vec<Value>,
    /// Auth0's clock. The `Date` header, the windows of the rate limit and the expiry of tokens follow it.
    pub now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// Events with a log_id below this one have expired: the API knows them no more.
    pub oldest: Option<String>,
    /// What a page is whose `from` lies below `oldest`.
    pub expired: Expired,
    /// How many calls each window of the rate limit allows.
    pub limit: u32,
    /// How long a window of the rate limit is. Windows are aligned with the Unix epoch.
    pub window: TimeDelta,
    /// Whether a call over the limit is told by `Retry-After` how long to wait.
    pub tells_retry_after: bool,
    /// How long a token is valid.
    pub token_life: TimeDelta,
    /// The client id and the secret for which there is a token.
    pub client: (String, String),
    /// The audience for which there is a token, if it is not `{domain}/api/v2/`.
    pub audience: Option<String>,
    /// What tokens allow, from the moment at which this is changed.
    pub scopes: Vec<String>,
    pub order: Order,
    /// Each call to `/api/v2/logs` takes the first of these and suffers it.
    pub faults: VecDeque<Fault>,
    /// Events that come late, even below the cursor: after how many calls to `/api/v2/logs`, log_id, event.
    pub late: Vec<(usize, String, String)>,
}

/// What a call to `/api/v2/logs` suffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    None,
    /// 429, whatever the rate limit says.
    TooManyRequests {
        retry_after: Option<u64>,
    },
    /// An answer with this status.
    ServerError(u16),
    /// `Content-Length` is that of the whole page, but the connection closes after half of it.
    Torn,
    /// 200 with a page of HTML, as a proxy gives it.
    NotJson,
    /// A page whose next page is the one that was asked.
    RepeatsNext,
    /// A page that names no next one.
    NoLink,
    /// 401. The token that was sent is of no use from now on.
    ExpiredToken,
    /// No answer, on a connection that stays open.
    Silence,
    /// No events though there are more. The next page is the one that was asked.
    Empty,
    /// 400.
    BadRequest,
}

/// How the events of a page by `from` are ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    ById,
    /// Within the page. The next page still begins after the greatest log_id of this one.
    Shuffled,
}

/// What a page is whose `from` has expired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expired {
    /// It begins with the oldest event.
    #[default]
    FromOldest,
    Error400,
    /// It is empty, and names itself as the next one.
    EmptyPage,
}

impl Default for Tenant {
    fn default() -> Tenant {
        Tenant {
            events: BTreeMap::new(),
            streams: vec![stream()],
            now: Arc::new(wall_clock),
            oldest: None,
            expired: Expired::default(),
            limit: 1000,
            window: TimeDelta::minutes(1),
            tells_retry_after: true,
            token_life: TimeDelta::days(1),
            client: ("id".to_owned(), "secret".to_owned()),
            audience: None,
            scopes: vec![page::SCOPE.to_owned(), state::STREAMS_SCOPE.to_owned()],
            order: Order::default(),
            faults: VecDeque::new(),
            late: Vec::new(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "Auth0 has a clock of its own; a test that needs another one sets it")]
fn wall_clock() -> DateTime<Utc> {
    Utc::now()
}

fn stream() -> Value {
    json!({
        "id": "lst_0000000000000001",
        "name": "Amazon EventBridge",
        "type": "eventbridge",
        "status": "active",
        "filters": [],
        "sink": { "awsAccountId": ACCOUNT, "awsRegion": REGION, "awsPartnerEventSource": SOURCE },
    })
}

/// The running server. It ends, with all its connections, when this is dropped.
pub struct Auth0 {
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Auth0 {
    /// Serves the tenant on any free port of this machine, on the current tokio runtime.
    pub async fn start(tenant: Tenant) -> Auth0 {
        Auth0::start_on(0, tenant).await
    }

    pub async fn start_on(port: u16, tenant: Tenant) -> Auth0 {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let domain = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::new(State::new(domain, tenant)));
        let server = tokio::spawn(server::serve(listener, Arc::clone(&shared)));
        Auth0 { shared, server }
    }

    /// The address of the API, without a slash at its end.
    pub fn domain(&self) -> String {
        self.shared.lock().domain.clone()
    }

    /// Changes the tenant between two calls. `with` must not use this server.
    pub fn change<T>(&self, with: impl FnOnce(&mut Tenant) -> T) -> T {
        with(&mut self.shared.lock().tenant)
    }

    /// A token, as `POST /oauth/token` would give it.
    pub fn token(&self) -> String {
        let now = self.shared.now();
        self.shared.lock().issue_token(now)
    }

    /// Every request so far, such as `GET /api/v2/logs?from=900&take=100`.
    pub fn calls(&self) -> Vec<String> {
        self.shared.lock().calls.clone()
    }
}

impl Drop for Auth0 {
    fn drop(&mut self) {
        self.server.abort();
    }
}
