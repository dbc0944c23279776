//! C-crash: a tick that ends, or loses a reply, at every one of its calls, and what the next ones make of it.

use std::sync::Arc;

use catalog::PARQUET;
use local_aws::seam::{Failure, Fault, Faults};
use testkit::athena::Rows;
use testkit::world::{BUCKET, Snapshot, TICK, World, hour, world};

/// The hours of this story. One is compacted, one recompacted a day ago, one has a late object, two are new.
const HOURS: [&str; 5] = ["2026-11-20T11", "2026-11-20T12", "2026-11-20T13", "2026-11-21T14", "2026-11-21T15"];
const CRASH: &str = "2026-11-21T18:25:00Z";
const AFTER: [&str; 2] = ["2026-11-21T18:45:00Z", "2026-11-21T19:25:00Z"];

fn line(hour: &str, object: &str, number: u32) -> String {
    format!(r#"{{"log_id":"{hour}-{object}{number}","user_id":"u{}","type":"s"}}"#, number % 2)
}

async fn put(world: &World, at: &str, object: &str) {
    // One line twice, and one that no other object has.
    let lines = [line(at, "same", 1), line(at, object, 1), line(at, object, 2)];
    world.put_lines(at, object, &lines.each_ref().map(String::as_str)).await;
    world.catalog.ensure_json_partition(hour(at)).await.unwrap();
}

/// A bucket in which a tick has everything to do: sweep, compact, recompact, move the watermark, collect.
async fn prepared() -> (Snapshot, Rows) {
    let world = world().await;
    for at in &HOURS[..3] {
        put(&world, at, "a").await;
        put(&world, at, "b").await;
    }
    world.tick("2026-11-20T15:25:00Z").await;
    put(&world, HOURS[1], "late").await;
    world.tick("2026-11-20T17:25:00Z").await;
    let delivered_before = world.athena().await;
    let drop = world.glue.delete_partition().database_name("logs").table_name(PARQUET);
    let values = hour(HOURS[0]).partition_values();
    drop.set_partition_values(Some(values.into())).send().await.unwrap();
    put(&world, HOURS[2], "late").await;
    for at in &HOURS[3..] {
        put(&world, at, "a").await;
        put(&world, at, "b").await;
    }
    (Snapshot::of(world), delivered_before)
}

/// Every row that was delivered, once.
async fn everything(snapshot: &Snapshot) -> Rows {
    let world = snapshot.world();
    world.tick(CRASH).await;
    for now in AFTER {
        world.tick(now).await;
    }
    world.athena().await
}

/// Runs the tick with a fault at its `number`-th call. True if the process came to its end.
async fn crash(world: &World, number: u64, fault: Fault) {
    let process = world.aws.as_caller("compactor crashing");
    world.aws.inject(Faults::listed([(number, fault)]));
    let (compactor, run) = (testkit::world::compactor(&process), Arc::new(world.run(CRASH)));
    tokio::select! {
        _ = compactor.tick(&run, TICK, |_, _| {}) => {}
        () = process.ended() => {}
    }
}

/// No row twice, none that was never delivered, and none missing that `before` had.
fn check(when: &str, found: &Rows, before: &Rows, everything: &Rows) {
    for (hour, rows) in found {
        assert!(rows.windows(2).all(|pair| pair[0] != pair[1]), "{when}: a row of {hour} is seen twice: {rows:?}");
        let all = everything.get(hour).map(Vec::as_slice).unwrap_or_default();
        assert!(rows.iter().all(|row| all.contains(row)), "{when}: a row of {hour} came from nowhere");
    }
    for (hour, rows) in before {
        let now = found.get(hour).map(Vec::as_slice).unwrap_or_default();
        assert!(rows.iter().all(|row| now.contains(row)), "{when}: a row of {hour} is gone: {now:?}");
    }
}

/// What goes wrong at a call that writes in parts, beside what goes wrong at any.
const PARTS: [&str; 3] = ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"];

/// Text that does not compress: six bits a byte.
fn noise(state: &mut u64, length: usize) -> String {
    let letters = std::iter::repeat_with(|| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'0' + (*state >> 58) as u8 % 64)
    });
    // No backslash: it would have to be escaped.
    letters.take(length).map(|letter| if letter == '\\' { 'z' } else { letter }).collect()
}

