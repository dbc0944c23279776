//! Faults: how a call can fail, and which calls fail.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::call::Call;

/// A deviation from the normal course of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The call is not carried out.
    Before(Failure),
    /// The call is carried out, and answered as if it had failed.
    After(Failure),
    /// The call is carried out, and the connection breaks in the middle of the answer's body.
    Torn,
    /// The call is carried out, and the right answer arrives after this delay.
    Slow(Duration),
    /// The call is never answered, and carried out after this delay, when nobody waits for it any more. The task that
    /// carries it out lives as long as the runtime.
    Late(Duration),
    /// One entry of a batch is not carried out and reported as failed. Its index is this number modulo the count of
    /// entries. A call that is no batch is not affected.
    Entry(usize),
}

/// How a failed call looks to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// 503: S3's `SlowDown`, Glue's `ServiceUnavailableException`, SQS's `ServiceUnavailable`.
    SlowDown,
    /// S3's 503 `ServiceUnavailable`, Glue's 400 `ThrottlingException`, SQS's 403 `RequestThrottled`, Lambda's 429
    /// `TooManyRequestsException`.
    Throttled,
    /// 500: `InternalError`, `InternalServiceException`, `InternalFailure`.
    Internal,
    /// S3's 409 `ConditionalRequestConflict`, Glue's 400 `ConcurrentModificationException`. SQS has no error for a
    /// conflict and answers 500 `InternalFailure`.
    Conflict,
    /// The request was signed too long ago: S3's 403 `RequestTimeTooSkewed`, Glue's 400 `InvalidSignatureException`,
    /// SQS's 400 `RequestExpired`. This happens to a process that sleeps between signing and sending.
    Expired,
    /// The connection is reset.
    Reset,
    /// No answer ever comes. The call ends by the client's timeout, if it has one. An invocation ends by Lambda's.
    Silence,
    /// The process of the caller ends. None of its calls is answered any more.
    End,
}

/// The entry of a batch that must fail: its index is this number modulo the count of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FailEntry(pub(super) usize);

impl FailEntry {
    /// Whether the entry at `index` of a batch of `count` must fail.
    pub(crate) fn is(self, index: usize, count: usize) -> bool {
        self.0 % count == index
    }
}

type Choose = dyn Fn(u64, &Call) -> Option<Fault> + Send + Sync;

/// Which calls fail, and how.
#[derive(Clone)]
pub struct Faults {
    choose: Arc<Choose>,
    seed: u64,
}

impl Faults {
    /// No faults. Calls are only numbered and traced.
    pub fn none() -> Faults {
        Faults::by(|_, _| None)
    }

    /// One fault for each of these calls, by their number since the injection. The first call is number one.
    pub fn listed(faults: impl IntoIterator<Item = (u64, Fault)>) -> Faults {
        let faults: Vec<(u64, Fault)> = faults.into_iter().collect();
        Faults::by(move |number, _| faults.iter().find(|(listed, _)| *listed == number).map(|(_, fault)| fault.clone()))
    }

    /// The faults that `choose` returns for a call and its number.
    pub fn by(choose: impl Fn(u64, &Call) -> Option<Fault> + Send + Sync + 'static) -> Faults {
        Faults { choose: Arc::new(choose), seed: 0 }
    }

    /// Random faults, each with its probability. A call's fault depends on `seed` and the call's number alone. The
    /// jitter of the SDKs' retries depends on `seed` too, on the thread that injects.
    pub fn seeded(seed: u64, rates: impl IntoIterator<Item = (f64, Fault)>) -> Faults {
        let rates: Vec<(f64, Fault)> = rates.into_iter().collect();
        let choose = move |number, _: &Call| {
            let mut drawn = unit(seed, number);
            let mut chosen = rates.iter().filter(|(rate, _)| {
                let is_chosen = (0.0..*rate).contains(&drawn);
                drawn -= rate;
                is_chosen
            });
            chosen.next().map(|(_, fault)| fault.clone())
        };
        Faults { choose: Arc::new(choose), seed }
    }

    pub(super) fn choose(&self, number: u64, call: &Call) -> Option<Fault> {
        (self.choose)(number, call)
    }

    /// Seeds the generator of this thread from which the SDKs draw the jitter of their retries.
    pub(super) fn seed_jitter(&self) {
        fastrand::seed(self.seed);
    }
}

/// A random number from 0 up to but not including 1, the same for the same seed and position.
fn unit(seed: u64, position: u64) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(position);
    f64::from(random.next_u32()) / (f64::from(u32::MAX) + 1.0)
}

impl fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Faults").field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Before(failure) => write!(formatter, "before: {failure:?}"),
            Fault::After(failure) => write!(formatter, "after: {failure:?}"),
            Fault::Torn => formatter.write_str("torn"),
            Fault::Slow(delay) => write!(formatter, "slow: {delay:?}"),
            Fault::Late(delay) => write!(formatter, "late: {delay:?}"),
            Fault::Entry(index) => write!(formatter, "entry {index}"),
        }
    }
}
