//! `verify`: proves from the bucket and the catalog alone that no delivered event is lost, doubled or half shown.
//!
//! Nothing that it reports comes from the compactor. It checks the listings, the manifests, the files' bytes and the
//! catalog against each other (`check`), and with `--deep` every row against every line, read by a reader of its own
//! (`deep`). With `--repair` the compactor repairs what it can (`repair`), and everything is checked again. `render`
//! makes text and JSON of the result: a line for each hour, a summary, a sentence; `statement` a file for an auditor.

mod check;
mod deep;
pub mod finding;
mod look;
mod render;
mod repair;
mod replays;
mod statement;
mod verified;

use anyhow::bail;
use catalog::{Catalog, DAILY, JSON, PARQUET};

use crate::args::Verify;
use crate::deployment::Deployment;
use crate::env::Env;
use crate::output::report;
use crate::output::verdict::Verdict;
use crate::target::Target;

pub use check::{Checked, CheckedDay, ParquetCounts};
pub use look::run;
pub use repair::Repair;
pub use verified::{Totals, Verified};

/// Verifies, repairs if asked to, and prints what was found.
///
/// # Errors
///
/// If the bucket or the catalog cannot be listed, so that nothing can be said.
pub async fn verify(target: &Target, options: &Verify, env: &Env) -> anyhow::Result<Verdict> {
    let open = if options.repair { Deployment::open } else { Deployment::open_to_read };
    let deployment = open(target, "verify", env)?;
    if options.repair && target.aws {
        check_database(&deployment.catalog).await?;
    }
    let found = run(&deployment, options, env).await?;
    if let Some(file) = &options.report {
        statement::write(file, &found, target, options, env.now)?;
    }
    if target.json {
        report::print_json(&found.to_json()?)?;
    } else {
        let versions = if target.aws { found.versions_of_gone(target.bucket()) } else { String::new() };
        report::print(&(found.to_text() + &versions))?;
    }
    Ok(found.verdict())
}

/// Refuses a database without our tables: a repair would make them in a database whose name was mistyped.
async fn check_database(catalog: &Catalog) -> anyhow::Result<()> {
    for table in [JSON, PARQUET, DAILY] {
        if catalog.table(table).await?.is_some() {
            return Ok(());
        }
    }
    let database = catalog.database();
    bail!(
        "database {database:?} has none of the tables {JSON}, {PARQUET} and {DAILY}; is that --database right? If they were dropped, \
         the compactor's next run makes them anew"
    )
}
