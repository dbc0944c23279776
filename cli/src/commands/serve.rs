//! `serve`: the folder's S3, Glue, SQS and Athena on a port, for any client.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use local_aws::LocalAws;
use local_aws::access::Access;
use serde_json::json;
use tokio::net::TcpListener;

use crate::args::Serve;
use crate::env::{Env, interrupted};
use crate::output::report;
use crate::output::verdict::Verdict;
use crate::simulation::stack::Stack;
use crate::target::{Target, WORKGROUP};

/// Serves S3, Glue, SQS and Athena on one port of the loopback address until Ctrl-C.
///
/// # Errors
///
/// If the folder cannot be opened, the port cannot be listened on, or the access log cannot be made.
pub async fn serve(target: &Target, options: &Serve, env: &Env) -> anyhow::Result<Verdict> {
    let stack = Stack::open(target, env.clock()).await?;
    env.opened(&stack.aws);
    set_up_athena(&stack, target)?;
    stack.aws.add_function(&format!("{WORKGROUP}-compactor"), told(target));
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await;
    let listener = listener.with_context(|| format!("failed to listen on port {}", options.port))?;
    let address = listener.local_addr()?;
    if target.json {
        report::print_json(&json!({ "endpoint": format!("http://{address}") }))?;
    } else {
        report::print(&format!(
            "S3, Glue, SQS and Athena of {} on http://{address}, any credentials, region us-east-1. Ctrl-C ends it.",
            target.data.display()
        ))?;
    }
    let aws = match &options.access_log {
        Some(path) => logged(&stack.aws, path)?,
        None => stack.aws.clone(),
    };
    aws.serve(listener, interrupted()).await?;
    Ok(Verdict::Well)
}

/// What the templates tell the compactor, as far as it says where everything is.
fn told(target: &Target) -> BTreeMap<String, String> {
    let told = [
        ("LOG_BUCKET", target.bucket()),
        ("GLUE_DATABASE", target.database()),
        ("ATHENA_WORKGROUP", target.workgroup()),
    ];
    told.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Sets up the workgroup and the saved queries of the templates, and the workgroup `primary`, which clients ask in if
/// they name none.
#[cfg(feature = "sql")]
fn set_up_athena(stack: &Stack, target: &Target) -> anyhow::Result<()> {
    use crate::sql::athena;
    let setup = local_aws::athena::Setup {
        engine: athena::engine(),
        workgroups: [target.workgroup(), "primary"].map(str::to_owned).to_vec(),
        results: format!("{:.49}-query-results", target.bucket()),
        database: target.database().to_owned(),
        queries: athena::saved_queries()?,
    };
    Ok(stack.aws.set_up_athena(setup)?)
}

/// Without an engine there is nothing to ask.
#[cfg(not(feature = "sql"))]
fn set_up_athena(_: &Stack, _: &Target) -> anyhow::Result<()> {
    Ok(())
}

/// Returns `aws` with an access log: every request to S3 goes to the file at `path`. A line that cannot be written is
/// lost; the request is answered all the same.
fn logged(aws: &LocalAws, path: &Path) -> anyhow::Result<LocalAws> {
    let file = File::create(path).with_context(|| format!("failed to make {}", path.display()))?;
    Ok(aws.with_access_log(move |access| {
        let _ = (&file).write_all(line(access).as_bytes());
    }))
}

fn line(access: &Access) -> String {
    let Access { call, status, bytes } = access;
    let line = json!({
        "call": call.name, "resource": call.resources.join(" "), "detail": call.detail, "status": status, "bytes": bytes,
    });
    format!("{line}\n")
}
