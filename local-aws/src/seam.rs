//! The seam: the one place that every call of every caller passes, whether it comes from an SDK in the process, over
//! the port, or is the invocation of a Lambda function.
//!
//! A call waits at its gate, gets its number, meets its fault, is carried out or not, and enters the trace when it is
//! answered. If nothing is injected and no gate is shut, a call goes straight to its service.

mod athena_call;
mod call;
mod fault;
mod gates;
mod glue_call;
mod record;
mod reply;
mod s3_call;
mod sqs_call;
mod trace;

use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use tokio::sync::watch;

pub use self::call::{Call, Service};
pub use self::fault::{Failure, Fault, Faults};
pub use self::gates::{Gates, Held};
pub use self::trace::Traced;

pub(crate) use self::athena_call::of_athena;
pub(crate) use self::call::by_target;
pub(crate) use self::fault::FailEntry;
pub(crate) use self::glue_call::of_glue;
pub(crate) use self::record::CallRecord;
pub(crate) use self::reply::{INJECTED, Reply};
pub(crate) use self::s3_call::{is_batch_delete, of_s3};
pub(crate) use self::sqs_call::of_sqs;

use self::gates::GateQueue;

/// Stands between callers and services.
#[derive(Debug, Default)]
pub(crate) struct Seam {
    gates: GateQueue,
    plan: Mutex<Option<Plan>>,
    record: Option<&'static CallRecord>,
    /// The callers whose process has ended.
    ended: watch::Sender<HashSet<Arc<str>>>,
}

/// The injected faults, and the trace since the injection.
#[derive(Debug)]
struct Plan {
    faults: Faults,
    /// How many calls have a number.
    numbered: u64,
    trace: Vec<Traced>,
}

impl Seam {
    /// A seam that adds every call to `record`, if there is one.
    pub(crate) fn new(record: Option<&'static CallRecord>) -> Seam {
        Seam { record, ..Seam::default() }
    }

    /// Starts a new trace, in which calls are numbered from one and meet `faults`. Ended processes live again.
    pub(crate) fn inject(&self, faults: Faults) {
        faults.seed_jitter();
        *self.plan() = Some(Plan { faults, numbered: 0, trace: Vec::new() });
        self.ended.send_replace(HashSet::new());
    }

    /// The calls since the last injection, in the order in which they were answered.
    pub(crate) fn trace(&self) -> Vec<Traced> {
        self.plan().as_ref().map(|plan| plan.trace.clone()).unwrap_or_default()
    }

    /// Shuts the gates for the calls for which `holds` returns `true`.
    pub(crate) fn hold(&self, holds: impl Fn(&Call) -> bool + Send + Sync + 'static) -> Gates {
        Gates::shut(self.gates.clone(), Arc::new(holds))
    }

    /// Whether calls are neither recorded, nor traced, nor held.
    pub(crate) fn is_idle(&self) -> bool {
        self.record.is_none() && self.plan().is_none() && !self.gates.is_shut()
    }

    /// Returns once the process of `caller` has ended.
    pub(crate) async fn ended(&self, caller: &str) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as this seam.
        let _ = ended.wait_for(|ended| ended.contains(caller)).await;
    }

    /// Carries `call` out by `serve`, or not, as its fault says. `serve` gets the entry of a batch that must fail.
    pub(crate) async fn pass<R: Reply>(
        self: Arc<Self>,
        call: Call,
        serve: impl FnOnce(Option<FailEntry>) -> BoxFuture<'static, R>,
    ) -> R {
        self.record.inspect(|record| record.add(&call));
        if let Some(gate) = self.gates.arrive(&call) {
            // A sender is never dropped while its gate is shut.
            let _ = gate.await;
        }
        let Some((number, fault)) = self.begin(&call) else { return pending().await };
        let service = call.service;
        let entry = |outcome: String| Traced { number, call: call.clone(), fault: fault.clone(), outcome };
        match fault.clone() {
            None => self.traced(serve(None).await, entry),
            Some(Fault::Entry(index)) => self.traced(serve(Some(FailEntry(index))).await, entry),
            Some(Fault::Before(failure)) => {
                self.enter(entry("not carried out".to_owned()));
                self.fail(&call, failure).await
            }
            Some(Fault::After(failure)) => {
                let reply = serve(None).await;
                self.enter(entry(reply.outcome()));
                self.fail(&call, failure).await
            }
            Some(Fault::Torn) => self.traced(serve(None).await, entry).tear(service).await,
            Some(Fault::Slow(delay)) => {
                let reply = self.traced(serve(None).await, entry);
                tokio::time::sleep(delay).await;
                reply
            }
            Some(Fault::Late(delay)) => {
                let (seam, reply, late) = (Arc::clone(&self), serve(None), entry(String::new()));
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let outcome = reply.await.outcome();
                    seam.enter(Traced { outcome, ..late });
                });
                pending().await
            }
        }
    }

    /// Gives the call its number and its fault. `None` if the caller's process has ended.
    fn begin(&self, call: &Call) -> Option<(u64, Option<Fault>)> {
        if self.ended.borrow().contains(&call.caller) {
            return None;
        }
        let mut plan = self.plan();
        let Some(plan) = plan.as_mut() else { return Some((0, None)) };
        plan.numbered += 1;
        Some((plan.numbered, plan.faults.choose(plan.numbered, call)))
    }

    async fn fail<R: Reply>(&self, call: &Call, failure: Failure) -> R {
        match failure {
            Failure::Silence if call.service != Service::Lambda => pending().await,
            Failure::End => {
                self.ended.send_modify(|ended| {
                    ended.insert(Arc::clone(&call.caller));
                });
                pending().await
            }
            failure => R::failed(call.service, failure),
        }
    }

    /// Enters a reply into the trace and returns it.
    fn traced<R: Reply>(&self, reply: R, entry: impl FnOnce(String) -> Traced) -> R {
        self.enter(entry(reply.outcome()));
        reply
    }

    fn enter(&self, traced: Traced) {
        if let Some(plan) = self.plan().as_mut() {
            plan.trace.push(traced);
        }
    }

    fn plan(&self) -> MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
