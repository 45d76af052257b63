//! The sources import one way, down: from the ground of the text to the vault.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::absence::code;

/// The layers, the ground first: a file, with the folder of the same name. Each imports from itself
/// and from those before it.
const LAYERS: [&str; 22] = [
    "text", "document", "value", "path", "role", "marker", "writer", // read
    "de", "env", "query", "delivery", // deliver
    "template", "validate", "update", // check
    "files", "handover", "mask", // files, output
    "seal", "store", "vault", // keep
    "guide", "lib",
];

fn layer(file: &str) -> usize {
    let name = file.split(['/', '.']).next().unwrap();
    let layer = LAYERS.iter().position(|layer| *layer == name);
    layer.unwrap_or_else(|| panic!("src/{file} belongs to no layer: add it to the list"))
}

/// The paths that a tree of imports names: `a::{b, c::{d}}` gives `a::b` and `a::c::d`.
fn expand(tree: &str, prefix: &str, paths: &mut Vec<String>) {
    let Some((before, inside)) = tree.trim().split_once('{') else {
        return paths.push(format!("{prefix}{}", tree.trim()));
    };
    let prefix = format!("{prefix}{}", before.trim());
    let inside = inside.trim_end().strip_suffix('}').unwrap();
    let (mut depth, mut start) = (0, 0);
    for (i, character) in inside.char_indices().chain([(inside.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inside[start..i].trim().is_empty() {
                    expand(&inside[start..i], &prefix, paths);
                }
                start = i + 1;
            }
            _ => {}
        }
    }
}

/// The file that a path leads to: of a module, or of what is in one.
fn file_of(path: &str, from: &str, files: &BTreeMap<String, String>) -> Option<String> {
    let module = from.trim_end_matches(".rs");
    let path = match path.split_once("::") {
        Some(("crate", path)) => path.to_owned(),
        Some(("self", path)) => format!("{module}::{path}"),
        Some(("super", path)) => format!("{}::{path}", module.rsplit_once('/')?.0),
        _ if from == "lib.rs" => path.to_owned(),
        _ => format!("{module}::{path}"),
    };
    let path = path.replace("::", "/");
    let mut path = path.split([' ', ',', ';', '(', '<', '>', ')']).next()?;
    loop {
        let file = format!("{path}.rs");
        if files.contains_key(&file) {
            return Some(file).filter(|file| file != from);
        }
        path = path.rsplit_once('/')?.0;
    }
}

/// For every file, the files that it imports from or names by a path.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let files: BTreeMap<_, _> = code().into_iter().collect();
    let of = |(file, code): (&String, &String)| {
        let mut paths = Vec::new();
        for (i, keyword) in code.match_indices("use ") {
            let line = &code[code[..i].rfind('\n').map_or(0, |newline| newline + 1)..i];
            if matches!(line, "" | "pub " | "pub(crate) " | "pub(super) ") {
                let (tree, _) = code[i + keyword.len()..].split_once(';').unwrap();
                expand(tree, "", &mut paths);
            }
        }
        paths.extend(code.match_indices("crate::").map(|(i, _)| {
            let is_end = |c: char| !c.is_alphanumeric() && c != '_' && c != ':';
            let path = code[i..].split(is_end).next().unwrap();
            path.trim_end_matches("::").to_owned()
        }));
        let imported = paths.iter().filter_map(|path| file_of(path, file, &files));
        (file.clone(), imported.collect())
    };
    files.iter().map(of).collect()
}

#[test]
fn no_file_imports_from_a_layer_above_it() {
    let imports = imports();
    assert!(
        imports["vault.rs"].contains("store.rs") && imports["vault.rs"].contains("vault/list.rs")
    );
    assert!(imports["update.rs"].contains("validate.rs"));
    let mut upward = Vec::new();
    for (file, imported) in &imports {
        let above = imported.iter().filter(|imported| layer(imported) > layer(file));
        upward.extend(above.map(|imported| format!("src/{file} imports from src/{imported}")));
    }
    assert!(upward.is_empty(), "upward imports:\n{}", upward.join("\n"));
}

/// Files of one layer import from each other in one direction, too.
#[test]
fn no_two_files_import_from_each_other() {
    let mut imports = imports();
    // A file that imports from none of the others is in no circle.
    loop {
        let done: Vec<String> = imports
            .iter()
            .filter(|(_, imported)| imported.iter().all(|file| !imports.contains_key(file)))
            .map(|(file, _)| file.clone())
            .collect();
        if done.is_empty() {
            break;
        }
        done.iter().for_each(|file| drop(imports.remove(file)));
    }
    assert!(imports.is_empty(), "a circle among these files, and those above it: {imports:?}");
}

/// The page names every layer, and no test that does not exist.
#[test]
fn the_architecture_page_is_true() {
    let page = include_str!("../../ARCHITECTURE.md");
    let named = |text: &str| -> Vec<String> {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let section = |title: &str| page.split(title).nth(1).unwrap().split("\n## ").next().unwrap();

    let rows = section("\n## Layers\n").lines().filter(|line| line.starts_with("| `"));
    let layers = rows.flat_map(|row| named(row.split('|').nth(1).unwrap()));
    let ground = LAYERS.iter().filter(|layer| !["guide", "lib"].contains(*layer));
    assert_eq!(layers.collect::<Vec<_>>(), ground.copied().collect::<Vec<_>>());

    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows =
        section("\n## Promises and their tests\n").lines().filter(|line| line.starts_with("| "));
    let mut count = 0;
    for name in rows.flat_map(|row| named(row.split('|').nth(2).unwrap())) {
        let file = |module: &str| {
            let path = module.replace("::", "/");
            match path.strip_prefix("oracles/") {
                Some(path) => root.join(format!("tests/oracles/src/{path}.rs")),
                None => root.join(format!("tests/it/{path}.rs")),
            }
        };
        let exists = match name.rsplit_once("::") {
            _ if name.contains(' ') => continue, // a command
            _ if name.contains('/') => root.join(&name).exists(),
            Some((module, test)) if !file(&name).exists() => {
                fs::read_to_string(file(module)).unwrap().contains(&format!("fn {test}("))
            }
            _ => file(&name).exists(),
        };
        assert!(exists, "{name} is in the table, and does not exist");
        count += 1;
    }
    assert!(count > 20, "{count} tests");
}
