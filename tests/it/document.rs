//! Reading a document: values, paths and views.

use secrets_toml::{Document, Template, Value};

const TEXT: &str = r#"
title = "TOML"
"quoted key" = 'it''s'

[owner]
name = "Ada \u00E9"
address.city = "London"

[[users]]
name = "first"
roles = ["a", 1, [2.5]]

[[users]]
name = "second"

[inline]
point = { x = 1, y.z = { deep = true } }
when = 1979-05-27T07:32:00Z
"#;

fn document() -> Document {
    Document::parse(TEXT.replace("'it''s'", "'its'")).unwrap()
}

#[test]
fn values_are_found_by_key_and_by_path() {
    let document = document();
    let string = |path: &str| document.find(path).and_then(|value| value.as_str());
    assert_eq!(string("title"), Some("TOML"));
    assert_eq!(string("\"quoted key\""), Some("its"));
    assert_eq!(string("'quoted key'"), Some("its"));
    assert_eq!(string("\"quoted\\u0020key\""), Some("its"));
    assert_eq!(string("owner.name"), Some("Ada é"));
    assert_eq!(string("owner.address.city"), Some("London"));
    assert_eq!(string("users[1].name"), Some("second"));
    assert_eq!(string("users[0].roles[0]"), Some("a"));
    let float = document.find("users[0].roles[2][0]").and_then(|value| value.as_float());
    assert_eq!(float, Some(2.5));
    let deep = document.find("inline.point.y.z.deep").and_then(|value| value.as_bool());
    assert_eq!(deep, Some(true));

    assert_eq!(document.get("title").and_then(|value| value.as_str()), Some("TOML"));
    assert!(document.get("owner.name").is_none(), "a key is literal");
    let chained = document.get("owner").and_then(|owner| owner.get("address"));
    assert_eq!(chained.and_then(|address| address.get("city")).unwrap().as_str(), Some("London"));
}

#[test]
fn a_path_has_white_space_where_a_key_may_have_it() {
    let document = document();
    let string = |path: &str| document.find(path).and_then(|value| value.as_str());
    for path in ["owner . address . city", "\towner\t.address. \t city  ", " owner.address.'city' "]
    {
        assert_eq!(string(path), Some("London"), "{path:?}");
    }
    for path in ["users[0].name", "users[0] . name", " users[0]\t.name\t"] {
        assert_eq!(string(path), Some("first"), "{path:?}");
    }
    assert!(document.find("users[0] ").is_some_and(|user| user.kind() == "table"));
    // There may be no space before or inside the brackets, which are not part of TOML.
    for path in ["users [0]", "users[ 0]", "users[0 ]", "users[0].roles[2] [0]", "users[0]. [0]"] {
        assert!(document.find(path).is_none(), "{path:?}");
    }
    for path in [" ", "\t", "owner name", "owner . . name", ". owner", "owner . ", "\u{a0}owner"] {
        assert!(document.find(path).is_none(), "{path:?}");
    }
    for path in ["owner\n.name", "owner.\r\nname", "owner.name\r\n", "owner\u{b}.name"] {
        assert!(document.find(path).is_none(), "{path:?}");
    }
    assert!(Document::parse("a = 1").unwrap().find("\u{feff}a").is_none());
}

/// For every short sequence of the pieces of keys: `find` reads it if and only if TOML reads it as
/// a key.
#[test]
fn a_path_without_positions_is_a_key() {
    let parts = ["a", "-", "\"b c\"", "'d'", "\"\"", ".", " ", "\t", "\"", "é"];
    let keys = &parts[..5];
    let mut all = String::new();
    for i in 0..keys.len().pow(3) {
        let [first, second, third] = [i / 25, i / 5 % 5, i % 5].map(|i| keys[i]);
        all += &format!("{first}.{second}.{third} = 1\n");
    }
    let all = Document::parse(all).unwrap();
    let mut found = 0;
    for len in 0..=5_u32 {
        for i in 0..parts.len().pow(len) {
            let path = (0..len).map(|place| parts[i / parts.len().pow(place) % parts.len()]);
            let path = path.collect::<String>();
            if let Ok(document) = Document::parse(format!("{path}= 1\n")) {
                let value = document.find(&path).and_then(|value| value.as_integer());
                assert_eq!(value, Some(1), "{path:?}");
                found += 1;
            } else {
                assert!(all.find(&path).is_none(), "{path:?}");
            }
        }
    }
    assert!(found > 1000, "{found} keys");
}

