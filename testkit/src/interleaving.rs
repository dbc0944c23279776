//! Every order in which the calls of several runs can meet, up to a bound.

use std::fmt;
use std::sync::Arc;

use compactor::clock::Run;
use compactor::config::Limits;
use compactor::hour::Visit;
use compactor::hour::plan::{Pass, Rewrite};
use local_aws::seam::{Call, Faults, Service};
use log_format::{Hour, layout};
use tokio::time::{Duration, sleep};

use crate::athena::{Reader, can_be_seen, may_show_less, writes};
use crate::world::{BUCKET, Snapshot, TICK, World, compactor, limited_compactor, visit_and_publish};

/// Something that calls on its own: a compactor on the hour or in a whole tick, or whoever puts an object.
pub enum Actor {
    Compactor(Run),
    Tick(Run, Limits),
    Writer { key: String, body: Vec<u8> },
}

/// One decision: who could go on, who went last, who was let go on.
#[derive(Clone)]
struct Choice {
    ready: Vec<usize>,
    last: usize,
    chosen: usize,
}

impl Choice {
    /// Was somebody stopped who could have gone on?
    fn interrupts(&self) -> bool {
        self.chosen != self.last && self.ready.contains(&self.last)
    }
}

/// What was tried, and what was seen of it.
#[derive(Default)]
pub struct Tried {
    schedules: usize,
    calls: usize,
    looks: usize,
    shown_less: usize,
}

impl Tried {
    pub fn add(&mut self, other: &Tried) {
        self.schedules += other.schedules;
        self.calls += other.calls;
        self.looks += other.looks;
        self.shown_less += other.shown_less;
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} schedules, {} calls, {} looks, after each that a reader could notice; {} times a late update of Glue's \
             showed less until its run put it right",
            self.schedules, self.calls, self.looks, self.shown_less
        )
    }
}

/// Lets the actors go on as `choose` says, from the numbers of those that can and of the one that went last, until all
/// have ended. After each call whose effect a reader could see one looks, so as if after every call.
async fn play(
    world: &World,
    hour: Hour,
    actors: Vec<Actor>,
    mut choose: impl FnMut(&[usize], usize) -> usize,
) -> Tried {
    let gates = world.aws.hold();
    let tasks: Vec<_> =
        actors.into_iter().enumerate().map(|(number, actor)| start(world, hour, number, actor)).collect();
    let (mut last, mut inputs) = (0, 0);
    let (mut tried, mut reader) = (Tried { schedules: 1, ..Tried::default() }, Reader::default());
    // The call after which to look; and who has made less be seen.
    let (mut passed, mut at_fault): (Option<Call>, Option<usize>) = (None, None);
    let trace = || world.aws.trace().iter().map(|call| format!("\n{call}")).collect::<String>();
    reader.look(world, trace).await;
    loop {
        gates.settled().await;
        if let Some(call) = passed.take().filter(writes) {
            let now = world.live_inputs(hour);
            assert!(now >= inputs, "fewer inputs were committed over more: {now} over {inputs}{}", trace());
            inputs = now;
            if can_be_seen(&call) {
                let gone = reader.look(world, trace).await;
                if !gone.is_empty() && at_fault.is_none() {
                    assert!(may_show_less(&call), "{gone:?} is gone{}", trace());
                    tried.shown_less += 1;
                }
                at_fault = (!gone.is_empty()).then(|| at_fault.unwrap_or(number_of(&call)));
            }
        }
        let left = at_fault.filter(|actor| tasks[*actor].is_finished());
        assert!(left.is_none(), "{left:?} made less be seen, and has ended{}", trace());
        let held = gates.held();
        let mut ready: Vec<usize> = held.iter().map(|held| number_of(&held.call)).collect();
        ready.sort_unstable();
        ready.dedup();
        if ready.is_empty() {
            if tasks.iter().all(tokio::task::JoinHandle::is_finished) {
                tried.looks = reader.looks;
                return tried;
            }
            // Somebody waits before trying again.
            sleep(Duration::from_millis(100)).await;
            continue;
        }
        let private = held.iter().any(|held| number_of(&held.call) == last && !is_shared(&held.call));
        last = if private || ready.len() == 1 && ready[0] == last { last } else { choose(&ready, last) };
        let next = held.iter().find(|held| number_of(&held.call) == last).unwrap();
        assert!(gates.open_for(&next.call.caller));
        tried.calls += 1;
        passed = Some(next.call.clone());
    }
}

