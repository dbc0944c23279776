//! `reconcile`: the left end of the proof. Compares Auth0's own log with what the bucket holds, event by event.
//!
//! `window` says what is compared, `walk` reads both sides, `open` keeps what was not found, `elsewhere` looks for it in
//! other places. `cause` says why an event is not in the bucket, by what `source` knows of the stream. `repair` brings
//! what is missing. `state` keeps what is proven, so that the next run goes on from there.

mod cause;
mod elsewhere;
mod open;
mod reconciled;
mod render;
mod repair;
mod source;
pub(crate) mod state;
mod walk;
mod window;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use futures::FutureExt;

use self::cause::Circumstances;
use self::elsewhere::Searched;
use self::reconciled::Conclusion;
use self::repair::{Repair, Repaired};
use self::source::Source;
use self::state::{Proven, Reconciliation, StreamSeen};
use self::walk::Walk;
use self::window::{Extent, Plan, Start, Window, plan};
use crate::args::Reconcile;
use crate::auth0::{Auth0, Http, Rate};
use crate::deployment::Deployment;
use crate::env::Env;
use crate::held::{Identity, Reader};
use crate::output::verdict::Verdict;
use crate::output::{progress, report};
use crate::target::{Target, Told};

pub use self::cause::Cause as WhyNotInBucket;
pub use self::open::TypeCounts;
pub use self::reconciled::{NotInBucket, Reconciled};

/// An answer of Auth0 that takes longer is given up.
const ANSWER_SECONDS: u64 = 30;
/// What is proven is stored so often while a long walk goes on, in seconds.
const SECONDS_BETWEEN_STORES: i64 = 30;

/// Reconciles the target with Auth0, and prints what was found.
///
/// # Errors
///
/// If Auth0, S3, Glue or SQS refuses a call before anything can be said.
pub async fn reconcile(target: &Target, options: &Reconcile, env: &Env) -> Result<Verdict> {
    let sleep = Arc::new(|time| tokio::time::sleep(time).boxed());
    let rate = options.rate.unwrap_or(Rate::Quarter);
    let http = Http::new(Duration::from_secs(ANSWER_SECONDS))?;
    let mut auth0 = Auth0::new(&env.auth0, rate, http, env.clock(), sleep)?;
    let deployment = Deployment::open(target, "reconcile", env)?;
    let found = run(&deployment, &mut auth0, &target.told, options, env).await?;
    if target.json {
        report::print_json(&found)?;
    } else {
        report::print(&found.to_text())?;
    }
    Ok(found.verdict())
}

/// Reconciles a deployment with Auth0. `told` is what the deployment says of itself.
///
/// # Errors
///
/// If Auth0, S3, Glue or SQS refuses a call before anything can be said.
pub async fn run(
    deployment: &Deployment,
    auth0: &mut Auth0,
    told: &Told,
    options: &Reconcile,
    env: &Env,
) -> Result<Reconciled> {
    let streams = auth0.streams().await?;
    let source = Source::choose(streams, options.event_source.as_deref(), told);
    if let Some(why) = source.masking().filter(|_| options.repair && !options.unmasked) {
        bail!("{why}");
    }
    Run { deployment, options, env, source, tenant: auth0.tenant().to_owned() }.run(auth0).await
}

/// One run.
struct Run<'a> {
    deployment: &'a Deployment,
    options: &'a Reconcile,
    env: &'a Env,
    source: Source,
    tenant: String,
}

/// What a walk left behind.
struct Walked<'a> {
    walk: Walk<'a>,
    searched: Searched,
    /// Why the walk did not come to its end.
    stopped: Option<anyhow::Error>,
}

