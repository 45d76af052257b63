//! The strict check of an endpoint: an `https` URL of one of a list of hosts.
//!
//! Parsers of URLs disagree at the edges, and whoever uses the endpoint has one of their own. So
//! this is no parser: it accepts only what every parser reads alike. The text that stands between
//! `https://` and the first `/` has to *be* a listed host, with or without `:443`; what could move
//! that boundary for some parser is refused wherever it stands.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::query::error::Fault;
use crate::text::bytes::any;

const SCHEME: &str = "https://";

/// What keeps a text from being an `https` URL of one of the hosts.
pub(super) fn check(url: &str, hosts: &[String]) -> Result<(), Fault> {
    // Tabs and line ends are dropped by some parsers, a backslash is a slash to some, and some
    // characters outside ASCII become a dot or a slash.
    if any(url.as_bytes(), |byte| !byte.is_ascii_graphic() | (byte == b'\\')) {
        return Err(Fault::UrlCharacter);
    }
    let rest = match url.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
        _ => return Err(Fault::NotHttps),
    };
    // Not at a `?` or a `#`: a parser that does not know them there takes what follows for a host.
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    if authority.contains('@') {
        return Err(Fault::UserInfo);
    }
    let host = authority.strip_suffix(":443").unwrap_or(authority);
    let is_listed = |host: &str| hosts.iter().any(|listed| listed.eq_ignore_ascii_case(host));
    if is_listed(host) && is_canonical(host) {
        return Ok(());
    }
    let another_port = authority.rsplit_once(':').is_some_and(|(host, _)| is_listed(host));
    Err(if another_port { Fault::Port } else { Fault::Host })
}

/// Whether every parser reads a host as it is written: a name, or an address in its one form.
fn is_canonical(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let canonical = |parsed: Ipv6Addr| parsed.to_string().eq_ignore_ascii_case(address);
        return !address.contains('.') && address.parse().is_ok_and(canonical);
    }
    let is_name = host.split('.').all(|label| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    });
    let last = host.rsplit('.').next().unwrap_or(host);
    // `0x7f.1` and `2130706433` are addresses, too: a name that ends in a number is no name.
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    is_name && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}
