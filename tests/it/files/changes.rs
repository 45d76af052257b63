//! The difference between two documents, and between two environments.

use secrets_toml::files::Changes;

use super::document;

/// Lists the paths: `+added -removed ~changed !kind_changed`.
fn listed(changes: &Changes) -> String {
    let mut list = Vec::new();
    let mut add = |sign: &str, paths: Vec<&str>| {
        list.extend(paths.into_iter().map(|path| format!("{sign}{path}")));
    };
    add("+", changes.added().collect());
    add("-", changes.removed().collect());
    add("~", changes.changed().collect());
    add("!", changes.kind_changed().collect());
    list.join(" ")
}

#[test]
fn paths_that_differ() {
    for (old, new, expected, back) in [
        ("", "", "", ""),
        ("A = 1\nB = 2\n", "B = 0b10 # two\nA = 1\n", "", ""),
        ("A = 'x'\n", "A = \"\"\"x\"\"\"\n", "", ""),
        ("A = 1\n", "A = 2\nB = 3\n", "+B ~A", "-B ~A"),
        ("A = ''\n", "A = 'hunter2'\n", "~A", "~A"),
        ("A = 1\n", "A = 1.0\n", "!A", "!A"),
        ("A = nan\n", "A = -nan\n", "", ""),
        ("A = 0.0\n", "A = -0.0\n", "~A", "~A"),
        ("A = 1\n", "A = [1]\n", "!A", "!A"),
        ("A = [1, 2]\n", "A = [2, 1]\n", "~A", "~A"),
        ("A = [[1], [2]]\n", "A = [[1], ['2']]\n", "~A", "~A"),
        // The values in a table that replaces another kind are not listed.
        ("A = 1\n", "[A]\nb = 1\nc = 2\n", "!A", "!A"),
        ("A = [1]\n", "[[A]]\nb = 1\n", "~A", "~A"),
        ("A = []\n", "A = [{}]\n", "~A", "~A"),
        ("[db]\nuser = 1\n", "db = { user = 1 }\n", "", ""),
        (
            "[db]\nuser = 1\n",
            "[db]\nuser = 2\nhost = 3\n",
            "+db.host ~db.user",
            "-db.host ~db.user",
        ),
        ("[db]\nuser = 1\n", "", "-db.user", "+db.user"),
        ("[db]\nuser = 1\n", "[db]\n", "-db.user", "+db.user"),
        // An empty table counts as a variable.
        ("", "[db]\n", "+db", "-db"),
        ("[db]\n", "db = {}\n", "", ""),
        ("", "[a.b]\n[c.d]\ne = 1\n", "+a.b +c.d.e", "-a.b -c.d.e"),
        ("[db]\n", "db = 1\n", "!db", "!db"),
        // Elements are compared by position.
        ("[[u]]\nn = 1\n[[u]]\nn = 2\n", "[[u]]\nn = 2\n", "-u[1].n ~u[0].n", "+u[1].n ~u[0].n"),
        ("u = [{}, {}]\n", "[[u]]\n", "-u[1]", "+u[1]"),
        ("'a.b' = 1\n", "a.b = 1\n", "+a.b -\"a.b\"", "+\"a.b\" -a.b"),
        ("A = 07:32\n", "A = 07:33\n", "~A", "~A"),
        ("A = 07:32\n", "A = 07:32:00.0\n", "", ""),
    ] {
        let [one, two] = [old, new].map(document);
        assert_eq!(listed(&Changes::between(&one, &two)), expected, "{old} to {new}");
        assert_eq!(listed(&Changes::between(&two, &one)), back, "{new} to {old}");
        assert!(Changes::between(&one, &one).is_empty());
        assert_eq!(Changes::between(&one, &two).is_empty(), expected.is_empty());
    }
}

#[test]
fn no_value_and_no_length_is_shown() {
    let [old, new] =
        ["A = 'hunter2'\nB = 1\n", "A = 'hunter2hunter2'\nB = 'hunter2'\n"].map(document);
    let changes = Changes::between(&old, &new);
    assert_eq!(
        format!("{changes:?}"),
        "Changes { added: [], removed: [], changed: [\"A\"], kind_changed: [\"B\"] }",
    );
    let (old, new) = (old.env().unwrap(), new.env().unwrap());
    let changes = new.changes_since(&old);
    assert_eq!(format!("{changes:?}"), "EnvChanges { set: [\"A\", \"B\"], unset: [] }");
}

#[test]
fn an_environment_says_what_to_set_and_unset() {
    for (old, new, set, unset) in [
        ("", "", &[][..], &[][..]),
        ("A = 1\n", "A = 1\n", &[], &[]),
        ("A = 1\n", "A = '1'\n", &[], &[]),
        ("A = 31\n", "A = 0x1F\n", &[], &[]),
        ("A = 1\nB = 2\nC = 3\n", "C = 4\nD = ''\nA = 1\n", &["C", "D"], &["B"]),
        ("A = 1\n", "A = true\n", &[], &["A"]),
        ("[A]\n", "A = 1\n", &["A"], &[]),
    ] {
        let [old, new] = [old, new].map(|text| document(text).env().unwrap());
        let changes = new.changes_since(&old);
        assert!(changes.set().eq(set.iter().copied()), "{changes:?}");
        assert!(changes.unset().eq(unset.iter().copied()), "{changes:?}");
        assert_eq!(changes.is_empty(), set.is_empty() && unset.is_empty());
    }
    // A displaced name is not a variable any more.
    let owner = || document("CLARIFAI_PAT = 'hunter2'\n").env().unwrap();
    let query = "base=https://api.clarifai.com";
    let env = owner().override_with(&secrets_toml::Overrides::clarifai(), query).unwrap();
    let old = owner();
    let changes = env.changes_since(&old);
    assert!(changes.set().eq(["CLARIFAI_API_BASE"]));
    assert!(changes.unset().eq(["CLARIFAI_PAT"]));
}