/// An hour whose Parquet is longer than a part.
async fn large() -> Snapshot {
    let world = world().await;
    let mut state = 1;
    let lines: Vec<String> = (0..1600)
        .map(|number| format!(r#"{{"log_id":"{number}","details":"{}"}}"#, noise(&mut state, 10_000)))
        .collect();
    world.put_lines(HOURS[0], "a", &lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.catalog.ensure_json_partition(hour(HOURS[0])).await.unwrap();
    Snapshot::of(world)
}

#[tokio::test(start_paused = true)]
async fn c_crash_a_file_in_parts_is_there_whole_or_not_at_all() {
    let snapshot = large().await;
    let everything = everything(&snapshot).await;
    assert_eq!(everything.values().map(Vec::len).sum::<usize>(), 1600);
    let whole = snapshot.world();
    let before = whole.athena().await;
    crash(&whole, 0, Fault::Torn).await;
    let calls: Vec<(u64, String)> =
        (1..).zip(whole.aws.trace().iter().map(|it| it.call.name.to_string()).collect::<Vec<_>>()).collect();
    let in_parts: Vec<_> = calls.into_iter().filter(|(_, name)| PARTS.contains(&name.as_str())).collect();
    let names: Vec<&str> = in_parts.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["CreateMultipartUpload", "UploadPart", "UploadPart", "CompleteMultipartUpload"]);
    let faults = [
        Fault::Before(Failure::End),
        Fault::After(Failure::End),
        Fault::After(Failure::Reset),
        Fault::After(Failure::Silence),
        Fault::Torn,
    ];
    let mut points = 0;
    for (number, name) in &in_parts {
        for fault in &faults {
            let (world, when) = (snapshot.world(), format!("{name} {fault}"));
            crash(&world, *number, fault.clone()).await;
            check(&when, &world.athena().await, &before, &everything);
            world.check_folders(&when);
            world.aws.inject(Faults::none());
            for now in AFTER {
                world.tick(now).await;
            }
            assert_eq!(world.athena().await, everything, "{when}: in the end");
            world.check_folders(&format!("{when}, in the end"));
            points += 1;
        }
    }
    assert_eq!(points, in_parts.len() * faults.len());
    println!("C-crash: {points} points, {} calls that write in parts x {} ways to fail", in_parts.len(), faults.len());
}

/// S3 forgets the parts of a file that is not to be finished, and the next tick writes all of it.
#[tokio::test(start_paused = true)]
async fn c_crash_a_file_that_cannot_be_finished_is_forgotten() {
    for prefix in ["rejected/", "parquet/"] {
        let world = large().await.world();
        let mut state = 2;
        // The same again, but no JSON.
        let words: Vec<String> = (0..1600).map(|_| noise(&mut state, 10_000)).collect();
        world.put_lines(HOURS[0], "words", &words.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let object = format!("/{prefix}");
        world.aws.inject(Faults::by(move |_, call| {
            let last = call.name == "CompleteMultipartUpload" && call.resources.iter().any(|it| it.contains(&object));
            last.then_some(Fault::Before(Failure::Internal))
        }));
        let failures = world.tick(CRASH).await.failures();
        assert!(
            failures.iter().any(|it| it.contains(&format!("failed to complete s3://acme-logs/{prefix}"))),
            "{failures:?}"
        );
        world.aws.inject(Faults::none());
        let unfinished = world.s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
        assert_eq!(unfinished.uploads().len(), 0, "{prefix}");
        for now in AFTER {
            world.tick(now).await;
        }
        assert_eq!(world.athena().await.values().map(Vec::len).sum::<usize>(), 1600, "{prefix}");
        assert_eq!(world.manifest(HOURS[0]).await.live.unwrap().counts.rejected, 1600, "{prefix}");
        world.check_folders(prefix);
    }
}

#[tokio::test(start_paused = true)]
async fn c_crash_a_tick_may_end_at_every_call() {
    let (snapshot, mut before) = prepared().await;
    // Its partition was dropped, by other hands; the first thing that the tick does is to put it back.
    before.remove(&hour(HOURS[0]));
    let everything = everything(&snapshot).await;
    assert_eq!(everything.values().map(Vec::len).sum::<usize>(), 5 * 5 + 2 * 2, "{everything:?}");
    let whole = snapshot.world();
    crash(&whole, 0, Fault::Torn).await;
    let calls = whole.aws.trace().len() as u64;
    let names: Vec<String> = whole.aws.trace().iter().map(|it| it.call.name.to_string()).collect();
    for name in ["DeleteObject", "UpdatePartition", "CreatePartition", "UpdateTable", "PutObject"] {
        assert!(names.iter().any(|it| it == name), "the tick has no {name}");
    }
    let faults = [Fault::Before(Failure::End), Fault::After(Failure::End), Fault::After(Failure::Reset)];
    let mut points = 0;
    for number in 1..=calls {
        for fault in &faults {
            let world = snapshot.world();
            let when = format!("{} {fault}", whole.aws.trace()[number as usize - 1]);
            crash(&world, number, fault.clone()).await;
            let crashed = world.athena().await;
            check(&when, &crashed, &before, &everything);
            world.check_folders(&when);
            world.aws.inject(Faults::none());
            let mut seen = crashed;
            for now in AFTER {
                world.tick(now).await;
                let found = world.athena().await;
                check(&format!("{when}, {now}"), &found, &seen, &everything);
                seen = found;
            }
            assert_eq!(seen, everything, "{when}: in the end");
            world.check_folders(&format!("{when}, in the end"));
            points += 1;
        }
    }
    assert_eq!(points, calls * faults.len() as u64);
    println!(
        "C-crash: {points} points, {calls} calls x {} ways to fail: no row lost, doubled or half seen",
        faults.len()
    );
}
