//! The environment has the variables that Streamlit maps, as Python's `str()` writes them.

#[cfg(target_os = "linux")]
use std::io::ErrorKind;
use std::process::Command;
use std::thread;

use secrets_toml::env::Source;
use secrets_toml::{Document, Env, Overrides, Parameter};

#[track_caller]
fn env(text: &str) -> Vec<(String, String)> {
    let env = Document::parse(text).unwrap().env().unwrap();
    env.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn only_root_strings_integers_and_floats_are_mapped() {
    let text = "
        S = 'text'
        I = 1
        F = 1.5
        B = true
        D = 1979-05-27
        A = ['x']
        T = { x = 'y' }
        dotted.key = 'no'
        'quoted name' = 'yes'
        lower = 'yes'
        EMPTY = ''
        [section]
        S2 = 'no'
        [[tables]]
        S3 = 'no'
    ";
    let names: Vec<_> = env(text).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["S", "I", "F", "quoted name", "lower", "EMPTY"]);
}

#[test]
fn values_are_written_as_python_does() {
    for (value, expected) in [
        ("0x1F", "31"),
        ("0o17", "15"),
        ("0b101", "5"),
        ("1_000", "1000"),
        ("+7", "7"),
        ("-0", "0"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("9223372036854775807", "9223372036854775807"),
        ("1.0", "1.0"),
        ("1e3", "1000.0"),
        ("1_0.2_5", "10.25"),
        ("1e15", "1000000000000000.0"),
        ("1e16", "1e+16"),
        ("123456789012345678.0", "1.2345678901234568e+17"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("-0.0", "-0.0"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("inf", "inf"),
        ("+inf", "inf"),
        ("-inf", "-inf"),
        ("nan", "nan"),
        ("-nan", "nan"),
        ("'  spaces  '", "  spaces  "),
        ("\"\"\"\na\r\nb\"\"\"", "a\nb"),
        ("\"a\\u00E9\\n\"", "aé\n"),
    ] {
        assert_eq!(env(&format!("K = {value}")), [("K".into(), expected.into())], "{value}");
    }
}

/// `tests/vectors/python_str.py` has written the file: the bits of a float, and Python's `str()`.
#[test]
fn floats_equal_pythons_over_a_file_of_vectors() {
    let vectors = include_str!("../vectors/python_str.txt");
    let mut count = 0;
    for line in vectors.lines() {
        let (bits, expected) = line.split_once(' ').unwrap();
        let float = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
        // `{:e}` writes all significant digits, in a format that TOML accepts.
        let text = format!("{float:e}");
        assert_eq!(env(&format!("K = {text}"))[0].1, expected, "{text}");
        count += 1;
    }
    assert!(count >= 4000, "{count} vectors");
}

#[test]
fn what_no_environment_takes_is_an_error_that_names_it() {
    for (text, message) in [
        ("A = 1\n'' = 2\n", "line 2: `\"\"` cannot be an environment variable: its name is empty"),
        ("'a=b' = 2\n", "line 1: `\"a=b\"` cannot be an environment variable: its name holds `=`"),
        (
            "\"a\\u0000b\" = 2\n",
            "line 1: `\"a\\u0000b\"` cannot be an environment variable: its name holds a NUL",
        ),
        (
            "A = \"hunter2\\u0000\"\n",
            "line 1: `A` cannot be an environment variable: its value holds a NUL",
        ),
    ] {
        let error = Document::parse(text).unwrap().env().unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
        assert!(message.starts_with(&format!("line {}: `{}`", error.line(), error.path())));
    }
    // Values that are not mapped are not checked.
    assert!(env("'' = true\n'a=b' = ['x']\n[s]\nx = \"\\u0000\"\n").is_empty());
}

#[test]
fn a_command_takes_the_variables() {
    let document = Document::parse("TOKEN = 'hunter2'\nPORT = 8080\n[db]\nX = 1\n").unwrap();
    let env = document.env().unwrap();
    assert_eq!((env.len(), env.get("TOKEN"), env.get("X")), (2, Some("hunter2"), None));
    assert!(!env.is_empty() && env.iter().len() == 2);
    assert!(Document::parse("").unwrap().env().unwrap().is_empty());
    assert_eq!(format!("{env:?}"), r#"Env {"TOKEN", "PORT"}"#);
    assert_eq!(format!("{:?}", env.iter()), r#"{"TOKEN", "PORT"}"#);
    let mut command = Command::new("env");
    let output = command.env_clear().envs(&env).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "PORT=8080\nTOKEN=hunter2\n");
}

#[test]
fn every_variable_is_found_by_its_name() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let name = |i: usize| format!("{}NAME_{i}", "LONG_".repeat(i % 5));
    // Up to 16 names are compared one by one. More are looked up in a table.
    for count in [0, 1, 2, 15, 16, 17, 18, 33, 1000] {
        let text: String = (0..count).map(|i| format!("{} = 'value {i}'\n", name(i))).collect();
        let check = |env: &Env, from: usize| {
            for i in from..count {
                assert_eq!(env.get(&name(i)), Some(format!("value {i}").as_str()));
                assert_eq!(env.source(&name(i)), Some(&Source::Secrets { line: i + 1 }));
            }
            for absent in ["", "NAME", "NAME_", "NAME_1000", "name_0", "NAME_0 ", "value 0"] {
                assert_eq!((env.get(absent), env.source(absent)), (None, None), "{absent}");
            }
        };
        let env = Document::parse(text).unwrap().env().unwrap();
        is_shared(&env);
        // If threads look up at the same time, one of them makes the table.
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| check(&env, 0));
            }
        });
        // The table of the old variables must not be used for the new ones.
        let overrides = Overrides::new().allow(Parameter::new("a", "A").displaces([name(0)]));
        let env = env.override_with(&overrides, "a=x").unwrap();
        check(&env, 1);
        assert_eq!((env.get("A"), env.get(&name(0))), (Some("x"), None));
        assert_eq!(env.source(&name(0)), None);
    }
}

/// Linux allows 32 pages for `NAME=value` and a NUL. The docs of `Env` give the number for pages of
/// 4 KiB.
#[test]
#[cfg(target_os = "linux")]
fn a_variable_that_is_too_long_for_linux_starts_no_process() {
    let page = Command::new("getconf").arg("PAGESIZE").output().unwrap().stdout;
    let page: usize = String::from_utf8(page).unwrap().trim().parse().unwrap();
    let longest = 32 * page - 1;
    if page == 4096 {
        assert_eq!(longest, 131_071);
    }
    let run = |len: usize| {
        let document = format!("NAME = '{}'\n", "x".repeat(len - "NAME=".len()));
        let env = Document::parse(document).unwrap().env().unwrap();
        Command::new("/bin/true").env_clear().envs(&env).status()
    };
    assert!(run(longest).unwrap().success());
    assert_eq!(run(longest + 1).unwrap_err().kind(), ErrorKind::ArgumentListTooLong);
}

#[test]
fn the_process_environment_is_left_alone() {
    let name = "SECRETS_TOML_TEST_VARIABLE";
    let env = Document::parse(format!("{name} = 'x'\n")).unwrap().env().unwrap();
    assert_eq!(env.get(name), Some("x"));
    assert!(std::env::var_os(name).is_none());
}
