//! Which deployment is meant, and where it is. What is said on the command line goes before the environment, that
//! before `auth0-s3-logs.toml`, that before what the deployed compactor is told, and that before the defaults. A
//! deployment that is named on the command line is not mixed with another's variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use aws_config::SdkConfig;
use serde::Deserialize;

use crate::library::Parameters;
use crate::target::Target;

/// The file of deployments: in the current folder, or else in the user's folder of configurations.
const FILE: &str = "auth0-s3-logs.toml";

/// What `auth0-s3-logs.toml` says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The deployment that is meant if none is named.
    #[serde(default)]
    default: Option<String>,
    /// The deployments by name.
    #[serde(default)]
    deployments: BTreeMap<String, Named>,
    /// Parameters of the library's questions.
    #[serde(default)]
    parameters: Parameters,
}

/// What a file says of one deployment. What is not said is asked of its compactor if there is a prefix.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    prefix: Option<String>,
    bucket: Option<String>,
    database: Option<String>,
    workgroup: Option<String>,
    profile: Option<String>,
    region: Option<String>,
    /// Parameters that go before those of all deployments.
    #[serde(default)]
    parameters: Parameters,
}

/// The files of settings: `auth0-s3-logs.toml` here, in `XDG_CONFIG_HOME`, or in `~/.config`.
pub fn files(var: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let folder = var("XDG_CONFIG_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let folder = folder.or_else(|| var("HOME").map(|home| Path::new(&home).join(".config")));
    [Some(PathBuf::from(FILE)), folder.map(|folder| folder.join(FILE))].into_iter().flatten().collect()
}

impl Settings {
    /// Reads the first of the files that exists. Without one nothing is said.
    ///
    /// # Errors
    ///
    /// As of [`read`](Settings::read).
    pub fn first(files: &[PathBuf]) -> Result<Settings> {
        files.iter().find(|file| file.exists()).map_or_else(|| Ok(Settings::default()), |file| Settings::read(file))
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or says what nobody understands. The error names the file and the line.
    pub fn read(file: &Path) -> Result<Settings> {
        let text = std::fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("failed to read {}", file.display()))
    }

    /// The parameters of the library's questions. Those of `deployment` go before the others.
    pub(crate) fn parameters(&self, deployment: Option<&str>) -> Parameters {
        let own = deployment.and_then(|name| self.deployments.get(name)).map(|named| &named.parameters);
        own.map_or_else(|| self.parameters.clone(), |own| own.over(&self.parameters))
    }

    /// Completes `target` by what the file says of the deployment that it names, or of the default one. Returns the
    /// prefix of the deployment's names, if it is known.
    ///
    /// # Errors
    ///
    /// If the default deployment is not in the file.
    pub fn complete(&self, target: &mut Target) -> Result<Option<String>> {
        // Whoever names a bucket means no other deployment.
        let default = self.default.as_ref().filter(|_| target.bucket.is_none());
        let Some(name) = target.deployment.as_ref().or(default) else { return Ok(None) };
        let Some(named) = self.deployments.get(name) else {
            ensure!(target.deployment.is_some(), "{FILE} has no deployment {name:?}, which it says is the default");
            return Ok(Some(name.clone()));
        };
        let name = name.clone();
        let complete = |value: &mut Option<String>, named: &Option<String>| {
            if value.is_none() {
                value.clone_from(named);
            }
        };
        complete(&mut target.bucket, &named.bucket);
        complete(&mut target.database, &named.database);
        complete(&mut target.workgroup, &named.workgroup);
        complete(&mut target.profile, &named.profile);
        complete(&mut target.region, &named.region);
        target.deployment = Some(name);
        Ok(named.prefix.clone())
    }
}

/// Completes `target` by the environment, unless its deployment was named already.
pub fn take_from_environment(target: &mut Target, var: impl Fn(&str) -> Option<String>) {
    if target.deployment.is_some() {
        return;
    }
    for (value, name) in [
        (&mut target.bucket, "AUTH0_S3_LOGS_BUCKET"),
        (&mut target.database, "AUTH0_S3_LOGS_DATABASE"),
        (&mut target.workgroup, "AUTH0_S3_LOGS_WORKGROUP"),
    ] {
        if value.is_none() {
            *value = var(name);
        }
    }
    target.deployment = var("AUTH0_S3_LOGS_DEPLOYMENT").filter(|_| target.bucket.is_none());
}

/// Completes `target` by the environment variables of the function `PREFIX-compactor`, unless bucket and database are
/// known.
///
/// # Errors
///
/// If the function cannot be asked.
pub async fn ask_compactor(target: &mut Target, prefix: &str, clients: &SdkConfig) -> Result<()> {
    if target.bucket.is_some() && target.database.is_some() {
        target.workgroup.get_or_insert_with(|| prefix.to_owned());
        return Ok(());
    }
    ensure!(clients.region().is_some(), "no region is known; give --region, or set AWS_REGION");
    let function = format!("{prefix}-compactor");
    let lambda = aws_sdk_lambda::Client::new(clients);
    let told = lambda.get_function_configuration().function_name(&function).send().await;
    let told = told.map_err(|error| error.into_service_error()).with_context(|| {
        format!(
            "failed to ask the function {function} where the deployment is; give --bucket instead, or another \
             --deployment"
        )
    })?;
    if let Some([region, account]) = told.function_arn().and_then(place_of) {
        (target.told.region, target.told.account) = (Some(region), Some(account));
    }
    let told = told.environment.and_then(|environment| environment.variables).unwrap_or_default();
    for (value, name) in [
        (&mut target.bucket, "LOG_BUCKET"),
        (&mut target.database, "GLUE_DATABASE"),
        (&mut target.workgroup, "ATHENA_WORKGROUP"),
        (&mut target.told.event_bus, "EVENT_BUS_NAME"),
    ] {
        if value.is_none() {
            *value = told.get(name).cloned();
        }
    }
    // The templates name the workgroup so; those before did not tell.
    target.workgroup.get_or_insert_with(|| prefix.to_owned());
    Ok(())
}

/// The region and the account in an ARN.
fn place_of(arn: &str) -> Option<[String; 2]> {
    let mut parts = arn.split(':').skip(3).map(str::to_owned);
    Some([parts.next()?, parts.next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        default = "prod"
        [deployments.prod]
        prefix = "acme"
        bucket = "acme-logs"
        region = "eu-west-1"
        [deployments.test]
        database = "test_logs"
        workgroup = "tests"
        profile = "sandbox"
    "#;

    fn completed(mut target: Target) -> (Option<String>, Target) {
        let settings: Settings = toml::from_str(TEXT).unwrap();
        (settings.complete(&mut target).unwrap(), target)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_file_completes_what_was_not_said() {
        let (prefix, target) = completed(Target { bucket: some("other"), ..Target::default() });
        assert_eq!((prefix, target.region), (None, None), "no default is mixed with a bucket that was named");
        let (prefix, target) = completed(Target { region: some("us-east-2"), ..Target::default() });
        assert_eq!((prefix, target.bucket, target.region), (some("acme"), some("acme-logs"), some("us-east-2")));
        let named = Target { deployment: some("test"), bucket: some("other"), ..Target::default() };
        let (prefix, target) = completed(named);
        assert_eq!((prefix, target.bucket, target.region), (None, some("other"), None));
        assert_eq!(
            (target.database, target.workgroup, target.profile),
            (some("test_logs"), some("tests"), some("sandbox"))
        );
    }

    #[test]
    fn a_name_that_no_file_has_is_a_prefix() {
        let (prefix, target) = completed(Target { deployment: some("auth0-s3-logs"), ..Target::default() });
        assert_eq!((prefix, target.bucket), (some("auth0-s3-logs"), None));
        assert_eq!(Settings::default().complete(&mut Target::default()).unwrap(), None);
    }

    #[test]
    fn the_environment_speaks_where_no_deployment_is_named() {
        let var = |name: &str| Some(format!("of {name}")).filter(|_| name != "AUTH0_S3_LOGS_BUCKET");
        let mut target = Target { database: some("given"), ..Target::default() };
        take_from_environment(&mut target, var);
        assert_eq!((target.database, target.deployment), (some("given"), some("of AUTH0_S3_LOGS_DEPLOYMENT")));
        let mut target = Target { bucket: some("given"), ..Target::default() };
        take_from_environment(&mut target, var);
        assert_eq!((target.bucket, target.deployment), (some("given"), None), "a bucket says enough");
        let mut target = Target { deployment: some("test"), ..Target::default() };
        take_from_environment(&mut target, var);
        assert_eq!((target.database, target.workgroup), (None, None), "one deployment is not mixed with another");
    }

    #[test]
    fn what_nobody_understands_is_named() {
        let error = toml::from_str::<Settings>("[deployments.prod]\nbuckets = \"a\"\n").unwrap_err().to_string();
        assert!(error.contains("buckets") && error.contains("line 2"), "{error}");
        let settings: Settings = toml::from_str("default = \"prod\"").unwrap();
        let error = settings.complete(&mut Target::default()).unwrap_err().to_string();
        assert!(error.contains("no deployment \"prod\""), "{error}");
    }
}