#[test]
fn a_path_that_leads_nowhere_finds_nothing() {
    let document = document();
    for path in [
        "",
        ".",
        "title.",
        ".title",
        "title..x",
        "titl",
        "title.x",
        "users.name",
        "users[2]",
        "users[-1]",
        "users[0",
        "users[0]]",
        "users[x]",
        "users.0]",
        "users.0.name",
        "users[0.name",
        "[0]",
        "owner[0]",
        "title[0]",
        "users[0]name",
        "a b",
        "\"open",
        "'''title'''",
        "title = 1",
        "title\n",
        "#",
        "users[99999999999999999999]",
    ] {
        assert!(document.find(path).is_none(), "{path:?}");
    }
}

#[test]
fn what_a_path_displays_is_found_again() {
    let text = "[\"a.b\".\"\u{202e}\\u0007\u{e0001}\\\"\"]\n'' = [{ 'k e y' = '' }, 1]\nx.y = [[{ z = '' }]]\n";
    let document = Document::parse(text).unwrap();
    let shown = format!("{document:?}");
    for path in [
        r#""a.b"."\u202E\u0007\U000E0001\""."""#,
        r#""a.b"."\u202E\u0007\U000E0001\"".""[0]."k e y""#,
        r#""a.b"."\u202E\u0007\U000E0001\"".x.y[0][0].z"#,
    ] {
        assert!(document.find(path).is_some(), "{path}");
        assert!(path.ends_with("\"\"") || shown.contains(&format!("{path:?}")), "{path} {shown}");
    }
}

#[test]
fn a_long_path_is_cut_when_it_is_shown() {
    let key = "k".repeat(100_000);
    let document = Document::parse(format!("[{key}]\na = 1\n")).unwrap();
    let shown = format!("{document:?}");
    assert!(shown.chars().count() < 300 && shown.contains('…'), "{} bytes", shown.len());
    assert!(document.find(&format!("{key}.a")).is_some());
    let key = "k".repeat(100);
    for (header, ends) in [(format!("{key}.{key}"), ".a"), (format!("{key}.{key}.{key}"), "kk…")]
    {
        let document = Document::parse(format!("[{header}]\na = ''\n")).unwrap();
        let invalid = document.validate().unwrap_err();
        let path = invalid.findings().next().unwrap().path();
        let shown = path.to_string();
        assert!(shown.ends_with(ends), "{shown}");
        assert_eq!(shown.chars().count(), (header.len() + 2).min(256), "{shown}");
        assert_eq!(format!("{path:?}"), format!("KeyPath({shown})"));
    }
}

#[test]
fn tables_and_arrays_are_views_in_document_order() {
    let document = document();
    let keys: Vec<_> = document.root().iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["title", "quoted key", "owner", "users", "inline"]);
    assert_eq!(document.root().iter().len(), 5);
    let users = document.get("users").and_then(|users| users.as_array()).unwrap();
    let names: Vec<_> = users.iter().map(|user| user.get("name").unwrap().as_str()).collect();
    assert_eq!(names, [Some("first"), Some("second")]);
    let second = users.get(1).and_then(|user| user.get("name"));
    assert_eq!(second.and_then(|name| name.as_str()), Some("second"));
    assert!(users.get(2).is_none() && users.len() == 2 && !users.is_empty());

    let kind = |path: &str| document.find(path).unwrap().kind();
    assert_eq!(
        ["title", "users", "inline", "inline.when", "inline.point.x", "inline.point.y.z.deep"]
            .map(kind),
        ["string", "array", "table", "datetime", "integer", "boolean"]
    );
    let when = document.find("inline.when").and_then(|value| value.as_datetime()).unwrap();
    assert_eq!(when.to_string(), "1979-05-27T07:32:00Z");
}

