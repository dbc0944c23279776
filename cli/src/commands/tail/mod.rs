//! `tail`: the newest events, from the JSON objects themselves.

mod objects;

use std::io::{Write, stderr};

use anyhow::Result;
use log_format::Hour;
use telemetry::plain;
use tokio::time::{Duration, sleep};

use self::objects::Objects;
use crate::args::{EventFormat, HourRange, Tail};
use crate::env::Env;
use crate::output::event::{Event, Filter};
use crate::output::out::{Out, is_unread};
use crate::output::verdict::Verdict;
use crate::target::Target;

/// The hours that are looked through for the first events if no others are named.
const HOURS_BACK: u32 = 24;

/// Prints the newest events, and with `follow` those that arrive, until Ctrl-C.
///
/// # Errors
///
/// If the bucket cannot be read at first, or the events cannot be printed.
pub(crate) async fn tail(target: &Target, options: &Tail, env: &Env) -> Result<Verdict> {
    let now = Hour::of(env.now);
    let last = HourRange::new(now.back(HOURS_BACK), now.next())?;
    let hours = options.span.hours(env.now)?.unwrap_or(last);
    let default = if target.json { EventFormat::Ndjson } else { EventFormat::Line };
    let mut printer = Printer { out: Out::open(env.screen, None), output: options.output.unwrap_or(default) };
    let filter = Filter::new(&options.types, options.user.as_deref(), options.ip.as_deref());
    let mut objects = Objects::open(target, env)?;
    let events = objects.newest(hours, options.lines, &filter).await?;
    if printer.print(&events)?.is_gone() || !options.follow {
        return Ok(Verdict::Well);
    }
    drop(events);
    loop {
        sleep(Duration::from_secs(options.every)).await;
        match objects.arrived(env.clock()(), &filter).await {
            Ok(events) if printer.print(&events)?.is_gone() => return Ok(Verdict::Well),
            Ok(_) => {}
            Err(error) => {
                let text = format!("failed to look for events, trying again: {error:#}");
                let _ = writeln!(stderr(), "{}", plain::value(&text));
                // Why it fails, the next look says too.
                let _ = objects.reopen(target, env);
            }
        }
    }
}

struct Printer {
    out: Out,
    output: EventFormat,
}

/// Whether anybody still reads what is printed.
enum Reader {
    There,
    Gone,
}

impl Reader {
    fn is_gone(&self) -> bool {
        matches!(self, Reader::Gone)
    }
}

impl Printer {
    fn print(&mut self, events: &[Event]) -> Result<Reader> {
        let screen = self.out.screen();
        let line = |event: &Event| match self.output {
            EventFormat::Line => event.to_line(screen),
            EventFormat::Ndjson => event.to_json(),
        };
        let text: String = events.iter().map(line).collect();
        match self.out.write(&text).and_then(|()| self.out.flush()) {
            Err(error) if is_unread(&error) => Ok(Reader::Gone),
            printed => printed.map(|()| Reader::There),
        }
    }
}
