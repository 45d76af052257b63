//! Overrides from a query: which are applied, displaced or refused, and how they are explained.

mod decoding;

use std::error::Error;

use secrets_toml::env::{Explanation, Source};
use secrets_toml::{
    Document, Env, MAX_PARAMETER_LEN, MAX_QUERY_FIELDS, MAX_QUERY_LEN, OverrideError, Overrides,
    Parameter,
};

#[track_caller]
fn env(secrets: &str) -> Env {
    Document::parse(secrets).unwrap().env().unwrap()
}

/// Returns the variables after a query, in their order, as `NAME=value NAME=value`.
#[track_caller]
fn applied(overrides: &Overrides, secrets: &str, query: &str) -> String {
    shown(&env(secrets).override_with(overrides, query).unwrap())
}

fn shown(env: &Env) -> String {
    env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

fn explained(env: &Env) -> Vec<String> {
    env.explain().map(|explanation| explanation.to_string()).collect()
}

#[track_caller]
fn refused(overrides: &Overrides, query: &str) -> OverrideError {
    env("A = 'hunter2'").override_with(overrides, query).unwrap_err()
}

fn letters() -> Overrides {
    let allow =
        |overrides: Overrides, (name, variable)| overrides.allow(Parameter::new(name, variable));
    [("a", "A"), ("b", "B"), ("c", "C")].into_iter().fold(Overrides::new(), allow)
}

#[test]
fn only_what_is_allowed_is_applied() {
    for (query, expected) in [
        ("", "A=1 B=2"),
        ("?", "A=1 B=2"),
        ("a=x", "A=x B=2"),
        ("?a=x", "A=x B=2"),
        ("??a=x", "A=1 B=2"),
        ("b=x&a=y", "A=y B=x"),
        ("c=x", "A=1 B=2 C=x"),
        ("A=x&B=x&C=x", "A=1 B=2"),
        ("PATH=x&LD_PRELOAD=x", "A=1 B=2"),
        ("a[]=x&a.b=x&a%00=x", "A=1 B=2"),
        ("utm=%FF&utm=%00&%FF=%FF", "A=1 B=2"),
        ("a=x&a=y", "A=y B=2"),
        ("a=x&%61=y", "A=y B=2"),
        ("a=%FF&a=y", "A=y B=2"),
        ("a=x&a=", "A=1 B=2"),
        ("a=x&a", "A=1 B=2"),
        ("a=&a=x", "A=x B=2"),
        ("a=+&b=%20%20&c=%C2%A0", "A=1 B=2"),
        ("a=+x+", "A= x  B=2"),
        ("a=x#b=y", "A=x#b=y B=2"),
        ("a=x;b=y", "A=x;b=y B=2"),
        ("a=b=c", "A=b=c B=2"),
    ] {
        assert_eq!(applied(&letters(), "A = 1\nB = '2'", query), expected, "{query}");
    }
    assert_eq!(applied(&Overrides::new(), "A = 1", "A=x&a=x"), "A=1");
}

#[test]
fn allowing_a_name_again_replaces_it() {
    let overrides = letters()
        .allow(Parameter::new("a", "A").displaces(["B"]).accept(|value| value == "x"))
        .allow(Parameter::new("a", "C"));
    assert_eq!(applied(&overrides, "A = 1\nB = 2", "a=y"), "A=1 B=2 C=y");
}

#[test]
fn of_two_parameters_for_one_variable_the_later_in_the_query_counts() {
    let one = || Parameter::new("one", "V").displaces(["ONE"]);
    let two = || Parameter::new("two", "V").displaces(["TWO"]);
    for overrides in
        [Overrides::new().allow(one()).allow(two()), Overrides::new().allow(two()).allow(one())]
    {
        for (query, expected) in [
            // Only the parameter that overrides also displaces.
            ("one=a&two=b", "ONE=1 V=b"),
            ("two=b&one=a", "TWO=2 V=a"),
            ("one=a&two=", "TWO=2 V=a"),
            ("one=a&two=b&one=c", "TWO=2 V=c"),
        ] {
            assert_eq!(applied(&overrides, "ONE = 1\nTWO = 2", query), expected, "{query}");
        }
    }
}

/// Returns every order of `items`.
fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for first in 0..items.len() {
        let mut rest = items.to_vec();
        let item = rest.remove(first);
        all.extend(orders(&rest).into_iter().map(|mut order| {
            order.push(item.clone());
            order
        }));
    }
    all
}