#[test]
fn tables_and_arrays_are_gone_through_by_for() {
    let document = document();
    let root = document.root();
    let mut keys = Vec::new();
    for (key, value) in &root {
        keys.push((key, value.kind()));
    }
    for (i, (key, value)) in root.into_iter().enumerate() {
        assert_eq!(keys[i], (key, value.kind()));
    }
    assert_eq!(keys.len(), 5);
    let last = root.iter().next_back().map(|(key, _)| key);
    assert_eq!(last, Some("inline"));

    let roles = document.find("users[0].roles").and_then(|value| value.as_array()).unwrap();
    let mut kinds = Vec::new();
    for value in &roles {
        kinds.push(value.kind());
    }
    for (i, value) in roles.into_iter().rev().enumerate() {
        assert_eq!(kinds[2 - i], value.kind());
    }
    assert_eq!(kinds, ["string", "integer", "array"]);

    // An iterator counts and shows the rest of its items, and ends for good.
    let (mut pairs, mut values) = (root.iter(), roles.iter());
    assert_eq!(format!("{pairs:?} {values:?}"), format!("{root:?} {roles:?}"));
    pairs.nth(3);
    values.next();
    assert_eq!((pairs.len(), values.len()), (1, 2));
    assert_eq!(format!("{pairs:?} {values:?}"), r#"{"inline": table} [integer, array]"#);
    assert!(pairs.next().is_some() && pairs.next().is_none() && pairs.next().is_none());

    // The items outlive the iterator and the view.
    let names: Vec<&str> = {
        let users = document.get("users").and_then(|value| value.as_array()).unwrap();
        users.iter().filter_map(|user| user.get("name")?.as_str()).collect()
    };
    assert_eq!(names, ["first", "second"]);
}

#[test]
fn debug_shows_kinds_and_empty_is_told() {
    let document = Document::parse("t = { a = 'hunter2', b = [] }\nl = [1, {}]\n").unwrap();
    let table = document.get("t").and_then(|value| value.as_table()).unwrap();
    let array = document.get("l").and_then(|value| value.as_array()).unwrap();
    assert_eq!(format!("{table:?}"), r#"{"a": string, "b": array}"#);
    assert_eq!(format!("{array:?}"), "[integer, table]");
    assert!(!table.is_empty() && !array.is_empty());
    assert!(array.get(1).and_then(|value| value.as_table()).unwrap().is_empty());
    assert!(table.get("b").and_then(|value| value.as_array()).unwrap().is_empty());
}

#[test]
fn accessors_give_nothing_for_another_kind() {
    let document = document();
    let title = document.get("title").unwrap();
    assert!(matches!(title, Value::String("TOML")));
    assert!(
        title.as_integer().is_none() && title.as_float().is_none() && title.as_bool().is_none()
    );
    assert!(title.as_datetime().is_none() && title.as_array().is_none());
    assert!(title.as_table().is_none() && title.get("x").is_none());
    let x = document.find("inline.point.x").unwrap();
    assert!(x.as_str().is_none() && x.as_float().is_none() && x.as_integer() == Some(1));
}

#[test]
fn the_text_is_kept_byte_for_byte() {
    let text = "\u{feff}A = '''\r\nx\r\n'''\r\n\r\n# end";
    let document = Document::parse(text).unwrap();
    assert_eq!(document.expose_text(), text);
    assert_eq!(document.get("A").and_then(|value| value.as_str()), Some("x\n"));
}

#[test]
fn an_escaped_carriage_return_is_kept() {
    let document = Document::parse("A = \"\"\"\r\na\\r\\nb\r\nc\\\r\n   d\"\"\"\n").unwrap();
    assert_eq!(document.get("A").and_then(|value| value.as_str()), Some("a\r\nb\ncd"));
}

#[test]
fn numbers_are_read_as_they_are_written() {
    let document =
        Document::parse("a = 0x1_F\nb = -9223372036854775808\nc = 1_000.5_0\nd = -inf\ne = +7\n")
            .unwrap();
    let integer = |key| document.get(key).and_then(|value: Value<'_>| value.as_integer());
    let float = |key| document.get(key).and_then(|value: Value<'_>| value.as_float());
    assert_eq!((integer("a"), integer("b"), integer("e")), (Some(31), Some(i64::MIN), Some(7)));
    assert_eq!((float("c"), float("d")), (Some(1000.5), Some(f64::NEG_INFINITY)));
}

#[test]
fn one_key_in_many_tables_is_many_keys() {
    let mut text = String::new();
    for i in 0..2000 {
        text.push_str(&format!("[t{i}]\nkey = {i}\n[[list]]\nkey = {i}\n"));
    }
    let document = Document::parse(text).unwrap();
    for i in (0..2000).step_by(97) {
        for path in [format!("t{i}.key"), format!("list[{i}].key")] {
            let value = document.find(&path).and_then(|value| value.as_integer());
            assert_eq!(value, Some(i), "{path}");
        }
    }
    assert!(document.find("t1.kez").is_none() && document.find("t2000").is_none());
}

/// A table with few keys is searched one by one; the keys of a larger one are hashed.
#[test]
fn a_table_of_any_size_finds_each_of_its_keys() {
    let key = |i| ["a", "b", "\"c\\u0041\"", "d", "'e f'", "g", "h", "i", "j", "k"][i];
    for len in 1..=10 {
        for sections in [1, 50] {
            let mut text = String::new();
            for section in 0..sections {
                text.push_str(&format!("[s{section}]\n"));
                (0..len).for_each(|i| text.push_str(&format!("{} = {i}\n", key(i))));
            }
            let document = Document::parse(text.as_str()).unwrap();
            for i in 0..10 {
                let path = format!("s{}.{}", sections / 2, key(i));
                let value = document.find(&path).and_then(|value| value.as_integer());
                assert_eq!(value, (i < len).then_some(i as i64), "{path} of {len}");
            }
            for i in 0..len {
                let error = Document::parse(format!("{text}{} = 0\n", key(i))).unwrap_err();
                let path = format!("s{}.{}", sections - 1, key(i)).replace('\'', "\"");
                let path = path.replace("\\u0041", "A").replace("\"cA\"", "cA");
                assert_eq!(error.errors()[0].path(), Some(path.as_str()), "of {len}");
            }
        }
    }
}

#[test]
fn an_array_has_no_keys() {
    for (text, path) in [
        ("\u{feff}a = [1, 2]", "a.b"),
        ("# é\na = [1, 2, 3, 4]", "a.b"),
        ("a = [1, 2]", "a.\"\""),
        ("[[a]]\nx = 1", "a.\"\".x"),
        ("[[a]]\nx = 1", "a.x"),
        ("a = [1, 2]", "a[+1]"),
        ("a = [1, 2]", "a[01]"),
        ("a = [1, 2]", "a[0_1]"),
    ] {
        let document = Document::parse(text).unwrap();
        assert!(document.find(path).is_none(), "{path} in {text}");
    }
    let document = Document::parse("a = [1, 2]").unwrap();
    assert_eq!(document.find("a[0]").and_then(|value| value.as_integer()), Some(1));
}

#[test]
fn a_string_gives_up_its_own_buffer() {
    let text = String::from("A = 1");
    let place = text.as_ptr();
    assert_eq!(Document::parse(text).unwrap().expose_text().as_ptr(), place);
    let bytes = b"A = 1".to_vec();
    let place = bytes.as_ptr();
    assert_eq!(Document::from_utf8(bytes).unwrap().expose_text().as_ptr(), place);
}

#[test]
fn a_path_of_256_characters_is_cut() {
    for (len, cut) in [(254, false), (255, false), (256, true), (257, true), (9999, true)] {
        let key = "k".repeat(len);
        let document = Document::parse(format!("{key} = ''")).unwrap();
        let (path, _) = document.variables().next().unwrap();
        let shown = path.to_string();
        let expected = if cut { format!("{}…", &key[..255]) } else { key };
        assert_eq!(shown, expected);
        assert_eq!(document.find(&shown).is_some(), !cut);
    }
}

#[test]
fn a_value_is_found_at_its_path() {
    let long = "k".repeat(300);
    let text = format!(
        "a = 0\n\"\u{202e}\\u0007\".'' = 1\n{long}.b = 2\n{long}.c = 3\n\
         [[users]]\nn = 4\n[[users]]\nn = 5\nlist = [{{ x = 6 }}, [7, {{ {long}.{long} = 8 }}]]\n"
    );
    let document = Document::parse(text.as_str()).unwrap();
    // The same keys in another document, in another order.
    let twin = Document::parse(format!("last.x = 9\n{text}")).unwrap();
    let mut cut = 0;
    for (path, value) in document.variables() {
        for other in [&document, &twin] {
            let found = other.at(&path).unwrap();
            assert_eq!(format!("{value:?}"), format!("{found:?}"), "{path}");
            assert_eq!(found.as_integer(), value.as_integer(), "{path}");
        }
        cut += usize::from(path.to_string().ends_with('…'));
        let parent = path.parent().map(|parent| document.at(&parent).unwrap().kind());
        assert_ne!(parent, Some("integer"), "{path}");
    }
    assert_eq!(cut, 2);

    // The other document has no such value, or one of another shape.
    for text in
        ["", "b = 0", "users = 1", "users = {n = 1}", "users = []", "a = {}\nusers = [1, 2]"]
    {
        let other = Document::parse(text).unwrap();
        for (path, _) in document.variables().skip(1) {
            assert!(other.at(&path).is_none(), "{path} in {text}");
        }
    }
    let array = Document::parse("a = [1, 2]").unwrap();
    let table = Document::parse("a.0 = 1\na.\"[1]\" = 2").unwrap();
    assert!(table.variables().all(|(path, _)| array.at(&path).is_none()));
}

/// The path of a variable that is missing from an element has its start from the document, and its
/// end from the template.
#[test]
fn a_missing_variable_is_found_where_it_should_be() {
    let long = "k".repeat(300);
    let template = format!("[[users]]\nname = ''\n[[users.keys]]\nid = ''\n{long}.x = ''\n");
    let template = Template::parse(&template).unwrap();
    let entered = "[[users]]\nname = 'a'\n[[users]]\n[[users.keys]]\nid = 'i'\n";
    let invalid = template.validate(Document::parse(entered).unwrap()).unwrap_err();
    let entered = Document::parse(entered).unwrap();
    let filled = format!(
        "[[users]]\n[[users]]\nname = 'b'\n[[users.keys]]\n{long}.x = 'x'\n[[users.keys]]\n"
    );
    let filled = Document::parse(filled).unwrap();
    let missing: Vec<_> = invalid.findings().filter(|finding| finding.line().is_none()).collect();
    let values: Vec<_> = missing
        .iter()
        .filter_map(|finding| filled.at(&finding.path()))
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    assert_eq!(values, ["b", "x"], "{invalid}");
    for finding in missing {
        assert!(entered.at(&finding.path()).is_none(), "{}", finding.path());
    }
}
