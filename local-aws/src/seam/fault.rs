//! What can befall a call, and which call it befalls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::Call;

/// What befalls a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is not carried out.
    Before(Failure),
    /// It is carried out, and answered as if it weren't.
    After(Failure),
    /// It is carried out, and the connection breaks in the middle of the answer's body.
    Torn,
    /// It is carried out and rightly answered, but the answer takes so long.
    Slow(Duration),
    /// It is never answered, and carried out so much later, when nobody waits for it any more; by a task that lives as
    /// long as the runtime does.
    Late(Duration),
    /// One entry of a batch is not carried out and reported as failed: that of this number, modulo their count. Where
    /// there is no batch, nothing happens.
    Entry(usize),
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// 503: S3's `SlowDown`; of Glue and SQS, that it is unavailable.
    SlowDown,
    /// S3's 503 `ServiceUnavailable`, Glue's 400 `ThrottlingException`, SQS's 403 `RequestThrottled`, Lambda's 429 `TooManyRequestsException`.
    Throttled,
    /// 500: `InternalError`, `InternalServiceException`, `InternalFailure`.
    Internal,
    /// S3's 409 `ConditionalRequestConflict`; Glue's `ConcurrentModificationException`; SQS, which has none, fails by a 500.
    Conflict,
    /// The request was signed too long ago: S3's 403 `RequestTimeTooSkewed`, Glue's 400 `InvalidSignatureException`, SQS's
    /// 400 `RequestExpired`. So
    /// ends a call whose process slept between signing and sending.
    Expired,
    /// The connection is reset.
    Reset,
    /// No answer ever comes: the client's timeout, if it has one, is what ends the call. Lambda has one.
    Silence,
    /// The process that called ends: this call and all its others are never answered.
    End,
}

type Choose = dyn Fn(u64, &Call) -> Option<Fault> + Send + Sync;

/// Which calls fail, and how.
#[derive(Clone)]
pub struct Faults {
    choose: Arc<Choose>,
    seed: u64,
}

impl Faults {
    /// None: calls are only numbered and traced.
    pub fn none() -> Faults {
        Faults::by(|_, _| None)
    }

    /// These, by the number of the call since the injection, which begins with one.
    pub fn listed(faults: impl IntoIterator<Item = (u64, Fault)>) -> Faults {
        let faults: Vec<(u64, Fault)> = faults.into_iter().collect();
        Faults::by(move |number, _| faults.iter().find(|(listed, _)| *listed == number).map(|(_, fault)| fault.clone()))
    }

    /// Those that `choose` chooses for a call and its number.
    pub fn by(choose: impl Fn(u64, &Call) -> Option<Fault> + Send + Sync + 'static) -> Faults {
        Faults { choose: Arc::new(choose), seed: 0 }
    }

    /// Each of `rates` with its probability, drawn from `seed` for each call by its number alone. The jitter of the
    /// SDKs' retries comes from the seed too, on the thread that injects.
    pub fn seeded(seed: u64, rates: impl IntoIterator<Item = (f64, Fault)>) -> Faults {
        let rates: Vec<(f64, Fault)> = rates.into_iter().collect();
        let choose = move |number, _: &Call| {
            let mut drawn = unit(seed, number);
            let mut chosen = rates.iter().filter(|(rate, _)| {
                let here = (0.0..*rate).contains(&drawn);
                drawn -= rate;
                here
            });
            chosen.next().map(|(_, fault)| fault.clone())
        };
        Faults { choose: Arc::new(choose), seed }
    }

    pub(super) fn choose(&self, number: u64, call: &Call) -> Option<Fault> {
        (self.choose)(number, call)
    }

    /// The SDKs draw the jitter of their retries from this generator, which every thread has its own of.
    pub(super) fn seed_jitter(&self) {
        fastrand::seed(self.seed);
    }
}

/// A number from 0 up to 1, of a seed and a position.
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
