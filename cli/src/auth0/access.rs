//! Where Auth0's API is, and by what right it is asked: as the environment says, under the names that Auth0's own tools use.

use std::fmt;

use anyhow::{Result, bail, ensure};

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the request that needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What the environment says of Auth0.
#[derive(Debug, Clone, Default)]
pub struct Access {
    domain: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    token: Option<Secret>,
    audience: Option<String>,
}

/// By what right the API is asked.
#[derive(Debug, Clone)]
pub(crate) enum Right {
    /// By a token that somebody else got.
    Token(Secret),
    /// By tokens that these credentials get.
    Credentials {
        /// The application's id.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
    },
}

impl Access {
    /// What `var` knows of `AUTH0_DOMAIN`, `AUTH0_CLIENT_ID`, `AUTH0_CLIENT_SECRET`, `AUTH0_API_TOKEN` and `AUTH0_AUDIENCE`.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Access {
        Access {
            domain: var("AUTH0_DOMAIN"),
            client_id: var("AUTH0_CLIENT_ID"),
            client_secret: var("AUTH0_CLIENT_SECRET").map(Secret),
            token: var("AUTH0_API_TOKEN").map(Secret),
            audience: var("AUTH0_AUDIENCE"),
        }
    }

    /// The URL that the API's paths follow, without a slash at its end. A domain with a scheme is taken as it stands.
    pub(super) fn base(&self) -> Result<String> {
        let Some(domain) = &self.domain else {
            bail!("AUTH0_DOMAIN is not set; set it to the tenant's domain, such as acme.eu.auth0.com");
        };
        let with_scheme = domain.starts_with("https://") || domain.starts_with("http://");
        let base = if with_scheme { domain.to_owned() } else { format!("https://{domain}") };
        let (scheme, host) = base.split_once("://").unwrap_or_default();
        let host = host.trim_end_matches('/');
        let is_host = !host.is_empty() && host.chars().all(|it| it.is_ascii_alphanumeric() || ".-:[]".contains(it));
        ensure!(is_host, "AUTH0_DOMAIN is {domain:?}; give a domain alone, such as acme.eu.auth0.com");
        Ok(format!("{scheme}://{host}"))
    }

    /// The tenant, as a part of a key: its domain.
    pub(super) fn tenant(&self) -> Result<String> {
        let base = self.base()?;
        let host = base.split_once("://").map_or(base.as_str(), |(_, host)| host);
        Ok(host.to_ascii_lowercase().replace([':', '[', ']'], "-"))
    }

    pub(super) fn right(&self) -> Result<Right> {
        match (&self.token, &self.client_id, &self.client_secret) {
            (Some(token), ..) => Ok(Right::Token(token.clone())),
            (None, Some(client_id), Some(client_secret)) => {
                Ok(Right::Credentials { client_id: client_id.clone(), client_secret: client_secret.clone() })
            }
            _ => bail!(
                "set AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET of a machine-to-machine application with the scopes \
                 read:logs, read:logs_users and read:log_streams, or AUTH0_API_TOKEN"
            ),
        }
    }

    /// What a token is asked for. With a custom domain that is the tenant's own, which `AUTH0_AUDIENCE` says.
    pub(super) fn audience(&self) -> Result<String> {
        self.audience.clone().map_or_else(|| Ok(format!("{}/api/v2/", self.base()?)), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(vars: &[(&str, &str)]) -> Access {
        Access::from_vars(|name| vars.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn a_domain_is_asked_over_tls_unless_it_says_otherwise() {
        let base = |domain: &str| access(&[("AUTH0_DOMAIN", domain)]).base().map_err(|error| error.to_string());
        assert_eq!(base("acme.eu.auth0.com"), Ok("https://acme.eu.auth0.com".to_owned()));
        assert_eq!(base("https://acme.eu.auth0.com/"), Ok("https://acme.eu.auth0.com".to_owned()));
        assert_eq!(base("http://127.0.0.1:4000"), Ok("http://127.0.0.1:4000".to_owned()));
        for domain in ["", "https://", "acme.eu.auth0.com/path", "user@acme.com", "acme.com?x=1", "a b"] {
            assert!(base(domain).unwrap_err().contains("acme.eu.auth0.com"), "{domain}");
        }
        assert!(access(&[]).base().unwrap_err().to_string().starts_with("AUTH0_DOMAIN is not set"));
        let tenant = access(&[("AUTH0_DOMAIN", "http://127.0.0.1:4000")]).tenant().unwrap();
        assert_eq!(tenant, "127.0.0.1-4000");
    }

    #[test]
    fn a_token_goes_before_credentials_and_none_is_printed() {
        let both = [("AUTH0_CLIENT_ID", "id"), ("AUTH0_CLIENT_SECRET", "hidden"), ("AUTH0_API_TOKEN", "hidden")];
        let access = |vars: &[(&str, &str)]| access(&[&[("AUTH0_DOMAIN", "acme.example.com")], vars].concat());
        assert!(matches!(access(&both).right(), Ok(Right::Token(_))));
        assert!(matches!(access(&both[..2]).right(), Ok(Right::Credentials { .. })));
        let error = access(&both[..1]).right().unwrap_err().to_string();
        assert!(error.contains("AUTH0_CLIENT_SECRET") && error.contains("read:logs"), "{error}");
        assert!(!format!("{:?} {:?}", access(&both), access(&both).right()).contains("hidden"));
        assert_eq!(access(&both).audience().unwrap(), "https://acme.example.com/api/v2/");
        assert_eq!(access(&[("AUTH0_AUDIENCE", "it")]).audience().unwrap(), "it");
    }
}
