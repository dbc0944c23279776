//! `reconcile`, against a stand-in for Auth0's API whose tenant has had a stream for two days.

mod causes;
mod command;
mod faults;
mod lost;
mod repair;
mod spans;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use auth0_s3_logs::args::Reconcile;
use auth0_s3_logs::auth0::{Access, Auth0 as Client, Http, Rate};
use auth0_s3_logs::commands::reconcile::{Reconciled, WhyNotInBucket, run};
use auth0_s3_logs::deployment::Deployment;
use auth0_s3_logs::simulation::stack::Stack;
use auth0_s3_logs::target::Told;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use fixtures::gzip;
use futures::FutureExt;
use log_format::{Hour, layout, log_id};
use serde_json::Value;
use tempfile::TempDir;
use testkit::auth0::{Auth0, Tenant, envelope, events};

use crate::support::{BUCKET, deployment, env, open};

/// The present moment of every test.
const NOW: &str = "2026-11-20T13:00:00Z";
/// The first event of the tenant.
const BEGIN: &str = "2026-11-18T13:00:00Z";
/// Events before this moment are more than 26 hours old.
const OLD: &str = "2026-11-19T11:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A clock that goes on when somebody sleeps.
#[derive(Clone)]
struct Time(Arc<Mutex<DateTime<Utc>>>);

impl Time {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn pass(&self, time: TimeDelta) {
        *self.0.lock().unwrap() += time;
    }
}

/// A tenant of Auth0, and a folder that its stream has filled.
struct World {
    data: TempDir,
    auth0: Auth0,
    http: Http,
    time: Time,
}

/// A client that waits long for a busy machine, and not for ever for a silent one.
fn http() -> Http {
    Http::new(std::time::Duration::from_secs(2)).unwrap()
}

/// The options that these arguments say.
fn options(arguments: &str) -> Reconcile {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Reconcile,
    }
    Line::try_parse_from(["x"].into_iter().chain(arguments.split_whitespace())).unwrap().options
}

impl World {
    /// A tenant with `count` events over two days, none of which is in the bucket.
    async fn empty(count: usize) -> World {
        let time = Time(Arc::new(Mutex::new(at(NOW))));
        let clock = time.clone();
        let events = events(at(BEGIN), at(NOW), count, 7);
        let tenant = Tenant { events, now: Arc::new(move || clock.now()), ..Tenant::default() };
        World { data: tempfile::tempdir().unwrap(), auth0: Auth0::start(tenant).await, http: http(), time }
    }

    /// The same, and the stream has brought every event that `comes`.
    async fn with(count: usize, comes: impl Fn(usize, &str) -> bool) -> World {
        let world = World::empty(count).await;
        let events = world.events();
        let came: Vec<_> = events.iter().enumerate().filter(|(number, (id, _))| comes(*number, id)).collect();
        world.deliver(came.into_iter().map(|(_, event)| event)).await;
        world
    }

    fn events(&self) -> BTreeMap<String, String> {
        self.auth0.change(|tenant| tenant.events.clone())
    }

    /// Puts events into the hours that they happened in, as the stream and Firehose would.
    async fn deliver<'a>(&self, events: impl Iterator<Item = (&'a String, &'a String)>) {
        let mut hours: BTreeMap<Hour, Vec<u8>> = BTreeMap::new();
        for (id, event) in events {
            let line = transform::record::line(envelope(event).as_bytes()).unwrap();
            hours.entry(Hour::of(log_id::moment_of(id).unwrap())).or_default().extend(line);
        }
        let stack = self.stack().await;
        for (hour, lines) in hours {
            let key = format!("{}stream.gz", layout::json_prefix(hour));
            put(&stack, &key, gzip(lines)).await;
        }
    }

    async fn stack(&self) -> Stack {
        open(self.data.path(), NOW).await
    }

    /// A client of the stand-in. When it waits, time passes at once.
    fn client(&self, rate: Rate) -> Client {
        let domain = self.auth0.domain();
        let vars = [("AUTH0_DOMAIN", domain.as_str()), ("AUTH0_CLIENT_ID", "id"), ("AUTH0_CLIENT_SECRET", "secret")];
        let var = |name: &str| vars.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        let (now, sleeping) = (self.time.clone(), self.time.clone());
        let sleep = move |time: std::time::Duration| {
            sleeping.pass(TimeDelta::from_std(time).unwrap());
            std::future::ready(()).boxed()
        };
        Client::new(&Access::from_vars(var), rate, self.http.clone(), Arc::new(move || now.now()), Arc::new(sleep))
            .unwrap()
    }

    /// Reconciles, as a run with these arguments would.
    async fn reconcile(&self, arguments: &str) -> Reconciled {
        self.try_reconcile(arguments).await.unwrap()
    }

    async fn try_reconcile(&self, arguments: &str) -> anyhow::Result<Reconciled> {
        let stack = self.stack().await;
        self.reconcile_over(&deployment(&stack, "reconcile"), arguments).await
    }

    async fn reconcile_over(&self, deployment: &Deployment, arguments: &str) -> anyhow::Result<Reconciled> {
        let mut client = self.client(Rate::Quarter);
        run(deployment, &mut client, &Told::default(), &options(arguments), &env(NOW, 1)).await
    }

    /// Every line of the event log, by its log_id.
    async fn lines(&self) -> BTreeMap<String, Vec<Value>> {
        let stack = self.stack().await;
        let mut lines: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for key in keys(&stack, layout::LOGS).await {
            for line in text(&bytes(&stack, &key).await).lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                lines.entry(line["log_id"].as_str().unwrap().to_owned()).or_default().push(line);
            }
        }
        lines
    }

    /// The log_ids in the event log that occur once, and how many occur more often.
    async fn ids(&self) -> (BTreeSet<String>, usize) {
        let lines = self.lines().await;
        let more = lines.values().filter(|lines| lines.len() > 1).count();
        (lines.into_keys().collect(), more)
    }
}

async fn put(stack: &Stack, key: &str, body: Vec<u8>) {
    stack.aws.as_observer().s3().put_object().bucket(BUCKET).key(key).body(body.into()).send().await.unwrap();
}

async fn keys(stack: &Stack, prefix: &str) -> Vec<String> {
    let s3 = stack.aws.as_observer().s3();
    let mut pages = s3.list_objects_v2().bucket(BUCKET).prefix(prefix).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        keys.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    keys
}

async fn bytes(stack: &Stack, key: &str) -> Vec<u8> {
    let found = stack.aws.as_observer().s3().get_object().bucket(BUCKET).key(key).send().await.unwrap();
    found.body.collect().await.unwrap().to_vec()
}

fn text(gzip: &[u8]) -> String {
    std::io::read_to_string(flate2::read::MultiGzDecoder::new(gzip)).unwrap()
}

/// The log_ids that are missing, in order.
fn missing(found: &Reconciled) -> Vec<&str> {
    found.missing.iter().map(|event| event.log_id.as_str()).collect()
}

/// The causes of what is not in the bucket.
fn causes(found: &Reconciled) -> Vec<(WhyNotInBucket, u64)> {
    found.total.not_in_bucket.iter().map(|(cause, count)| (*cause, *count)).collect()
}

/// The end of what is proven, to the minute.
fn proven_to(found: &Reconciled) -> String {
    found.proven.last().map(|span| span.to.format("%dT%H:%M").to_string()).unwrap_or_default()
}
