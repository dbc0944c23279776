//! The log of the functions, by Lambda's own settings for it.

use tracing_subscriber::filter::LevelFilter;

/// Sends the log to standard output. `var` reads a variable of the environment.
///
/// The log is JSON if `AWS_LAMBDA_LOG_FORMAT` is `JSON`, else text. Its level is that of `RUST_LOG`, else of
/// `AWS_LAMBDA_LOG_LEVEL`, else `INFO`. Filters by module are not supported: their code would be a quarter of the
/// transform's package.
///
/// # Panics
///
/// If the process has a log already.
pub fn begin(var: impl Fn(&str) -> Option<String>) {
    let (level, is_json) = settings(var);
    let log = tracing_subscriber::fmt().with_target(false).without_time().with_max_level(level);
    if is_json { log.json().init() } else { log.init() }
}

fn settings(var: impl Fn(&str) -> Option<String>) -> (LevelFilter, bool) {
    let level = match var("RUST_LOG").or_else(|| var("AWS_LAMBDA_LOG_LEVEL")) {
        // Lambda has this level besides those of tracing.
        Some(level) if level.eq_ignore_ascii_case("fatal") => Some(LevelFilter::ERROR),
        Some(level) => level.parse().ok(),
        None => None,
    };
    let is_json = var("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"));
    (level.unwrap_or(LevelFilter::INFO), is_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(vars: &[(&str, &str)], expected: (LevelFilter, bool)) {
        let var = |name: &str| vars.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned());
        assert_eq!(settings(var), expected, "{vars:?}");
    }

    #[test]
    fn follows_lambdas_settings() {
        check(&[], (LevelFilter::INFO, false));
        check(&[("AWS_LAMBDA_LOG_FORMAT", "Text")], (LevelFilter::INFO, false));
        check(&[("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "WARN")], (LevelFilter::WARN, true));
        check(&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")], (LevelFilter::ERROR, false));
        check(&[("AWS_LAMBDA_LOG_LEVEL", "FATAL"), ("RUST_LOG", "debug")], (LevelFilter::DEBUG, false));
        check(&[("RUST_LOG", "hyper=trace")], (LevelFilter::INFO, false));
    }
}