impl Actor {
    fn named(&self, number: usize) -> String {
        match self {
            Actor::Compactor(_) | Actor::Tick(..) => format!("compactor {number}"),
            Actor::Writer { .. } => format!("firehose {number}"),
        }
    }
}

fn number_of(call: &Call) -> usize {
    call.caller.rsplit(' ').next().unwrap().parse().unwrap()
}

fn start(world: &World, hour: Hour, number: usize, actor: Actor) -> tokio::task::JoinHandle<()> {
    let aws = world.aws.as_caller(&actor.named(number));
    tokio::spawn(async move {
        match actor {
            Actor::Compactor(run) => {
                let visit = Visit { hour, registered: true, pass: Pass::Asked, rewrite: Rewrite::No };
                // What a run makes of its defeat is its own; the world it leaves is what counts.
                let _ = visit_and_publish(&compactor(&aws), visit, &run).await;
            }
            Actor::Tick(run, limits) => {
                let _ = limited_compactor(&aws, limits).tick(&Arc::new(run), TICK, |_, _| {}).await;
            }
            Actor::Writer { key, body } => {
                aws.s3().put_object().bucket(BUCKET).key(key).body(body.into()).send().await.unwrap();
            }
        }
    })
}

/// Is it a step of the protocol that others could notice, or that notices others? The others commute.
fn is_shared(call: &Call) -> bool {
    let of = |prefix: &str| call.resources.iter().any(|arn| arn.contains(&format!(":::{}/{prefix}", BUCKET)));
    call.service == Service::Glue && call.name != "GetTable"
        || of(layout::MANIFESTS)
        || of(layout::LOGS) && call.name == "PutObject"
        || call.name == "ListObjectsV2" && call.detail.contains(layout::LOGS)
}

/// Plays every schedule in which actors are interrupted at most `interruptions` times, each in a world of its own with
/// faults of its own, and has each end looked at. What was tried.
pub async fn explore(
    snapshot: &Snapshot,
    hour: Hour,
    actors: impl Fn() -> Vec<Actor>,
    faults: impl Fn() -> Faults,
    interruptions: usize,
    check: impl AsyncFn(&World, &str),
) -> Tried {
    let (mut pending, mut tried) = (vec![Vec::new()], Tried::default());
    while let Some(prefix) = pending.pop() {
        let mut choices: Vec<Choice> = Vec::new();
        let world = snapshot.world();
        world.aws.inject(faults());
        let played = play(&world, hour, actors(), |ready, last| {
            let go_on = if ready.contains(&last) { last } else { ready[0] };
            let chosen = prefix.get(choices.len()).copied().unwrap_or(go_on);
            choices.push(Choice { ready: ready.to_vec(), last, chosen });
            chosen
        })
        .await;
        check(&world, &format!("{:?}", choices.iter().map(|choice| choice.chosen).collect::<Vec<_>>())).await;
        tried.add(&played);
        for at in prefix.len()..choices.len() {
            let so_far = choices[..at].iter().filter(|choice| choice.interrupts()).count();
            for &other in choices[at].ready.iter().filter(|other| **other != choices[at].chosen) {
                let interrupts = Choice { chosen: other, ..choices[at].clone() }.interrupts();
                if so_far + usize::from(interrupts) <= interruptions {
                    let before = choices[..at].iter().map(|choice| choice.chosen);
                    pending.push(before.chain([other]).collect());
                }
            }
        }
    }
    tried
}

/// Plays one schedule drawn by `draw`, a number below its argument.
pub async fn play_at_random(
    world: &World,
    hour: Hour,
    actors: Vec<Actor>,
    mut draw: impl FnMut(usize) -> usize,
) -> Tried {
    play(world, hour, actors, |ready, _| ready[draw(ready.len())]).await
}
