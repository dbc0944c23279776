//! The connections of the server: how many there may be, and which one has to go.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// For another connection, one that waits for its client is closed. A process may have 256 open files on some systems,
/// and objects need some of them.
pub(super) const CONNECTIONS_MAX: usize = 100;
/// How long a client may pause within a request while others wait for a connection.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long it has at least to begin a request.
const GRACE: Duration = Duration::from_millis(50);

/// The open connections. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Connections(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    open: Mutex<Open>,
    /// One has ended, or waits for its client now.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Open {
    begun: u64,
    connections: BTreeMap<u64, Arc<State>>,
}

/// What a connection does.
#[derive(Debug)]
struct State {
    waits: Mutex<Option<Waits>>,
    close: Notify,
}

/// A connection waits for its client.
#[derive(Debug, Clone, Copy)]
struct Waits {
    since: Instant,
    /// Between two requests.
    idle: bool,
}

/// An open connection. It ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    state: Arc<State>,
    open: Arc<Ends>,
}

#[derive(Debug)]
struct Ends {
    number: u64,
    connections: Connections,
}

/// A request in progress. Dropping it makes the connection idle.
#[derive(Debug)]
pub(super) struct Busy(Connection);

impl Connections {
    /// Waits until there may be another connection. For it one is closed that waits for its client, the longest first:
    /// one between two requests, or else one whose client has paused for [`PATIENCE`].
    pub(super) async fn make_room(&self) {
        while self.lock().connections.len() >= CONNECTIONS_MAX {
            self.close_idlest();
            tokio::select! {
                () = self.0.changed.notified() => {}
                () = sleep(GRACE) => {}
            }
        }
    }

    /// Closes the connection that has waited for its client for the longest, if one may be closed.
    pub(super) fn close_idlest(&self) {
        let open = self.lock();
        let waiting = open.connections.values().filter_map(|state| Some((state.may_go()?, state)));
        if let Some((_, state)) = waiting.min_by_key(|(waits, _)| (!waits.idle, waits.since)) {
            state.close.notify_one();
        }
    }

    /// A new connection.
    pub(super) fn begin(&self) -> Connection {
        let idle = Waits { since: Instant::now(), idle: true };
        let state = Arc::new(State { waits: Mutex::new(Some(idle)), close: Notify::new() });
        let mut open = self.lock();
        open.begun += 1;
        let number = open.begun;
        open.connections.insert(number, Arc::clone(&state));
        Connection { state, open: Arc::new(Ends { number, connections: self.clone() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        lock(&self.0.open)
    }
}

impl State {
    /// For what it waits, if it may be closed.
    fn may_go(&self) -> Option<Waits> {
        lock(&self.waits).filter(|waits| waits.since.elapsed() >= if waits.idle { GRACE } else { PATIENCE })
    }
}

impl Connection {
    /// Waits until the connection has to go. A request that has begun meanwhile keeps it.
    pub(super) async fn closed(&self) {
        loop {
            self.state.close.notified().await;
            if self.state.may_go().is_some() {
                return;
            }
        }
    }

    /// A request begins.
    pub(super) fn busy(&self) -> Busy {
        *lock(&self.state.waits) = None;
        Busy(self.clone())
    }

    fn wait(&self, idle: bool) {
        let mut waits = lock(&self.state.waits);
        if waits.is_none_or(|waits| waits.idle != idle) {
            *waits = Some(Waits { since: Instant::now(), idle });
        }
    }
}

impl Busy {
    /// The client has to send, or to take, the next part.
    pub(super) fn waits_for_client(&self) {
        self.0.wait(false);
    }

    /// The client has done so.
    pub(super) fn goes_on(&self) {
        *lock(&self.0.state.waits) = None;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.wait(true);
        self.0.open.connections.0.changed.notify_one();
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.connections.lock().connections.remove(&self.number);
        self.connections.0.changed.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
