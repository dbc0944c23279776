//! The queues: all of them in memory, and every change in a journal.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use uuid::Builder;

use super::error::SqsError;
use crate::clock::Clock;
use crate::folder::Folder;
use crate::journal::{Journal, JournalError};

/// A queue and its messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Queue {
    pub(super) name: String,
    /// How long a received message is hidden, unless the receiver says otherwise.
    pub(super) visibility_seconds: u32,
    /// How many messages were ever sent to the queue. It is the number of the next one.
    sent: u64,
    #[serde(skip)]
    messages: BTreeMap<u64, Message>,
}

/// A message in its queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Message {
    queue: String,
    number: u64,
    pub(super) id: String,
    pub(super) body: String,
    /// The message is hidden until then.
    visible_at: DateTime<Utc>,
    /// How often it was received.
    received: u32,
}

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    PutQueue(Queue),
    PutMessage(Message),
    DropMessage { queue: String, number: u64 },
}

/// All queues and their journal.
pub(super) struct Queues {
    queues: BTreeMap<String, Queue>,
    journal: Journal,
    clock: Clock,
}

impl Queues {
    /// Replays the journal `name` in `folder` and writes it back without deleted messages.
    pub(super) fn open(folder: &Folder, name: &str, clock: Clock) -> Result<Queues, JournalError> {
        let mut queues = BTreeMap::new();
        for change in Journal::read(folder, name)? {
            apply(&mut queues, change);
        }
        let snapshot = queues.values().flat_map(|queue: &Queue| {
            let messages = queue.messages.values().cloned().map(Change::PutMessage);
            std::iter::once(Change::PutQueue(queue.clone())).chain(messages)
        });
        let journal = Journal::rewrite(folder, name, snapshot)?;
        Ok(Queues { queues, journal, clock })
    }

    pub(super) fn queue(&self, name: &str) -> Result<&Queue, SqsError> {
        self.queues.get(name).ok_or(SqsError::NoQueue)
    }

    pub(super) fn create(&mut self, name: &str, visibility_seconds: u32) -> Result<(), SqsError> {
        let messages = BTreeMap::new();
        self.change(Change::PutQueue(Queue { name: name.to_owned(), visibility_seconds, sent: 0, messages }))
    }

    /// Puts a message into the queue. Its id is a hash of the queue's name and the message's number.
    pub(super) fn send(&mut self, queue: &str, body: String) -> Result<Message, SqsError> {
        let number = self.queue(queue)?.sent;
        let digest = Md5::new().chain_update(queue).chain_update(number.to_be_bytes()).finalize();
        let id = Builder::from_random_bytes(digest.into()).into_uuid().to_string();
        let message = Message { queue: queue.to_owned(), number, id, body, visible_at: (self.clock)(), received: 0 };
        self.change(Change::PutMessage(message.clone()))?;
        Ok(message)
    }

    /// Takes up to `most` visible messages, the oldest first, and hides them for `hidden_seconds`.
    pub(super) fn receive(&mut self, queue: &str, most: usize, hidden_seconds: u32) -> Result<Vec<Message>, SqsError> {
        let now = (self.clock)();
        let messages = self.queue(queue)?.messages.values();
        let visible = messages.filter(|message| message.visible_at <= now).take(most).cloned();
        let mut received: Vec<Message> = visible.collect();
        for message in &mut received {
            message.visible_at = now + TimeDelta::seconds(hidden_seconds.into());
            message.received += 1;
            self.change(Change::PutMessage(message.clone()))?;
        }
        Ok(received)
    }

    /// Deletes the message that was received with `receipt`. It is no error if the message has been received again, and
    /// so is kept, or has been deleted.
    pub(super) fn delete(&mut self, queue: &str, receipt: &str) -> Result<(), SqsError> {
        let (id, received) = receipt.rsplit_once('#').ok_or(SqsError::Receipt)?;
        let received: u32 = received.parse().map_err(|_| SqsError::Receipt)?;
        let is_it = |message: &&Message| message.id == id && message.received == received;
        match self.queue(queue)?.messages.values().find(is_it).map(|message| message.number) {
            Some(number) => self.change(Change::DropMessage { queue: queue.to_owned(), number }),
            None => Ok(()),
        }
    }

    /// Appends a change to the journal, then applies it.
    fn change(&mut self, change: Change) -> Result<(), SqsError> {
        self.journal.append(&change)?;
        apply(&mut self.queues, change);
        Ok(())
    }
}

impl Message {
    /// The handle to delete the message by. It is valid until the message is received again.
    pub(super) fn receipt(&self) -> String {
        format!("{}#{}", self.id, self.received)
    }
}

fn apply(queues: &mut BTreeMap<String, Queue>, change: Change) {
    match change {
        Change::PutQueue(queue) => drop(queues.insert(queue.name.clone(), queue)),
        Change::PutMessage(message) => {
            if let Some(queue) = queues.get_mut(&message.queue) {
                queue.sent = queue.sent.max(message.number + 1);
                queue.messages.insert(message.number, message);
            }
        }
        Change::DropMessage { queue, number } => {
            queues.entry(queue).and_modify(|queue| drop(queue.messages.remove(&number)));
        }
    }
}