/// The variables depend neither on the order of the fields nor on that of `allow`.
#[track_caller]
fn assert_in_any_order(parameters: &[Parameter], secrets: &str, query: &[&str], expected: &str) {
    for parameters in orders(parameters) {
        let overrides = parameters.into_iter().fold(Overrides::new(), Overrides::allow);
        for query in orders(query) {
            let query = query.join("&");
            let env = env(secrets).override_with(&overrides, &query).unwrap();
            let mut variables: Vec<_> = env.iter().map(|(n, v)| format!("{n}={v}")).collect();
            variables.sort();
            assert_eq!(variables.join(" "), expected, "{query} {overrides:?}");
        }
    }
}

#[test]
fn what_is_displaced_in_any_order() {
    // `a` displaces `B`, `b` displaces `C`, `c` displaces `A`.
    let ring = [
        Parameter::new("a", "A").displaces(["B"]),
        Parameter::new("b", "B").displaces(["C"]),
        Parameter::new("c", "C").displaces(["A"]),
    ];
    let secrets = "A = 1\nB = 2\nC = 3\nD = 4";
    assert_in_any_order(&ring, secrets, &[], "A=1 B=2 C=3 D=4");
    // `B` is displaced, but `b` does not override, so `C` stays.
    assert_in_any_order(&ring, secrets, &["a=x"], "A=x C=3 D=4");
    assert_in_any_order(&ring, secrets, &["b=x"], "A=1 B=x D=4");
    assert_in_any_order(&ring, secrets, &["a=x", "b=y"], "A=x B=y D=4");
    assert_in_any_order(&ring, secrets, &["a=x", "c=y"], "A=x C=y D=4");
    assert_in_any_order(&ring, secrets, &["a=x", "b=y", "c=z"], "A=x B=y C=z D=4");
    // A blank parameter neither overrides nor displaces.
    assert_in_any_order(&ring, secrets, &["a=x", "b="], "A=x C=3 D=4");
    assert_in_any_order(&ring, secrets, &["a=", "b=y"], "A=1 B=y D=4");
    // Neither does one that is not allowed.
    assert_in_any_order(&ring[..1], secrets, &["a=x", "b=y", "B=z"], "A=x C=3 D=4");
    // A value equal to the owner's displaces, too.
    assert_in_any_order(&ring, secrets, &["a=1"], "A=1 C=3 D=4");
    // A parameter does not displace the variable that it sets.
    let own = [Parameter::new("a", "A").displaces(["A", "A", "NONE"]).displaces(["D"])];
    assert_in_any_order(&own, secrets, &["a=x"], "A=x B=2 C=3");
}

#[test]
fn the_preset() {
    let secrets = "CLARIFAI_PAT = 'owner'\nCLARIFAI_API_BASE = 'https://api.clarifai.com'\n";
    let preset = Overrides::clarifai();
    for (query, expected) in [
        (
            "user_id=u&app_id=a&pat=p&ui=https://clarifai.com",
            "CLARIFAI_PAT=p CLARIFAI_API_BASE=https://api.clarifai.com CLARIFAI_USER_ID=u \
             CLARIFAI_APP_ID=a CLARIFAI_UI=https://clarifai.com",
        ),
        ("token=t", "CLARIFAI_API_BASE=https://api.clarifai.com CLARIFAI_SESSION_TOKEN=t"),
        (
            "pat=p&token=t",
            "CLARIFAI_PAT=p CLARIFAI_API_BASE=https://api.clarifai.com CLARIFAI_SESSION_TOKEN=t",
        ),
        ("base=https://api.clarifai.com", "CLARIFAI_API_BASE=https://api.clarifai.com"),
        (
            "base=https://api.clarifai.com/x&pat=p",
            "CLARIFAI_PAT=p CLARIFAI_API_BASE=https://api.clarifai.com/x",
        ),
    ] {
        assert_eq!(applied(&preset, secrets, query), expected, "{query}");
    }
    let session = "CLARIFAI_SESSION_TOKEN = 'owner'";
    assert_eq!(applied(&preset, session, "pat=p"), "CLARIFAI_PAT=p");
}

