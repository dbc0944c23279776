//! The commands that ask the library of questions.

pub(super) mod ask;
pub(super) mod detect;
pub(super) mod timeline;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use crate::args::HourRange;
use crate::env::Env;
use crate::library::{self, Parameters, Question, Value};
use crate::settings::Settings;
use crate::target::Target;
use log_format::Hour;

/// The hours up to now that a question looks at if no others are named.
fn last_days(days: u32, env: &Env) -> Result<HourRange> {
    let now = Hour::of(env.now);
    HourRange::new(now.back(days * 24), now.next())
}

/// What the tenant says of the parameters: in `config`, or in the file of settings.
fn parameters(target: &Target, config: Option<&Path>, env: &Env) -> Result<Parameters> {
    let (settings, file) = match config {
        Some(file) => (Settings::read(file)?, file.display().to_string()),
        None => (Settings::first(&env.settings)?, "auth0-s3-logs.toml".to_owned()),
    };
    let parameters = settings.parameters(target.deployment.as_deref().filter(|_| target.aws));
    parameters.check(library::questions()).with_context(|| format!("{file} says what nobody understands"))?;
    Ok(parameters)
}

/// The statement of a question for these hours: what is `given` goes before what the tenant says.
fn statement(
    question: &Question,
    parameters: &Parameters,
    given: BTreeMap<String, Value>,
    hours: HourRange,
) -> Result<String> {
    let mut values = parameters.of(question)?;
    values.extend(given);
    question.statement(hours, &values)
}
