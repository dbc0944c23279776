//! `serve`: the folder's S3, Glue and SQS for any client.

use anyhow::Context;
use tokio::net::TcpListener;

use crate::args::{Place, Serve};
use crate::given::Given;
use crate::stack::Stack;
use crate::{Verdict, report};

/// Serves S3, Glue and SQS on one port of the loopback address until Ctrl-C.
pub async fn serve(place: &Place, options: &Serve, given: &Given) -> anyhow::Result<Verdict> {
    let stack = Stack::open(place, given.clock()).await?;
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await;
    let listener = listener.with_context(|| format!("failed to listen on port {}", options.port))?;
    let address = listener.local_addr()?;
    if place.json {
        report::print_json(&serde_json::json!({ "endpoint": format!("http://{address}") }))?;
    } else {
        report::print(&format!(
            "S3, Glue and SQS of {} on http://{address}, any credentials, region us-east-1. Ctrl-C ends it.",
            place.data.display()
        ))?;
    }
    stack.aws.serve(listener, interrupted()).await?;
    Ok(Verdict::Well)
}

async fn interrupted() {
    // Where no signal can be waited for, the process is ended by other means.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