#[test]
fn rules_add_up() {
    let overrides = Overrides::new().allow(
        Parameter::new("u", "U")
            .https_host(["a.example", "b.example"])
            .https_host(["b.example", "c.example"])
            .accept(|value| value.ends_with("/v2"))
            .accept(|value| value.len() < 30),
    );
    assert_eq!(applied(&overrides, "", "u=https://b.example/v2"), "U=https://b.example/v2");
    for wrong in ["https://a.example/v2", "https://c.example/v2", "https://b.example/v1"] {
        assert_eq!(refused(&overrides, &format!("u={wrong}")).parameter(), Some("u"), "{wrong}");
    }
    assert!(env("").override_with(&overrides, "u=https://b.example/2345678901/v2").is_err());
}

#[test]
fn messages() {
    let overrides = Overrides::clarifai()
        .allow(Parameter::new("port", "PORT").accept(|value| value.parse::<u16>().is_ok()))
        .allow(Parameter::new("no\nname\u{202e}", "X").accept(|_| false))
        .allow(Parameter::new("empty", ""))
        .allow(Parameter::new("equals", "A=B"))
        .allow(Parameter::new("nul", "A\0"));
    let long = format!("user_id={}", "x".repeat(MAX_PARAMETER_LEN + 1));
    for (query, message) in [
        ("base=https://evil.example", "`base` is refused: its host is not allowed"),
        ("base=http://api.clarifai.com", "`base` is refused: it is not an `https` URL"),
        ("base=https://api.clarifai.com:80", "`base` is refused: its port is not 443"),
        ("ui=https://x@clarifai.com", "`ui` is refused: its URL holds a user name"),
        (
            "base=https://api.clarifai.com%5C@evil.example",
            "`base` is refused: its URL holds a space, a backslash or a letter outside ASCII",
        ),
        ("pat=%FF", "`pat` is refused: it is not UTF-8"),
        ("pat=%C3", "`pat` is refused: it is not UTF-8"),
        ("pat=a%0Ab", "`pat` is refused: it holds a control character"),
        ("pat=a%09", "`pat` is refused: it holds a control character"),
        ("pat=a%C2%85", "`pat` is refused: it holds a control character"),
        (&long, "`user_id` is refused: it is longer than 8192 bytes"),
        ("port=http", "`port` is refused: it is not accepted"),
        ("no%0Aname%E2%80%AE=x", "`no\\nname\\u{202e}` is refused: it is not accepted"),
        (
            "empty=x",
            "`empty` is refused: its variable cannot be an environment variable: its name is empty",
        ),
        (
            "equals=x",
            "`equals` is refused: its variable cannot be an environment variable: its name holds \
             `=`",
        ),
        (
            "nul=x",
            "`nul` is refused: its variable cannot be an environment variable: its name holds a \
             NUL",
        ),
        // If several are refused, the one that was allowed first is named.
        ("ui=x&base=x&pat=%FF", "`pat` is refused: it is not UTF-8"),
    ] {
        let error = refused(&overrides, query);
        assert_eq!(error.to_string(), format!("query parameter {message}"), "{query}");
        assert!(error.parameter().is_some());
    }
    for (query, message) in [
        ("x".repeat(MAX_QUERY_LEN + 1), "the query is refused: it is longer than 524288 bytes"),
        ("x&".repeat(MAX_QUERY_FIELDS + 1), "the query is refused: it has more than 1000 fields"),
    ] {
        let error = refused(&overrides, &query);
        assert_eq!((error.to_string().as_str(), error.parameter()), (message, None));
    }
}

