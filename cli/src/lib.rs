//! The whole pipeline on one machine, and queries over it.
//!
//! The command wires the product's own parts, all of them the real ones, to an embedded AWS over a folder ([`stack`]).
//! What needs no more than a bucket, its catalog and queues works on AWS itself as well ([`deployment`]).
//! [`pipeline`] moves a simulated clock and carries events from end to end; [`run`] and [`demo`] feed it. Everything a
//! person reads is written by [`report`].

pub mod args;
pub mod compact;
pub mod demo;
pub mod deployment;
pub mod given;
pub mod input;
pub mod pipeline;
pub mod progress;
pub mod replay;
pub mod report;
pub mod run;
pub mod serve;
#[cfg(feature = "sql")]
pub mod sql;
pub mod stack;
pub mod status;
pub mod verify;

mod query;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, ensure};
use args::{Args, Command, Demo, Place};
use given::Given;

/// What a command that did its work found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All is as it should be: exit code 0.
    Well,
    /// Something does not add up or failed, and was printed: exit code 1.
    Trouble,
    /// Not everything could be looked at, which was printed: exit code 2.
    Unknown,
}

impl Verdict {
    /// 0, 1 or 2; a command that could not do its work at all ends with 2 as well.
    pub fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Verdict::Well => 0,
            Verdict::Trouble => 1,
            Verdict::Unknown => 2,
        })
    }

    /// Well if `good`.
    pub fn of(good: bool) -> Verdict {
        if good { Verdict::Well } else { Verdict::Trouble }
    }
}

/// Does what the command line asks for.
pub async fn execute(args: Args, given: &Given) -> anyhow::Result<Verdict> {
    let (place, demo) = (args.place, args.demo);
    let command = args.command.unwrap_or(Command::Demo(demo.clone()));
    let misplaced = demo != Demo::default() && !matches!(command, Command::Demo(_));
    ensure!(!misplaced, "--events N, --hours and --seed are the demo's, which needs no subcommand");
    ensure_at_hand(&place, &command)?;
    match command {
        Command::Demo(options) => demo::demo(&place, &options, given).await,
        Command::Run(options) => run::run(&place, &options, given).await,
        Command::Compact(options) => compact::compact(&place, &options, given).await,
        Command::Query(options) => query::query(&place, &options, given).await,
        Command::Verify(options) => verify::verify(&place, &options, given).await,
        Command::Status(options) => status::status(&place, &options, given).await,
        Command::Replay(options) => replay::replay(&place, &options, given).await,
        Command::Serve(options) => serve::serve(&place, &options, given).await,
    }
}

/// With `--aws` there is no folder, and what needs one says what to do instead.
fn ensure_at_hand(place: &Place, command: &Command) -> anyhow::Result<()> {
    if !place.aws {
        return Ok(());
    }
    // Of a global option clap knows no conflict where the two stand on either side of the subcommand.
    let folder = place.data.display();
    ensure!(
        place.data == Path::new(args::DATA),
        "--aws works on AWS and --data {folder} on a folder; give one of them"
    );
    let instead = match command {
        Command::Compact(_) | Command::Verify(_) | Command::Status(_) | Command::Replay(_) => {
            ensure!(
                place.bucket.is_some(),
                "--aws needs to know which bucket: give --bucket, as the stack's output LogBucket says"
            );
            return Ok(());
        }
        Command::Demo(_) => {
            "`demo` runs in a folder alone: leave out --aws, or name what to do on AWS, such as `status`"
        }
        Command::Run(_) => "`run` takes events into a folder alone: leave out --aws; on AWS put them on the event bus",
        Command::Query(_) => "`query` asks a folder alone: ask the tables on AWS in Athena",
        Command::Serve(_) => "`serve` serves a folder alone: clients reach AWS without it",
    };
    bail!("{instead}")
}
