//! Every order in which the calls of several runs can meet, up to a bound.

use compactor::hour::{Run, Visit};
use compactor::plan::Turn;
use local_aws::seam::{Call, Faults, Service};
use log_format::{Hour, layout};
use tokio::time::{Duration, sleep};

use super::{Snapshot, World, compactor};

/// Something that calls on its own: a compactor on the hour, or whoever puts an object.
pub(crate) enum Actor {
    Compactor(Run),
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

/// Lets the actors go on as `choose` says, from the numbers of those that can and of the one that went last, until all
/// have ended.
async fn play(world: &World, hour: Hour, actors: Vec<Actor>, mut choose: impl FnMut(&[usize], usize) -> usize) {
    let gates = world.aws.hold();
    let tasks: Vec<_> =
        actors.into_iter().enumerate().map(|(number, actor)| start(world, hour, number, actor)).collect();
    let (mut last, mut inputs) = (0, 0);
    loop {
        gates.settled().await;
        let now = world.live_inputs(hour);
        let trace = || world.aws.trace().iter().map(|call| format!("\n{call}")).collect::<String>();
        assert!(now >= inputs, "fewer inputs were committed over more: {now} over {inputs}{}", trace());
        inputs = now;
        let held = gates.held();
        let mut ready: Vec<usize> = held.iter().map(|held| number_of(&held.call)).collect();
        ready.sort_unstable();
        ready.dedup();
        if ready.is_empty() {
            if tasks.iter().all(tokio::task::JoinHandle::is_finished) {
                return;
            }
            // Somebody waits before trying again.
            sleep(Duration::from_millis(100)).await;
            continue;
        }
        let private = held.iter().any(|held| number_of(&held.call) == last && !is_shared(&held.call));
        last = if private || ready.len() == 1 && ready[0] == last { last } else { choose(&ready, last) };
        let next = held.iter().find(|held| number_of(&held.call) == last).unwrap();
        assert!(gates.open_for(&next.call.caller));
    }
}

impl Actor {
    fn named(&self, number: usize) -> String {
        match self {
            Actor::Compactor(_) => format!("compactor {number}"),
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
                let visit = Visit { hour, registered: true, turn: Turn::Asked };
                // What a run makes of its defeat is its own; the world it leaves is what counts.
                let _ = compactor(&aws).visit(visit, &run).await;
            }
            Actor::Writer { key, body } => {
                aws.s3().put_object().bucket(super::BUCKET).key(key).body(body.into()).send().await.unwrap();
            }
        }
    })
}

/// Is it a step of the protocol that others could notice, or that notices others? The others commute.
fn is_shared(call: &Call) -> bool {
    let of = |prefix: &str| call.resources.iter().any(|arn| arn.contains(&format!(":::{}/{prefix}", super::BUCKET)));
    call.service == Service::Glue && call.name != "GetTable"
        || of(layout::MANIFESTS)
        || of(layout::LOGS) && call.name == "PutObject"
        || call.name == "ListObjectsV2" && call.detail.contains(layout::LOGS)
}

/// Plays every schedule in which actors are interrupted at most `interruptions` times, each in a world of its own with
/// faults of its own, and has each end looked at. The number of schedules.
pub(crate) async fn explore(
    snapshot: &Snapshot,
    hour: Hour,
    actors: impl Fn() -> Vec<Actor>,
    faults: impl Fn() -> Faults,
    interruptions: usize,
    check: impl AsyncFn(&World, &str),
) -> usize {
    let (mut pending, mut tried) = (vec![Vec::new()], 0);
    while let Some(prefix) = pending.pop() {
        let mut choices: Vec<Choice> = Vec::new();
        let world = snapshot.world();
        world.aws.inject(faults());
        play(&world, hour, actors(), |ready, last| {
            let go_on = if ready.contains(&last) { last } else { ready[0] };
            let chosen = prefix.get(choices.len()).copied().unwrap_or(go_on);
            choices.push(Choice { ready: ready.to_vec(), last, chosen });
            chosen
        })
        .await;
        check(&world, &format!("{:?}", choices.iter().map(|choice| choice.chosen).collect::<Vec<_>>())).await;
        tried += 1;
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
pub(crate) async fn play_at_random(
    world: &World,
    hour: Hour,
    actors: Vec<Actor>,
    mut draw: impl FnMut(usize) -> usize,
) {
    play(world, hour, actors, |ready, _| ready[draw(ready.len())]).await;
}
