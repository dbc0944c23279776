//! Serves a stand-in for Auth0's Management API, to try things by hand: `auth0 PORT [FILE.ndjson]`.
//!
//! The file holds events on lines of their own, bare or in the envelope of EventBridge. Without a file there are a
//! thousand generated events of the last 24 hours.

use std::collections::BTreeMap;
use std::error::Error;

use chrono::TimeDelta;
use testkit::auth0::{Auth0, Tenant, api_event, events};

const USAGE: &str = "usage: auth0 PORT [FILE.ndjson]";
const GENERATED: usize = 1000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or(USAGE)?.parse().map_err(|_| USAGE)?;
    let mut tenant = Tenant::default();
    tenant.events = match arguments.next() {
        Some(file) => read(&file)?,
        None => {
            let now = (tenant.now)();
            events(now - TimeDelta::days(1), now, GENERATED, 1)
        }
    };
    let (count, (id, secret)) = (tenant.events.len(), tenant.client.clone());
    let auth0 = Auth0::start_on(port, tenant).await;
    tell(&format!(
        "{count} events: export AUTH0_DOMAIN={} AUTH0_CLIENT_ID={id} AUTH0_CLIENT_SECRET={secret}",
        auth0.domain()
    ));
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// The events of a file. Lines that are none are passed over.
fn read(file: &str) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    // Bytes that are no UTF-8 break their own line alone.
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| str::from_utf8(line).ok());
    Ok(lines.filter_map(api_event).collect())
}

#[expect(clippy::print_stdout, reason = "the user has to learn where the server is")]
fn tell(line: &str) {
    println!("{line}");
}