impl Run<'_> {
    async fn run(self, auth0: &mut Auth0) -> Result<Reconciled> {
        let extent = Extent::ask(auth0).await?;
        let bucket = &self.deployment.bucket;
        let known = Reconciliation::read(bucket, &self.tenant).await?.map(|(known, _)| known).unwrap_or_default();
        // By whichever clock is behind: so an event counts as late rather than as missing.
        let now = auth0.now().min(self.env.clock()());
        let mut found = Reconciled::of(&self.tenant, &self.source, now, known.proven.clone());
        let Some(has_from) = extent.from else {
            found.inconclusive.push("Auth0's log is empty".to_owned());
            return Ok(found.after(auth0));
        };
        let asked = self.options.span.hours(now)?;
        let Plan { window, expired } = plan(asked, self.options.again, &known, has_from, now);
        found.expired(expired);
        found.in_the_future(asked);
        let stream = self.source.stream.clone();
        let circumstances = Circumstances { now, stream, seen: known.stream, unreadable: false };
        if let Some(window) = window {
            let start = extent.start(auth0, bucket, window).await?;
            let walked = self.walk(auth0, window, start, &circumstances).await?;
            self.conclude(walked, window, circumstances, &mut found).await?;
        }
        found.clocks(auth0);
        Ok(found.after(auth0))
    }

    async fn walk(
        &self,
        auth0: &mut Auth0,
        window: Window,
        start: Start,
        circumstances: &Circumstances,
    ) -> Result<Walked<'_>> {
        let bar = progress::bar(0, "events", self.env.terminal);
        let mut walk = Walk::new(window, Reader::new(&self.deployment.bucket, false))?;
        let mut stored = auth0.now();
        let between = async |walk: &Walk<'_>, auth0: &Auth0| {
            if auth0.now() - stored >= TimeDelta::seconds(SECONDS_BETWEEN_STORES) {
                stored = auth0.now();
                // What cannot be stored now is stored at the end, or told there.
                let _ = self.store(walk, window, circumstances).await;
            }
        };
        let stopped = walk.walk(auth0, start, &bar, between).await.err();
        bar.finish_and_clear();
        walk.look_later().await?;
        let searched = Searched::search(self.deployment, &self.options.queues, &walk.ledger).await?;
        Ok(Walked { walk, searched, stopped })
    }

    /// Stores what a walk has proven so far.
    async fn store(&self, walk: &Walk<'_>, window: Window, circumstances: &Circumstances) -> Result<()> {
        let open = walk.first_open(|kind| circumstances.leaves_out(kind)).unwrap_or(walk.compared_to);
        if walk.without_moment == 0 {
            self.add(window.from, open.min(walk.compared_to), circumstances.now, None).await?;
        }
        Ok(())
    }

    /// Adds a proven span, but for the last hour before `now`, in which Auth0 may still insert events, and how the stream was
    /// seen. Returns the spans that are stored then.
    async fn add(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        now: DateTime<Utc>,
        stream: Option<&StreamSeen>,
    ) -> Result<Vec<Proven>> {
        let to = to.min(now - walk::overlap()).trunc_subsecs(0);
        let span = (from < to).then_some(Proven { from, to, proven_at: now });
        Ok(Reconciliation::add(&self.deployment.bucket, &self.tenant, span, stream).await?.proven)
    }

    /// Says of each open event why it is not in the bucket, and repairs if that was asked for.
    async fn conclude(
        &self,
        walked: Walked<'_>,
        window: Window,
        mut circumstances: Circumstances,
        found: &mut Reconciled,
    ) -> Result<()> {
        let Walked { mut walk, searched, stopped } = walked;
        let seems = Conclusion::of(&walk, &searched, &circumstances);
        // What arrived while the walk went on is not missing.
        walk.look_again(seems.missing()).await?;
        drop(seems);
        let unreadable: Vec<String> = walk.unreadable().chain(&searched.unreadable).cloned().collect();
        circumstances.unreadable = !unreadable.is_empty();
        let conclusion = Conclusion::of(&walk, &searched, &circumstances);
        let compared = Window { from: window.from, to: walk.compared_to };
        let (repaired, brought) = self.repair(&mut walk, &conclusion, compared).await?;
        let proven_to = match walk.without_moment {
            0 => conclusion.proven_to(&walk, &brought),
            _ => compared.from,
        };
        found.compared(compared, walk, &conclusion, &brought)?;
        found.repaired = repaired;
        found.doubts(unreadable, stopped);
        found.proven_to = Some(proven_to.min(circumstances.now - walk::overlap()).trunc_subsecs(0));
        match self.add(compared.from, proven_to, circumstances.now, circumstances.seen_now().as_ref()).await {
            Ok(proven) => found.proven = proven,
            Err(error) => found.warnings.push(format!("what is proven could not be stored: {error:#}")),
        }
        Ok(())
    }

    async fn repair(
        &self,
        walk: &mut Walk<'_>,
        conclusion: &Conclusion,
        compared: Window,
    ) -> Result<(Option<Repaired>, HashSet<Identity>)> {
        if !self.options.repair {
            return Ok((None, HashSet::new()));
        }
        let repair = Repair::new(self.deployment, &self.tenant, self.env.clock()).await?;
        let repaired = repair.run(&mut walk.ledger, conclusion.missing(), compared).await;
        let (done, brought) = repaired.context("the repair stopped; what was done stays done, run it again")?;
        Ok((Some(done), brought))
    }
}
