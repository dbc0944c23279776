//! Looks for events where they lie if they did not get through: under `error/`, and in queues.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context, Result};
use log_format::{event_of, layout};

use super::cause::Elsewhere;
use super::open::Ledger;
use crate::commands::replay::error_records::each_record;
use crate::deployment::Deployment;
use crate::held::Identity;

/// For so long nobody else sees a message that was looked at, in seconds.
const HIDDEN_SECONDS: i32 = 120;
/// Messages that were seen may come again while others have not come yet: so many such answers end the search.
const REPEATS_MAX: u32 = 3;
/// The most messages that SQS gives at once.
const MESSAGES_MAX: i32 = 10;
/// A queue on AWS is spread over many machines; a call that waits asks all of them.
const WAIT_SECONDS: i32 = 5;

/// What was found elsewhere.
#[derive(Debug, Default)]
pub(super) struct Searched {
    /// The open events that were found, and where.
    pub(super) found: HashMap<Identity, Elsewhere>,
    /// What could not be read.
    pub(super) unreadable: Vec<String>,
}

impl Searched {
    /// Searches for the open events of `ledger`.
    ///
    /// # Errors
    ///
    /// If S3 or SQS refuses a call.
    pub(super) async fn search(deployment: &Deployment, queues: &[String], ledger: &Ledger) -> Result<Searched> {
        let mut searched = Searched::default();
        if ledger.open.is_empty() {
            return Ok(searched);
        }
        searched.search_errors(deployment, ledger).await?;
        for url in queues {
            searched.search_queue(deployment, url, ledger).await?;
        }
        Ok(searched)
    }

    async fn search_errors(&mut self, deployment: &Deployment, ledger: &Ledger) -> Result<()> {
        for object in deployment.bucket.list(layout::ERRORS).await? {
            let Some((bytes, _)) = deployment.bucket.read_as_is(&object.key).await? else { continue };
            let unreadable = each_record(&bytes, |record| self.note(record, Elsewhere::UnderError, ledger));
            if !unreadable.is_empty() {
                self.unreadable.push(format!("{}: {} of its lines hold no record", object.key, unreadable.len()));
            }
        }
        Ok(())
    }

    async fn search_queue(&mut self, deployment: &Deployment, url: &str, ledger: &Ledger) -> Result<()> {
        let (mut seen, mut repeats) = (BTreeSet::new(), 0);
        while repeats < REPEATS_MAX {
            let call = deployment.queues.receive_message().queue_url(url).max_number_of_messages(MESSAGES_MAX);
            let received = call.visibility_timeout(HIDDEN_SECONDS).wait_time_seconds(WAIT_SECONDS).send().await;
            let received = received.map_err(aws_sdk_sqs::Error::from);
            let messages = received.with_context(|| format!("failed to receive messages of {url}"))?.messages;
            let messages = messages.unwrap_or_default();
            if messages.is_empty() {
                break;
            }
            let mut new = false;
            for message in messages {
                new |= seen.insert(message.message_id().unwrap_or_default().to_owned());
                self.note(message.body().unwrap_or_default().as_bytes(), Elsewhere::InQueue, ledger);
            }
            repeats = if new { 0 } else { repeats + 1 };
        }
        Ok(())
    }

    /// Notes the event of a record if it is open. Under `error/` goes before a queue.
    fn note(&mut self, record: &[u8], place: Elsewhere, ledger: &Ledger) {
        let Some(identity) = log_id_of(record).map(|log_id| Identity::of_log_id(&log_id)) else { return };
        if ledger.open.contains_key(&identity) {
            self.found.entry(identity).or_insert(place);
        }
    }
}

/// The log_id of an EventBridge envelope, as the transform takes it.
fn log_id_of(record: &[u8]) -> Option<String> {
    let (event, outer) = event_of(std::str::from_utf8(record).ok()?).ok()??;
    let own = event.get("log_id").filter(|log_id| *log_id != "null");
    serde_json::from_str(own.or(outer)?).ok()
}
