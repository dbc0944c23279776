//! Listings page by page.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounds::check_number;
use super::error::GlueError;

/// Which page of a listing is asked for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) token: Option<&'a str>,
    pub(super) max: Option<i64>,
    /// The most that a client may ask for, and what it gets if it doesn't say.
    pub(super) limit: usize,
}

impl Asked<'_> {
    /// How many entries the page may have.
    fn entries(&self) -> Result<usize, GlueError> {
        let Some(max) = self.max else { return Ok(self.limit) };
        check_number("maxResults", max, 1, i64::try_from(self.limit).unwrap_or(i64::MAX))?;
        Ok(usize::try_from(max).unwrap_or(self.limit))
    }
}

/// The next entries of `all` that are `wanted`, and the token of the page behind them, if there is one.
///
/// A token is the key of the last entry before the page, so that what is created or deleted in the meantime neither
/// repeats nor hides an entry.
pub(super) fn page<'a, K, V>(
    all: &'a BTreeMap<K, V>,
    asked: &Asked<'_>,
    wanted: impl Fn(&K) -> bool,
) -> Result<(Vec<&'a V>, Option<String>), GlueError>
where
    K: Ord + Clone + Serialize + DeserializeOwned,
{
    let max = asked.entries()?;
    let after: Bound<K> = match asked.token {
        None => Bound::Unbounded,
        Some(token) => Bound::Excluded(read_token(token)?),
    };
    let mut entries = all.range::<K, _>((after, Bound::Unbounded)).filter(|(key, _)| wanted(key));
    let page: Vec<(&K, &V)> = entries.by_ref().take(max).collect();
    let token = match (page.last(), entries.next()) {
        (Some((last, _)), Some(_)) => Some(write_token(last)?),
        _ => None,
    };
    Ok((page.into_iter().map(|(_, value)| value).collect(), token))
}

fn write_token<K: Serialize>(key: &K) -> Result<String, GlueError> {
    Ok(STANDARD.encode(serde_json::to_vec(key).map_err(GlueError::Encode)?))
}

fn read_token<K: DeserializeOwned>(token: &str) -> Result<K, GlueError> {
    let bytes = STANDARD.decode(token).ok();
    let key = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    key.ok_or_else(|| GlueError::Invalid("NextToken is not one of ours".to_owned()))
}
