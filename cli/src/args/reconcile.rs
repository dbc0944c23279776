//! The options of `reconcile`.

use clap::builder::NonEmptyStringValueParser;

use super::Span;
use super::help::Help;
use crate::auth0::Rate;

const RECONCILE: Help = Help {
    text: "\
Reads Auth0's own log by its Management API, and looks for each of its events in the bucket by its log_id. Without a
stretch of time it goes on where the last run stopped, or takes the last 24 hours. Each event that is not in the bucket
has its cause:
  missing          it happened more than 26 hours ago, nothing holds it back, and it did not come
  late             it happened in the last 26 hours: it may still come
  left out         the stream's filters, or its being a prioritised one, leave its type out
  awaits replay    it is under error/; `replay` brings it
  in queue         it is in a queue given with --queue; `replay --queue` brings it
  waits at Auth0   the stream is not active
  cannot tell      something that may hold it, or the stream, could not be read

With --repair what is missing is fetched from Auth0 and put into the current hour, each event once, however often this
runs. Such an event has \"_source\":\"management-api\" in extra: the API shows some fields otherwise than the stream.

AUTH0_DOMAIN says which tenant; AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET, or AUTH0_API_TOKEN, by what right: those of a
machine-to-machine application with the scopes read:logs, read:logs_users and read:log_streams. With a custom domain
AUTH0_AUDIENCE is https://TENANT/api/v2/.",
    exit_codes: "
  0  proven: every event at Auth0 is in the bucket, or is late, left out or awaits replay
  1  events are missing; --repair fetches them
  2  could not tell: the reason was printed",
    examples: "
  auth0-s3-logs reconcile
  auth0-s3-logs reconcile --aws --deployment auth0-s3-logs --last 24h
  auth0-s3-logs reconcile --day 2026-11-20 --repair",
};

/// Options of `reconcile`.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = RECONCILE.brief(), after_long_help = RECONCILE.full())]
pub struct Reconcile {
    /// The stretch of time in which the events happened; from where the last run stopped without it.
    #[command(flatten)]
    pub span: Span,
    /// Also read what an earlier run has proven
    #[arg(long)]
    pub again: bool,
    /// Fetch what is missing from Auth0
    ///
    /// It is put into the event log, each event once.
    #[arg(long)]
    pub repair: bool,
    /// Repair although the stream masks personal fields
    ///
    /// The API does not mask them.
    #[arg(long, requires = "repair")]
    pub unmasked: bool,
    /// Calls a minute at most [default: a quarter]
    ///
    /// A quarter is of what Auth0's answers say is allowed.
    #[arg(long, value_name = "CALLS")]
    pub rate: Option<Rate>,
    /// Also look for events in this queue
    ///
    /// The bodies of its messages are EventBridge events. May be given several times.
    #[arg(long = "queue", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub queues: Vec<String>,
    /// The event source of the stream to this bucket
    ///
    /// Needed if the tenant has several streams to EventBridge.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub event_source: Option<String>,
}