#[test]
fn limits_are_met_exactly() {
    let value = "%41".repeat(MAX_PARAMETER_LEN);
    let read = applied(&letters(), "", &format!("a={value}"));
    assert_eq!(read.len(), "A=".len() + MAX_PARAMETER_LEN);
    for too_long in [format!("{value}B"), format!("{value}%42"), format!("{value}+")] {
        assert!(refused(&letters(), &format!("a={too_long}")).to_string().contains("8192"));
    }
    // The limit holds for each parameter, and for a large environment, too.
    let secrets = format!("A = '{}'", "x".repeat(100_000));
    let query = format!("a={value}&b={}", "y".repeat(MAX_PARAMETER_LEN + 1));
    let error = env(&secrets).override_with(&letters(), &query).unwrap_err();
    assert_eq!(error.parameter(), Some("b"));
    let read = applied(&letters(), "", &format!("a={value}&b={value}"));
    assert_eq!(read.len(), "A= B=".len() + 2 * MAX_PARAMETER_LEN);

    let fields = "x=y&".repeat(MAX_QUERY_FIELDS - 1) + "a=z";
    assert_eq!(applied(&letters(), "A = 1", &fields), "A=z");
    let padding = "x".repeat(MAX_QUERY_LEN - "a=z&".len());
    assert_eq!(applied(&letters(), "A = 1", &format!("a=z&{padding}")), "A=z");
    // An empty field does not count.
    assert_eq!(applied(&letters(), "A = 1", &("&".repeat(5000) + "a=z")), "A=z");
}

#[test]
fn nothing_is_partly_applied() {
    // An error returns no `Env`, and the old one is consumed. So the valid parameters before and
    // after a refused one are not applied.
    for query in ["user_id=a&base=x", "base=x&user_id=a", "pat=a&ui=x&user_id=b"] {
        let env = env("CLARIFAI_USER_ID = 'owner'");
        let result: Result<Env, OverrideError> = env.override_with(&Overrides::clarifai(), query);
        assert!(result.is_err(), "{query}");
    }
}

#[test]
fn sources_and_explanations() {
    let secrets = "# one\nCLARIFAI_PAT = 'hunter2'\nLINES = '''\n\n'''\nCLARIFAI_USER_ID = 'o'\n\
                   RATE = 1.5\n[db]\nX = 1\n";
    let plain = env(secrets);
    assert_eq!(plain.source("CLARIFAI_USER_ID"), Some(&Source::Secrets { line: 6 }));
    assert_eq!((plain.source("X"), plain.source("nope")), (None, None));
    assert_eq!(
        explained(&plain),
        [
            "CLARIFAI_PAT: secrets.toml line 2",
            "LINES: secrets.toml line 3",
            "CLARIFAI_USER_ID: secrets.toml line 6",
            "RATE: secrets.toml line 7",
        ]
    );
    let preset = Overrides::clarifai();
    let once = plain
        .override_with(&preset, "user_id=alice&app_id=x&base=https://api.clarifai.com&utm=y")
        .unwrap();
    assert_eq!(
        explained(&once),
        [
            "LINES: secrets.toml line 3",
            "CLARIFAI_USER_ID: query parameter `user_id`, over secrets.toml line 6",
            "RATE: secrets.toml line 7",
            "CLARIFAI_APP_ID: query parameter `app_id`",
            "CLARIFAI_API_BASE: query parameter `base`",
            "CLARIFAI_PAT: displaced by query parameter `base`",
            "CLARIFAI_SESSION_TOKEN: displaced by query parameter `base`",
        ]
    );
    let base = Source::Query { parameter: "base".to_owned() };
    assert_eq!((once.get("CLARIFAI_PAT"), once.source("CLARIFAI_PAT")), (None, None));
    assert_eq!(once.source("CLARIFAI_API_BASE"), Some(&base));
    let displaced = once.explain().nth(5).unwrap();
    assert_eq!((displaced.variable(), displaced.winner()), ("CLARIFAI_PAT", None));
    assert_eq!(displaced.displaced_by(), Some(&base));
    assert_eq!(displaced.replaced(), Some(&Source::Secrets { line: 2 }));
    let absent = once.explain().nth(6).unwrap();
    assert_eq!((absent.variable(), absent.winner()), ("CLARIFAI_SESSION_TOKEN", None));
    assert_eq!((absent.displaced_by(), absent.replaced()), (Some(&base), None));
    let user = once.explain().nth(1).unwrap();
    assert_eq!(user.winner().unwrap().to_string(), "query parameter `user_id`");
    assert_eq!(user.replaced(), Some(&Source::Secrets { line: 6 }));
    assert_eq!(user.displaced_by(), None);

    // A second override starts from the result of the first.
    let twice = once.override_with(&preset, "user_id=bob").unwrap();
    assert_eq!(
        explained(&twice)[1],
        "CLARIFAI_USER_ID: query parameter `user_id`, over query parameter `user_id`"
    );
    assert_eq!(explained(&twice)[5], "CLARIFAI_PAT: displaced by query parameter `base`");
    let thrice = twice.override_with(&preset, "pat=mine").unwrap();
    assert_eq!(explained(&thrice)[5], "CLARIFAI_PAT: query parameter `pat`");
    assert_eq!(thrice.get("CLARIFAI_PAT"), Some("mine"));
    assert_eq!(thrice.get("LINES"), Some("\n"));
    assert_eq!(thrice.explain().count(), thrice.len() + 1);
}

