//! Listings, page by page.

use std::collections::BTreeMap;
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bounds::check_number;
use super::error::GlueError;

/// The page of a listing that a client requests.
#[derive(Debug)]
pub(super) struct PageRequest<'a> {
    pub(super) token: Option<&'a str>,
    pub(super) max: Option<i64>,
    /// The greatest page that a client may request, and the default.
    pub(super) limit: usize,
}

impl PageRequest<'_> {
    /// The most entries in the page.
    fn entries_max(&self) -> Result<usize, GlueError> {
        let Some(max) = self.max else { return Ok(self.limit) };
        check_number("maxResults", max, 1, i64::try_from(self.limit).unwrap_or(i64::MAX))?;
        Ok(usize::try_from(max).unwrap_or(self.limit))
    }
}

/// The page of those entries of `all` that are `wanted`, and the token of the next page, if there is one.
///
/// A token encodes the key of the last entry before its page. So an entry that is created or deleted meanwhile neither
/// repeats nor hides another one.
pub(super) fn page<'a, K, V>(
    all: &'a BTreeMap<K, V>,
    request: &PageRequest<'_>,
    wanted: impl Fn(&K) -> bool,
) -> Result<(Vec<&'a V>, Option<String>), GlueError>
where
    K: Ord + Clone + Serialize + DeserializeOwned,
{
    let max = request.entries_max()?;
    let after: Bound<K> = match request.token {
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
