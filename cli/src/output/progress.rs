//! Progress of long work, shown only on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A sign that something goes on whose end nobody can tell. Hidden unless `terminal` is true.
pub fn phase(what: &'static str, terminal: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, target(terminal)).with_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A bar that counts `unit`s up to `all`. Hidden unless `terminal` is true.
pub fn bar(all: u64, unit: &'static str, terminal: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(all), target(terminal));
    let template = format!("{{spinner}} [{{bar:40}}] {{human_pos}}/{{human_len}} {unit}  {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn target(terminal: bool) -> ProgressDrawTarget {
    if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}
