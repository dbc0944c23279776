//! The configuration, read from the environment.

/// The partitioner's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `GLUE_DATABASE`: the database that holds the tables.
    pub database: String,
    /// `LOG_BUCKET`: the bucket that holds the logs. Objects of other buckets are skipped.
    pub bucket: String,
}

/// The error of a variable that is missing or empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("environment variable {0} is not set")]
pub struct ConfigError(&'static str);

impl Config {
    /// Reads the configuration through `var`, which gives the value of a variable.
    ///
    /// # Errors
    ///
    /// If a variable is missing or empty.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let required = |name| var(name).filter(|value| !value.is_empty()).ok_or(ConfigError(name));
        Ok(Config { database: required("GLUE_DATABASE")?, bucket: required("LOG_BUCKET")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_missing_variable() {
        let vars = |name: &str| (name == "GLUE_DATABASE").then(|| "logs".to_string());
        assert_eq!(Config::from_vars(vars), Err(ConfigError("LOG_BUCKET")));
    }
}
