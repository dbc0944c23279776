//! Gates: calls that wait until they are let through, one by one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Call, Seam};

/// A call at its gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What to open its gate by. Later calls have greater tickets.
    pub ticket: u64,
    /// What it asks.
    pub call: Call,
}

/// Shut gates: while this lives, every call that it holds waits at one. Dropped, it lets all go and holds no more.
#[derive(Debug)]
pub struct Gates {
    seam: Arc<Seam>,
}

/// The calls at their gates.
#[derive(Default)]
pub(super) struct Waiting {
    holds: Option<Arc<Holds>>,
    tickets: u64,
    calls: BTreeMap<u64, (Call, oneshot::Sender<()>)>,
}

/// Which calls wait.
pub(crate) type Holds = dyn Fn(&Call) -> bool + Send + Sync;

impl Waiting {
    pub(super) fn is_shut(&self) -> bool {
        self.holds.is_some()
    }

    /// What `call` is to wait for, if gates are shut.
    pub(super) fn arrive(&mut self, call: &Call) -> Option<oneshot::Receiver<()>> {
        if !self.holds.as_ref()?(call) {
            return None;
        }
        let (open, gate) = oneshot::channel();
        self.tickets += 1;
        self.calls.insert(self.tickets, (call.clone(), open));
        Some(gate)
    }
}

impl Gates {
    pub(crate) fn shut(seam: Arc<Seam>, holds: Arc<Holds>) -> Gates {
        seam.waiting().holds = Some(holds);
        Gates { seam }
    }

    /// The calls that wait now, in the order in which they came. Those whose caller has given up are gone.
    pub fn held(&self) -> Vec<Held> {
        let mut waiting = self.seam.waiting();
        waiting.calls.retain(|_, (_, open)| !open.is_closed());
        waiting.calls.iter().map(|(&ticket, (call, _))| Held { ticket, call: call.clone() }).collect()
    }

    /// Opens one gate. False if no call waits there.
    pub fn open(&self, ticket: u64) -> bool {
        let call = self.seam.waiting().calls.remove(&ticket);
        call.is_some_and(|(_, open)| open.send(()).is_ok())
    }

    /// Opens the gate of the caller's oldest call. False if none of its calls waits.
    pub fn open_for(&self, caller: &str) -> bool {
        let held = self.held();
        let first = held.iter().find(|held| &*held.call.caller == caller);
        first.is_some_and(|held| self.open(held.ticket))
    }

    /// Returns once nothing can go on any more but by a gate's opening or by time's passing.
    ///
    /// For a runtime of one thread whose clock is paused: that clock moves on only when every task waits.
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
        let mut waiting = self.seam.waiting();
        waiting.holds = None;
        for (_, (_, open)) in std::mem::take(&mut waiting.calls) {
            // Whoever gave up waiting needs no opening.
            let _ = open.send(());
        }
    }
}
