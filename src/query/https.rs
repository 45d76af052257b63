//! A strict check that an endpoint is an `https` URL of a listed host.
//!
//! URL parsers disagree on unusual URLs, and the module uses a parser that is not known here. So
//! this check does not parse: it accepts only URLs that every parser reads alike. The text between
//! `https://` and the first `/` must equal a listed host, with or without `:443`. A character that
//! moves this boundary for some parser is refused anywhere in the URL.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::query::error::Fault;
use crate::text::bytes::any;

const SCHEME: &str = "https://";

/// Checks that a text is an `https` URL of one of the hosts.
pub(super) fn check(url: &str, hosts: &[String]) -> Result<(), Fault> {
    // Some parsers drop tabs and line endings, some treat a backslash as a slash, and some map
    // characters outside ASCII to a dot or a slash.
    if any(url.as_bytes(), |byte| !byte.is_ascii_graphic() | (byte == b'\\')) {
        return Err(Fault::UrlCharacter);
    }
    let rest = match url.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
        _ => return Err(Fault::NotHttps),
    };
    // A `?` or `#` does not end the host here: some parsers would take what follows for the host.
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

/// Returns `true` if every parser reads this host as it is written: it is a name, or an address in
/// canonical form.
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
    // `0x7f.1` and `2130706433` are addresses, too: a host that ends in a number is not a name.
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    is_name && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}