#[test]
fn the_first_that_was_allowed_is_named() {
    let secrets = "CLARIFAI_PAT = 'x'";
    for query in ["token=t&base=https://api.clarifai.com", "base=https://api.clarifai.com&token=t"]
    {
        let env = env(secrets).override_with(&Overrides::clarifai(), query).unwrap();
        let last = explained(&env).pop().unwrap();
        assert_eq!(last, "CLARIFAI_PAT: displaced by query parameter `token`", "{query}");
    }
}

#[test]
fn what_was_displaced_stays_so_until_it_has_a_value_again() {
    let overrides = Overrides::new()
        .allow(Parameter::new("a", "A"))
        .allow(Parameter::new("b", "B").displaces(["A"]))
        .allow(Parameter::new("c", "C"));
    let displaced = "A: displaced by query parameter `b`";
    let env = env("A = 1").override_with(&overrides, "b=x").unwrap();
    assert_eq!(explained(&env), ["B: query parameter `b`", displaced]);
    let env = env.override_with(&overrides, "b=y&c=z").unwrap();
    assert_eq!(explained(&env)[1..], ["C: query parameter `c`", displaced]);
    let env = env.override_with(&overrides, "a=w").unwrap();
    let explained = explained(&env);
    assert!(explained.iter().all(|line| !line.contains("displaced")), "{explained:?}");
    assert_eq!(env.get("A"), Some("w"));
}

#[test]
fn a_displaced_name_is_recorded_whatever_it_is_in_the_document() {
    let base = "base=https://api.clarifai.com";
    let by = Source::Query { parameter: "base".to_owned() };
    for secrets in [
        "CLARIFAI_PAT = ['x']",
        "CLARIFAI_PAT = []",
        "CLARIFAI_PAT = { x = 'y' }",
        "CLARIFAI_PAT.x = 'y'",
        "CLARIFAI_PAT = true",
        "CLARIFAI_PAT = 1979-05-27",
        "[CLARIFAI_PAT]\nx = 'y'",
        "[[CLARIFAI_PAT]]\nx = 'y'",
        "[CLARIFAI_PAT.x]",
        "[x]\nCLARIFAI_PAT = 'y'",
        "",
    ] {
        let env = env(secrets).override_with(&Overrides::clarifai(), base).unwrap();
        let displaced: Vec<_> = env.explain().skip(1).collect();
        let names: Vec<_> = displaced.iter().map(Explanation::variable).collect();
        assert_eq!(names, ["CLARIFAI_PAT", "CLARIFAI_SESSION_TOKEN"], "{secrets}");
        for one in displaced {
            let told = (one.displaced_by(), one.winner(), one.replaced());
            assert_eq!(told, (Some(&by), None, None), "{secrets}");
            let name = one.variable();
            assert_eq!(one.to_string(), format!("{name}: displaced by query parameter `base`"));
            assert_eq!((env.get(name), env.source(name)), (None, None), "{secrets}");
        }
        assert_eq!((env.len(), env.iter().count()), (1, 1), "{secrets}");
    }
}

#[test]
fn a_name_that_the_query_supplies_is_not_displaced() {
    for query in
        ["pat=p&base=https://api.clarifai.com", "base=https://api.clarifai.com&pat=x&pat=p"]
    {
        let env = env("CLARIFAI_PAT = ['x']").override_with(&Overrides::clarifai(), query).unwrap();
        assert_eq!(
            explained(&env),
            [
                "CLARIFAI_PAT: query parameter `pat`",
                "CLARIFAI_API_BASE: query parameter `base`",
                "CLARIFAI_SESSION_TOKEN: displaced by query parameter `pat`",
            ],
            "{query}"
        );
    }
    // A blank parameter does not set its variable.
    let query = "pat=&base=https://api.clarifai.com";
    let env = env("").override_with(&Overrides::clarifai(), query).unwrap();
    assert_eq!(explained(&env)[1], "CLARIFAI_PAT: displaced by query parameter `base`");
}

