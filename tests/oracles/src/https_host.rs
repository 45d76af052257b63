//! `https_host` against the `url` crate, which must read the same host in every accepted URL.

use secrets_toml::{Document, OverrideError, Overrides, Parameter};
use url::{Host, Url};

use crate::dice::Dice;

/// Hosts that can match.
const HOSTS: [&str; 8] = [
    "api.clarifai.com",
    "127.0.0.1",
    "[::1]",
    "[2001:db8::1]",
    "xn--bcher-kva.example",
    "localhost",
    "My_Host.example",
    "1.example",
];

/// Entries that are not a host in the form that every parser reads alike. They match nothing.
const MISTAKES: [&str; 30] = [
    "",
    ".",
    "bücher.example",
    "api.clarifai.com.",
    "a..b",
    ".example",
    "*.example",
    "evil.example/",
    "evil.example:443",
    "user@evil.example",
    "https://evil.example",
    "evil.example\\",
    "%65vil.example",
    "evil example",
    "evil.example?x",
    "127.1",
    "127.0.0.1.",
    "2130706433",
    "0x7f.1",
    "0X7F.1",
    "0177.0.0.1",
    "name.1",
    "name.0x",
    "999.0.0.1",
    "[::1",
    "::1]",
    "[0:0::1]",
    "[::ffff:1.2.3.4]",
    "[::ffff:102:304]",
    "[api.clarifai.com]",
];

fn held_to(hosts: &[&str], value: &str) -> Result<bool, OverrideError> {
    let parameter = Parameter::new("u", "U").https_host(hosts.iter().copied());
    let overrides = Overrides::new().allow(parameter);
    let query: String =
        ["u="].into_iter().chain(form_urlencoded::byte_serialize(value.as_bytes())).collect();
    let env = Document::parse("").unwrap().env().unwrap().override_with(&overrides, &query)?;
    assert!(env.get("U").is_none_or(|read| read == value));
    Ok(env.get("U").is_some())
}

/// Returns `true` if the value is accepted. Then `url` must agree on all of it.
#[track_caller]
fn is_accepted(value: &str) -> bool {
    let Ok(true) = held_to(&[&HOSTS[..], &MISTAKES[..]].concat(), value) else { return false };
    let read = Url::parse(value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    let host = read.host_str().unwrap();
    assert!(HOSTS.iter().any(|listed| listed.eq_ignore_ascii_case(host)), "{value:?}: {host}");
    let start = value["https://".len()..].get(..host.len());
    assert!(start.is_some_and(|start| start.eq_ignore_ascii_case(host)), "{value:?}: {host}");
    assert_eq!((read.scheme(), read.port_or_known_default()), ("https", Some(443)), "{value:?}");
    assert_eq!((read.username(), read.password()), ("", None), "{value:?}");
    true
}

fn unescape(line: &str) -> String {
    let mut parts = line.split("\\u{");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (code, rest) = part.split_once('}').unwrap();
        text.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        text.push_str(rest);
    }
    text
}

#[test]
fn a_table_of_tricky_urls() {
    let lines = include_str!("../../vectors/https_urls.txt").lines();
    let urls: Vec<_> = lines.filter(|line| !line.starts_with('#')).collect();
    assert!(urls.len() >= 200);
    for line in urls {
        let (sign, escaped) = line.split_at(2);
        assert_eq!(is_accepted(&unescape(escaped)), sign == "+ ", "{line}");
    }
}

#[test]
fn an_entry_that_is_no_host_matches_nothing() {
    for mistake in MISTAKES {
        for tail in ["", "/", ":443", ":443/x"] {
            assert!(!is_accepted(&format!("https://{mistake}{tail}")), "{mistake}{tail}");
        }
    }
    let nothing: [&str; 0] = [];
    assert!(held_to(&nothing, "https://api.clarifai.com").is_err());
    assert!(held_to(&nothing, "https://").is_err());
    for host in HOSTS {
        assert!(Host::parse(host).is_ok() && is_accepted(&format!("https://{host}")), "{host}");
    }
}

/// Picks the first one as often as all others together.
fn pick<'a>(dice: &mut Dice, of: &[&'a str]) -> &'a str {
    if dice.roll(2) == 0 { of[0] } else { of[dice.roll(of.len())] }
}

#[test]
fn generated_urls() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut accepted = 0;
    for _ in 0..100_000 {
        let scheme =
            pick(&mut dice, &["https://", "http://", "HTTPS://", "https:", "//", "https:/\\"]);
        let user = pick(&mut dice, &["", "", "", "evil@", "api.clarifai.com@", "a:b@", ":@", "@"]);
        let hosts = [&HOSTS[..], &MISTAKES[..], &["evil.example", "x.api.clarifai.com"]].concat();
        let host = hosts[dice.roll(hosts.len())];
        let host = pick(&mut dice, &[HOSTS[0], host]);
        let port = pick(&mut dice, &["", ":443", ":80", ":", ":0443", ":443:443", ".", ":443."]);
        let tail = pick(
            &mut dice,
            &["", "/", "/v2", "?", "#@evil.example", "/@evil", "\\", "//evil", ";"],
        );
        let mut url = format!("{scheme}{user}{host}{port}{tail}");
        for _ in 0..pick(&mut dice, &["", "1", "22"]).len() {
            let places: Vec<_> = url.char_indices().map(|(place, _)| place).collect();
            let place = places[dice.roll(places.len())];
            match dice.roll(3) {
                0 => drop(url.remove(place)),
                1 => {
                    let character = url[place..].chars().next().unwrap();
                    url.insert(place, character);
                }
                _ => {
                    const STRAY: &str = "@:/\\?#.%[]0x \t\n\u{ad}。／＠A";
                    let strays: Vec<_> = STRAY.chars().collect();
                    url.insert(place, strays[dice.roll(strays.len())]);
                }
            }
        }
        accepted += usize::from(is_accepted(&url));
    }
    assert!((5_000..95_000).contains(&accepted), "{accepted} accepted: a poor generator");
}
