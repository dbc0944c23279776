//! The seam: every call of every caller passes here, whether it came through an SDK, over the port, or is a Lambda's
//! invocation. It can be held at a gate, made to fail, and is written down.
//!
//! A call passes its gate, gets its number, meets its fault, is carried out or not, and enters the trace as it is
//! answered. With nothing injected and nothing held a call goes straight on.

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

pub(crate) use self::call::by_target;
pub(crate) use self::glue_call::of_glue;
pub(crate) use self::record::Record;
pub(crate) use self::reply::Reply;
pub(crate) use self::s3_call::{is_batch_delete, of_s3};
pub(crate) use self::sqs_call::of_sqs;

use self::gates::Waiting;

/// Which entry of a batch is to fail; of a batch of n, the one with this number modulo n.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FailEntry(usize);

impl FailEntry {
    /// Is it the entry at `index` of a batch of `count`?
    pub(crate) fn is(self, index: usize, count: usize) -> bool {
        self.0 % count == index
    }
}

/// What stands between callers and services.
#[derive(Debug, Default)]
pub(crate) struct Seam {
    waiting: Mutex<Waiting>,
    plan: Mutex<Option<Plan>>,
    record: Option<&'static Record>,
    /// The callers whose process has ended.
    ended: watch::Sender<HashSet<Arc<str>>>,
}

/// What was injected, and what came of it.
#[derive(Debug)]
struct Plan {
    faults: Faults,
    numbered: u64,
    trace: Vec<Traced>,
}

impl Seam {
    /// A seam that adds every call to `record`, if there is one.
    pub(crate) fn new(record: Option<&'static Record>) -> Seam {
        Seam { record, ..Seam::default() }
    }

    /// From now on calls are counted from one, meet `faults` and are traced. Ended processes live again.
    pub(crate) fn inject(&self, faults: Faults) {
        faults.seed_jitter();
        *self.plan() = Some(Plan { faults, numbered: 0, trace: Vec::new() });
        self.ended.send_replace(HashSet::new());
    }

    /// The calls since the last injection, in the order in which they were answered.
    pub(crate) fn trace(&self) -> Vec<Traced> {
        self.plan().as_ref().map(|plan| plan.trace.clone()).unwrap_or_default()
    }

    /// Is there anything for a call to meet?
    pub(crate) fn is_idle(&self) -> bool {
        self.record.is_none() && self.plan().is_none() && !self.waiting().is_shut()
    }

    /// Returns once the process of `caller` has ended.
    pub(crate) async fn ended(&self, caller: &str) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as this does.
        let _ = ended.wait_for(|ended| ended.contains(caller)).await;
    }

    /// Carries `call` out by `serve`, which may be told that an entry is to fail, or doesn't.
    pub(crate) async fn pass<R: Reply>(
        self: Arc<Self>,
        call: Call,
        serve: impl FnOnce(Option<FailEntry>) -> BoxFuture<'static, R>,
    ) -> R {
        self.record.inspect(|record| record.add(&call));
        let gate = self.waiting().arrive(&call);
        if let Some(gate) = gate {
            // Gates are opened, never dropped while shut.
            let _ = gate.await;
        }
        let Some((number, fault)) = self.begin(&call) else { return pending().await };
        let service = call.service;
        let entry = |outcome: String| Traced { number, call: call.clone(), fault: fault.clone(), outcome };
        match fault.clone() {
            None => self.answered(serve(None).await, entry),
            Some(Fault::Entry(index)) => self.answered(serve(Some(FailEntry(index))).await, entry),
            Some(Fault::Before(failure)) => {
                self.enter(entry("not carried out".to_owned()));
                self.fail(&call, failure).await
            }
            Some(Fault::After(failure)) => {
                let reply = serve(None).await;
                self.enter(entry(reply.outcome()));
                self.fail(&call, failure).await
            }
            Some(Fault::Torn) => self.answered(serve(None).await, entry).tear(service).await,
            Some(Fault::Slow(delay)) => {
                let reply = self.answered(serve(None).await, entry);
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

    /// The call's number and its fault; none if its process has ended.
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

    fn answered<R: Reply>(&self, reply: R, entry: impl FnOnce(String) -> Traced) -> R {
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

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