#[test]
fn a_name_that_no_variable_had_is_displaced_until_it_has_a_value() {
    let overrides = Overrides::new()
        .allow(Parameter::new("a", "A"))
        .allow(Parameter::new("b", "B").displaces(["A"]))
        .allow(Parameter::new("c", "C").displaces(["A", "D"]));
    let env = env("").override_with(&overrides, "b=x").unwrap();
    assert_eq!(explained(&env)[1..], ["A: displaced by query parameter `b`"]);
    // A name that is displaced again keeps the first source.
    let env = env.override_with(&overrides, "c=x").unwrap();
    let both = ["A: displaced by query parameter `b`", "D: displaced by query parameter `c`"];
    assert_eq!(explained(&env)[2..], both);
    let env = env.override_with(&overrides, "").unwrap();
    assert_eq!(explained(&env)[2..], both);
    let env = env.override_with(&overrides, "a=x").unwrap();
    assert_eq!(explained(&env)[2..], ["A: query parameter `a`", both[1]]);
    assert_eq!(env.explain().nth(2).unwrap().replaced(), None);
    let env = env.override_with(&overrides, "c=y").unwrap();
    assert_eq!(
        explained(&env)[2..],
        ["A: displaced by query parameter `c`", "D: displaced by query parameter `c`"]
    );
    let a = env.explain().nth(2).unwrap();
    assert_eq!(a.replaced(), Some(&Source::Query { parameter: "a".to_owned() }));
}

#[test]
fn a_displaced_name_is_recorded_once() {
    let overrides = Overrides::new()
        .allow(Parameter::new("a", "A").displaces(["X", "Y", "X"]).displaces(["X", "A"]))
        .allow(Parameter::new("b", "B").displaces(["Z", "Y", "", "P=Q", "\0", "a b"]));
    let env = env("Z = 1\nY = []").override_with(&overrides, "b=x&a=x").unwrap();
    assert_eq!(
        explained(&env),
        [
            "A: query parameter `a`",
            "B: query parameter `b`",
            "Z: displaced by query parameter `b`",
            "X: displaced by query parameter `a`",
            "Y: displaced by query parameter `a`",
            "\"\": displaced by query parameter `b`",
            "\"P=Q\": displaced by query parameter `b`",
            "\"\\u0000\": displaced by query parameter `b`",
            "\"a b\": displaced by query parameter `b`",
        ]
    );
}

/// Many names are looked up in a table instead of one by one. The result is the same.
#[test]
fn many_names_are_displaced_as_few_are() {
    for count in [1, 5, 8, 9, 17, 300, 20_000] {
        // A third of the names are variables, and a third are tables.
        let name = |i: usize| format!("NAME_{i}");
        let names = || (0..count).map(name);
        let secrets: String = (0..count)
            .map(|i| match i % 3 {
                0 => format!("{} = {i}\n", name(i)),
                1 => format!("{}.x = {i}\n", name(i)),
                _ => format!("OTHER_{i} = {i}\n"),
            })
            .collect();
        let overrides = Overrides::new()
            .allow(Parameter::new("a", "A").displaces(names()))
            .allow(Parameter::new("b", "B").displaces(names()).displaces(["A"]))
            .allow(Parameter::new("zero", "NAME_0"));
        let others = (0..count).filter(|i| i % 3 == 2).count();
        let mut env = env(&secrets);
        for (query, first, by_b) in
            [("a=1&b=2", 0, 0), ("b=2&zero=3", 1, 1), ("a=1&b=2", 0, 2), ("", 0, 2)]
        {
            env = env.override_with(&overrides, query).unwrap();
            let lines = explained(&env);
            let mut displaced: Vec<_> = env
                .explain()
                .filter(|one| one.winner().is_none())
                .map(|one| one.variable())
                .collect();
            assert_eq!(env.len(), lines.len() - displaced.len());
            assert_eq!(env.get("A"), Some("1").filter(|_| by_b != 1), "{query}");
            let variables = others + 2 - usize::from(by_b == 1) + usize::from(first == 1);
            assert_eq!(env.len(), variables, "{count} {query}");
            displaced.sort_unstable();
            let mut expected: Vec<_> = (first..count).map(name).collect();
            expected.extend((by_b == 1).then(|| "A".to_owned()));
            expected.sort();
            assert_eq!(displaced, expected, "{count} {query}");
        }
    }
}

