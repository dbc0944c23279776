//! Replays the messages of a dead-letter queue. Each is an event as EventBridge would have sent it to Firehose.

use std::collections::BTreeSet;

use anyhow::Context;
use aws_sdk_sqs::types::Message;
use indicatif::ProgressBar;
use transform::batch::Report;

use super::error_records::ErrorRecords;
use super::replayer::{Replayer, STOPPED};
use super::write::Written;

/// The most messages that SQS gives at once.
const MESSAGES_MAX: i32 = 10;
/// A queue on AWS is spread over many machines; a call that waits asks all of them.
const WAIT_SECONDS: i32 = 5;
/// For so long nobody else sees a received message: many times what replaying one takes.
const HIDDEN_SECONDS: i32 = 600;
/// For so long nobody else sees a message that a dry run has received.
const HIDDEN_SECONDS_DRY: i32 = 30;

impl Replayer<'_> {
    /// Replays what the queue at `url` holds, until it gives nothing new.
    pub(super) async fn replay_queue(&mut self, url: &str, bar: &ProgressBar) -> anyhow::Result<()> {
        let mut seen = BTreeSet::new();
        loop {
            let received = self.receive(url).await?;
            let unseen = |message: &Message| seen.insert(message.message_id().unwrap_or_default().to_string());
            let new: Vec<Message> = received.into_iter().filter(unseen).collect();
            if new.is_empty() {
                return Ok(());
            }
            bar.inc_length(new.len() as u64);
            for message in &new {
                let id = message.message_id().unwrap_or_default();
                let replayed = self.replay_message(url, id, message).await;
                replayed.with_context(|| format!("stopped at message {id} of {url}; {STOPPED}"))?;
                bar.inc(1);
            }
        }
    }

    async fn receive(&self, url: &str) -> anyhow::Result<Vec<Message>> {
        let hidden = if self.dry_run { HIDDEN_SECONDS_DRY } else { HIDDEN_SECONDS };
        let call = self.deployment.queues.receive_message().queue_url(url).max_number_of_messages(MESSAGES_MAX);
        let received = call.visibility_timeout(hidden).wait_time_seconds(WAIT_SECONDS).send().await;
        let received = received.map_err(aws_sdk_sqs::Error::from);
        let received = received.with_context(|| format!("failed to receive messages of {url}; {STOPPED}"))?;
        Ok(received.messages.unwrap_or_default())
    }

    async fn replay_message(&mut self, url: &str, id: &str, message: &Message) -> anyhow::Result<()> {
        self.found.messages += 1;
        let body = message.body().unwrap_or_default().as_bytes();
        let records = match ErrorRecords::of_record(body) {
            Ok(records) => records,
            Err(why) => {
                self.refuse(body, why);
                // The queue is the only place that keeps it.
                self.found.troubles.push(format!("message {id} stays in {url}: {why}"));
                return Ok(());
            }
        };
        let marker = self.marker(&format!("queue/{id}"), message.md5_of_body().unwrap_or_default(), &records);
        match self.write(marker, &records).await? {
            Written::There { marker, new } => {
                self.count(&marker, new, &records);
                self.found.messages_replayed += 1;
                if !self.dry_run {
                    self.register_hour(marker.hour).await?;
                    self.delete(url, message).await?;
                }
            }
            Written::Not(why) => self.found.troubles.push(format!("message {id} stays in {url}: {why}")),
        }
        Ok(())
    }

    fn refuse(&mut self, body: &[u8], why: transform::record::RecordError) {
        let mut report = Report::default();
        report.count(body, &Err(why));
        self.found.add(&report);
    }

    async fn delete(&self, url: &str, message: &Message) -> anyhow::Result<()> {
        let call = self.deployment.queues.delete_message().queue_url(url);
        let deleted = call.receipt_handle(message.receipt_handle().unwrap_or_default()).send().await;
        deleted.map(drop).map_err(aws_sdk_sqs::Error::from).context("failed to delete it from its queue")
    }
}
