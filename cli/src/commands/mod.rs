//! The subcommands.

pub mod compact;
mod completions;
pub mod demo;
mod export;
pub mod import;
mod query;
mod questions;
pub mod reconcile;
pub mod replay;
pub mod run;
pub mod serve;
pub mod status;
mod tail;
pub mod verify;

use anyhow::{bail, ensure};

use crate::args::{Args, Command, Demo};
use crate::env::Env;
use crate::output::report;
use crate::output::verdict::Verdict;
use crate::target::Target;

/// Runs the subcommand that the command line names, or the demo.
///
/// # Errors
///
/// If the options do not fit together, or the subcommand fails to run.
pub async fn execute(args: Args, env: &Env) -> anyhow::Result<Verdict> {
    let (target, demo) = (args.target, args.demo);
    let command = args.command.unwrap_or(Command::Demo(demo.clone()));
    let misplaced = demo != Demo::default() && !matches!(command, Command::Demo(_));
    ensure!(!misplaced, "--events N, --hours and --seed are the demo's, which needs no subcommand");
    if target.aws {
        ensure_works_on_aws(&target, &command)?;
    }
    let verdict = carry_out(command, &target, env).await;
    if let Some(passed_over) = env.passed_over.get() {
        report::warn_of(&passed_over.entries());
    }
    verdict
}

#[expect(clippy::cognitive_complexity, reason = "one arm for each subcommand")]
async fn carry_out(command: Command, target: &Target, env: &Env) -> anyhow::Result<Verdict> {
    match command {
        Command::Demo(options) => demo::demo(target, &options, env).await,
        Command::Run(options) => run::run(target, &options, env).await,
        Command::Compact(options) => compact::compact(target, &options, env).await,
        Command::Query(options) => query::query(target, &options, env).await,
        Command::Ask(options) => questions::ask::ask(target, &options, env).await,
        Command::Detect(options) => questions::detect::detect(target, &options, env).await,
        Command::Timeline(options) => questions::timeline::timeline(target, &options, env).await,
        Command::Tail(options) => tail::tail(target, &options, env).await,
        Command::Export(options) => export::export(target, &options, env).await,
        Command::Verify(options) => verify::verify(target, &options, env).await,
        Command::Reconcile(options) => reconcile::reconcile(target, &options, env).await,
        Command::Status(options) => status::status(target, &options, env).await,
        Command::Replay(options) => replay::replay(target, &options, env).await,
        Command::Import(options) => import::import(target, &options, env).await,
        Command::Serve(options) => serve::serve(target, &options, env).await,
        Command::Completions(options) => completions::completions(&options),
        Command::Manual(options) => completions::manual(&options),
    }
}

/// Refuses `--aws` for the commands that need a folder, and says what to do instead.
fn ensure_works_on_aws(target: &Target, command: &Command) -> anyhow::Result<()> {
    // clap does not see a conflict of global options that stand on both sides of the subcommand.
    let folder = target.data.display();
    ensure!(target.has_default_folder(), "--aws works on AWS and --data {folder} on a folder; give one of them");
    let instead = match command {
        Command::Demo(_) => {
            "`demo` runs in a folder alone: leave out --aws, or name what to do on AWS, such as `status`"
        }
        Command::Run(_) => "`run` takes events into a folder alone: leave out --aws; on AWS put them on the event bus",
        Command::Serve(_) => "`serve` serves a folder alone: clients reach AWS without it",
        Command::Completions(_) | Command::Manual(_) => {
            "what is printed is the same for a folder and AWS: leave out --aws"
        }
        _ => {
            ensure!(
                target.bucket.is_some(),
                "--aws needs to know which bucket: give --deployment, or --bucket, as the stack's output LogBucket says"
            );
            return Ok(());
        }
    };
    bail!("{instead}")
}