#[test]
fn of_many_parameters_for_one_variable_the_last_in_the_query_counts() {
    for count in [2, 16, 17, 500] {
        let parameter = |i: usize| {
            Parameter::new(format!("p{i}"), format!("V{}", i % 2)).displaces([format!("D{i}")])
        };
        let overrides = (0..count).map(parameter).fold(Overrides::new(), Overrides::allow);
        for fields in [(0..count).collect::<Vec<_>>(), (0..count).rev().collect()] {
            let query: Vec<_> = fields.iter().map(|i| format!("p{i}={i}")).collect();
            let env = env("").override_with(&overrides, &query.join("&")).unwrap();
            let last = [fields[count - 2], fields[count - 1]];
            let [even, odd] = [0, 1].map(|rest| last.into_iter().find(|i| i % 2 == rest));
            assert_eq!(env.get("V0"), even.map(|i| i.to_string()).as_deref());
            assert_eq!(env.get("V1"), odd.map(|i| i.to_string()).as_deref());
            // The overrides that do not count displace nothing.
            let displaced = env.explain().filter(|one| one.winner().is_none());
            assert_eq!(displaced.count(), 2, "{count}");
        }
    }
}

#[test]
fn an_explanation_is_one_harmless_line() {
    let env = env("\"a\\nb\\u202e\" = 1\n");
    assert_eq!(explained(&env), ["\"a\\u000Ab\\u202E\": secrets.toml line 1"]);
    let overrides = Overrides::new().allow(Parameter::new("p\n", "X"));
    let env = env.override_with(&overrides, "p%0A=x").unwrap();
    assert_eq!(explained(&env)[1], "X: query parameter `p\\n`");
}

#[test]
fn debug_shows_the_rules() {
    let ui = Parameter::new("ui", "UI").https_host(["a.example"]).accept(|_| true);
    let shown = format!("{:?}", Overrides::new().allow(ui));
    assert!(shown.contains(r#"rules: [HttpsHost(["a.example"]), Accept]"#), "{shown}");
}

#[test]
fn nothing_prints_a_value() {
    let secrets = "CLARIFAI_PAT = 'hunter2'\nCLARIFAI_USER_ID = 'hunter2'\n";
    let overrides = Overrides::clarifai()
        .allow(Parameter::new("port", "PORT").accept(|value| value.parse::<u16>().is_ok()));
    let silent = |shown: String| assert!(!shown.contains("hunter2"), "{shown}");
    let query = "user_id=hunter2&app_id=hunter2&base=https://api.clarifai.com/hunter2";
    let env = env(secrets).override_with(&overrides, query).unwrap();
    assert_eq!(env.get("CLARIFAI_APP_ID"), Some("hunter2"));
    silent(format!("{env:?} {env:#?} {:?}", env.iter()));
    for explanation in env.explain() {
        silent(format!("{explanation} {explanation:?} {:?}", env.source(explanation.variable())));
    }
    silent(format!("{overrides:?} {overrides:#?}"));
    for query in [
        "hunter2=%FF&pat=hunter2%FF",
        "pat=hunter2%00",
        "user_id=hunter2&base=hunter2",
        "base=https://hunter2",
        "base=https://hunter2@api.clarifai.com",
        "base=https://api.clarifai.com:hunter2",
        "base=https://api.clarifai.com\\hunter2",
        "port=hunter2",
        &format!("pat={}", "hunter2".repeat(2000)),
        &"hunter2".repeat(100_000),
        &"hunter2&".repeat(2000),
    ] {
        let error = self::env(secrets).override_with(&overrides, query).unwrap_err();
        silent(format!("{error} {error:?} {error:#?} {error:#} {:?}", error.parameter()));
        assert!(error.source().is_none());
    }
}
