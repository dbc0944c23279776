//! `regexp_extract`, `split_part`, `url_extract_host` and addresses in networks.

use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanBuilder, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::{as_int64_array, as_string_array};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::expr_fn::SimpleScalarUDF;
use datafusion::logical_expr::{ScalarUDF, Signature, TypeSignature, Volatility};
use regex::Regex;

pub(super) fn functions() -> Vec<ScalarUDF> {
    let texts = [DataType::Utf8, DataType::Utf8];
    vec![
        regexp_extract(),
        super::scalar("split_part", &[DataType::Utf8, DataType::Utf8, DataType::Int64], DataType::Utf8, split_part),
        super::scalar("url_extract_host", &texts[..1], DataType::Utf8, host),
        // What `contains(network, CAST(ip AS ipaddress))` is rewritten to.
        super::scalar("network_contains", &texts, DataType::Boolean, network_contains),
    ]
}

/// The first match of a pattern, or a group of it.
fn regexp_extract() -> ScalarUDF {
    let texts = || vec![DataType::Utf8, DataType::Utf8];
    let with_group = [texts(), vec![DataType::Int64]].concat();
    let signatures = vec![TypeSignature::Exact(texts()), TypeSignature::Exact(with_group)];
    let signature = Signature::one_of(signatures, Volatility::Immutable);
    let apply = Arc::new(make_scalar_function(extract, Vec::new()));
    ScalarUDF::from(SimpleScalarUDF::new_with_signature("regexp_extract", signature, DataType::Utf8, apply))
}

fn extract(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, patterns) = (as_string_array(&arguments[0])?, as_string_array(&arguments[1])?);
    let groups = arguments.get(2).map(|groups| as_int64_array(groups)).transpose()?;
    let mut found = StringBuilder::new();
    let mut known: Option<(&str, Regex)> = None;
    for (row, (text, pattern)) in texts.iter().zip(patterns).enumerate() {
        let group = groups.map_or(Some(0), |groups| groups.is_valid(row).then(|| groups.value(row)));
        let (Some(text), Some(pattern), Some(group)) = (text, pattern, group) else {
            found.append_null();
            continue;
        };
        // The pattern is usually the same in every row.
        let regex = match known.take().filter(|(of, _)| *of == pattern) {
            Some((_, regex)) => regex,
            None => Regex::new(pattern).map_err(|error| exec_datafusion_err!("{pattern:?} is no pattern: {error}"))?,
        };
        let group = usize::try_from(group).ok().filter(|group| *group < regex.captures_len());
        let group = group.ok_or_else(|| exec_datafusion_err!("{pattern:?} has no such group"))?;
        let captures = regex.captures(text);
        found.append_option(captures.and_then(|captures| captures.get(group)).map(|found| found.as_str()));
        known = Some((pattern, regex));
    }
    Ok(Arc::new(found.finish()))
}

/// A part of a text by its number from 1. Null if there are fewer.
fn split_part(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, delimiters) = (as_string_array(&arguments[0])?, as_string_array(&arguments[1])?);
    let mut parts = StringBuilder::new();
    for ((text, delimiter), number) in texts.iter().zip(delimiters).zip(as_int64_array(&arguments[2])?) {
        let Some(((text, delimiter), number)) = text.zip(delimiter).zip(number) else {
            parts.append_null();
            continue;
        };
        let position = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let position = position.ok_or_else(|| exec_datafusion_err!("split_part counts from 1, not {number}"))?;
        parts.append_option(text.split(delimiter).nth(position));
    }
    Ok(Arc::new(parts.finish()))
}

fn host(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let mut hosts = StringBuilder::new();
    for url in as_string_array(&arguments[0])? {
        let uri: Option<http::Uri> = url.and_then(|url| url.parse().ok());
        // A text without a scheme is a path, not a host.
        hosts.append_option(uri.as_ref().filter(|uri| uri.scheme().is_some()).and_then(http::Uri::host));
    }
    Ok(Arc::new(hosts.finish()))
}

fn network_contains(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (networks, addresses) = (as_string_array(&arguments[0])?, as_string_array(&arguments[1])?);
    let mut contained = BooleanBuilder::new();
    for (network, address) in networks.iter().zip(addresses) {
        let network = network.map(Network::parse).transpose()?;
        let address = address.and_then(|address| address.parse().ok());
        contained.append_option(network.zip(address).map(|(network, address)| network.contains(address)));
    }
    Ok(Arc::new(contained.finish()))
}

/// Addresses whose first bits are the same.
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    fn parse(text: &str) -> Result<Network> {
        let read = || {
            let (address, bits) = text.split_once('/')?;
            let (address, bits): (IpAddr, u32) = (address.parse().ok()?, bits.parse().ok()?);
            let most = if address.is_ipv4() { 32 } else { 128 };
            (bits <= most).then_some(Network { address, bits })
        };
        read().ok_or_else(|| exec_datafusion_err!("{text:?} is no network; write it like 192.0.2.0/24"))
    }

    fn contains(&self, address: IpAddr) -> bool {
        let same = |left: u128, right: u128, width: u32| {
            // A shift by the whole width is none.
            (left ^ right).checked_shr(width - self.bits).unwrap_or(0) == 0
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => same(network.to_bits().into(), address.to_bits().into(), 32),
            (IpAddr::V6(network), IpAddr::V6(address)) => same(network.to_bits(), address.to_bits(), 128),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_addresses() {
        let check = |network: &str, address: &str, expected: bool| {
            let contained = Network::parse(network).unwrap().contains(address.parse().unwrap());
            assert_eq!(contained, expected, "{network} {address}");
        };
        check("192.0.2.0/24", "192.0.2.255", true);
        check("192.0.2.0/24", "192.0.3.0", false);
        check("192.0.2.7/32", "192.0.2.7", true);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("::/0", "2001:db8::1", true);
        for text in ["192.0.2.0", "192.0.2.0/33", "x/8"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
