//! Gates: calls wait at them until they are let through, one by one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::call::Call;

/// A call that waits at its gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The number to open the gate by. Later calls have greater tickets.
    pub ticket: u64,
    /// The call.
    pub call: Call,
}

/// Shut gates. While this value lives, every call that it holds waits. Dropping it lets all of them go.
#[derive(Debug)]
pub struct Gates {
    queue: GateQueue,
}

/// Decides whether a call waits.
pub(super) type Holds = dyn Fn(&Call) -> bool + Send + Sync;

/// The calls that wait. Clones are the same queue.
#[derive(Debug, Default, Clone)]
pub(super) struct GateQueue(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    /// `None` while the gates are open.
    holds: Option<Arc<Holds>>,
    tickets: u64,
    calls: BTreeMap<u64, (Call, oneshot::Sender<()>)>,
}

impl GateQueue {
    pub(super) fn is_shut(&self) -> bool {
        self.lock().holds.is_some()
    }

    /// What `call` must wait for. `None` if it may go on.
    pub(super) fn arrive(&self, call: &Call) -> Option<oneshot::Receiver<()>> {
        let mut waiting = self.lock();
        if !waiting.holds.as_ref()?(call) {
            return None;
        }
        let (open, gate) = oneshot::channel();
        waiting.tickets += 1;
        let ticket = waiting.tickets;
        waiting.calls.insert(ticket, (call.clone(), open));
        Some(gate)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gates {
    pub(super) fn shut(queue: GateQueue, holds: Arc<Holds>) -> Gates {
        queue.lock().holds = Some(holds);
        Gates { queue }
    }

    /// The calls that wait now, in the order in which they came. A call whose caller has given up is not among them.
    pub fn held(&self) -> Vec<Held> {
        let mut waiting = self.queue.lock();
        waiting.calls.retain(|_, (_, open)| !open.is_closed());
        waiting.calls.iter().map(|(&ticket, (call, _))| Held { ticket, call: call.clone() }).collect()
    }

    /// Opens one gate. Returns `false` if no call waits there.
    pub fn open(&self, ticket: u64) -> bool {
        let call = self.queue.lock().calls.remove(&ticket);
        call.is_some_and(|(_, open)| open.send(()).is_ok())
    }

    /// Opens the gate of the caller's oldest call. Returns `false` if none of its calls waits.
    pub fn open_for(&self, caller: &str) -> bool {
        let held = self.held();
        let first = held.iter().find(|held| &*held.call.caller == caller);
        first.is_some_and(|held| self.open(held.ticket))
    }

    /// Returns once every task waits for a gate or for time to pass.
    ///
    /// It needs a runtime of one thread whose clock is paused: that clock moves on only when every task waits.
    pub async fn settled(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Waiting").field("calls", &self.calls).finish_non_exhaustive()
    }
}

impl Drop for Gates {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        waiting.holds = None;
        for (_, (_, open)) in std::mem::take(&mut waiting.calls) {
            // A caller that has given up needs no opening.
            let _ = open.send(());
        }
    }
}
