//! Options of the commands that ask the library: `ask`, `detect` and `timeline`.

use std::path::PathBuf;

use super::help::Help;
use super::{EventFormat, Span};
use crate::library;
use crate::output::rows::Format;

const ASK: Help = Help {
    text: "\
A question looks back as many days as --about says, unless hours are named. Parameters that are not given here are
those of auth0-s3-logs.toml, under [parameters] for every question, or under [parameters.NAME] for one.",
    exit_codes: "",
    examples: "
  auth0-s3-logs ask why-no-login --user ann@example.com --last 2d
  auth0-s3-logs ask password-spray --set users=5 --day 2026-11-20 -o csv
  auth0-s3-logs ask timeline --user ann@example.com --sql
  auth0-s3-logs ask                                 # lists the questions",
};

/// Options of `ask`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = ASK.brief(), after_long_help = format!("{}\n{}", questions(), ASK.full()))]
pub struct Ask {
    /// The question; without it, all are listed
    pub name: Option<String>,
    /// The hours to look at; as many days up to now as the question says without it.
    #[command(flatten)]
    pub span: Span,
    /// The user: an id, mail address, phone number or name
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// The address
    #[arg(long, value_name = "IP")]
    pub ip: Option<String>,
    /// Another parameter; a list has commas
    ///
    /// May be given several times.
    #[arg(long, hide_short_help = true, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// What the parameters are, instead of auth0-s3-logs.toml
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only say what the question answers and takes
    #[arg(long)]
    pub about: bool,
    /// Only print the statement, for Athena's console
    #[arg(long, hide_short_help = true, conflicts_with = "about")]
    pub sql: bool,
    /// table, record, csv, ndjson or json
    #[arg(short, long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub output: Option<Format>,
    /// Print on a terminal without a pager
    #[arg(long, hide_short_help = true)]
    pub no_pager: bool,
}

/// The questions by name.
fn questions() -> String {
    let mut help = String::from("Questions:\n");
    for group in ["investigate", "report"] {
        let names: Vec<&str> =
            library::questions().iter().filter(|it| it.group == group).map(|question| question.name).collect();
        help += &format!("  {group}: {}\n", names.join(", "));
    }
    help + "  detect: `auth0-s3-logs detect` asks all detections; one can be asked here too\n"
}

const DETECT: Help = Help {
    text: "\
The last 24 hours are looked at if no others are named. Each rule is a question of the library; `auth0-s3-logs ask RULE
--about` tells what it sees and what it cannot. Thresholds and lists such as allowed_ips come from auth0-s3-logs.toml:

  [parameters]
  allowed_ips = [\"203.0.113.7\"]
  [parameters.credential-stuffing]
  attempts = 50

A finding is known by its rule, its entity and its window. Asked again, it is the same one, with more evidence if events
came late. Ask with an overlap: hourly for the last 3 hours. A rule of whose events there was none is named: its silence
is no safety.",
    exit_codes: "
  0  no rule found anything
  1  there are findings
  2  could not tell: a rule could not be asked and none found anything, or there are no events in these hours",
    examples: "
  auth0-s3-logs detect
  auth0-s3-logs detect --last 7d --rule credential-stuffing
  auth0-s3-logs detect --aws --deployment auth0-s3-logs --last 3h --json",
};

/// Options of `detect`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = DETECT.brief(), after_long_help = DETECT.full())]
pub struct Detect {
    /// The hours to look at; the last 24 without it.
    #[command(flatten)]
    pub span: Span,
    /// Only this rule
    ///
    /// By its name or by the id of Auth0's detection; may be given several times.
    #[arg(long = "rule", value_name = "ID")]
    pub rules: Vec<String>,
    /// What the parameters are, instead of auth0-s3-logs.toml
    #[arg(long, hide_short_help = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// table, record, csv, ndjson or json
    #[arg(short, long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub output: Option<Format>,
}

const TIMELINE: Help = Help {
    text: "\
What a user did in the last 7 days or the hours that are named, oldest first, by whatever id, mail address, phone number
or name is known.",
    exit_codes: "",
    examples: "
  auth0-s3-logs timeline ann@example.com
  auth0-s3-logs timeline 'auth0|5f7c8ec7c33c6c004bbafe82' --last 30d -o ndjson",
};

/// Options of `timeline`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = TIMELINE.brief(), after_long_help = TIMELINE.full())]
pub struct Timeline {
    /// The user: an id, mail address, phone number or name
    pub user: String,
    /// The hours to look at; the last 7 days without it.
    #[command(flatten)]
    pub span: Span,
    /// line or ndjson
    #[arg(short, long, value_name = "FORMAT", value_enum, hide_possible_values = true)]
    pub output: Option<EventFormat>,
    /// Print on a terminal without a pager
    #[arg(long, hide_short_help = true)]
    pub no_pager: bool,
}
