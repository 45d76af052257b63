//! Compares a poll of unchanged files with bare reads of them, and checks that reading, layering and
//! comparing take time in proportion to files, keys and layers: `cargo bench -p benches --bench files`.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use benches::limits::Limits;
use benches::turns::{Run, medians, rounds};
use secrets_toml::Document;
use secrets_toml::files::{Changes, Files, Reload};

/// The most times the bare reads that a poll may take.
const POLL: f64 = 1.5;

/// The same for secret directories. The bare reads list the folders, too: without that, nobody knows the
/// files. A poll also looks for the link of a Kubernetes mount in each folder, and lists by descriptor.
const POLL_OF_DIRECTORY: f64 = 2.0;

/// The most that ten times as many files, keys or layers may cost each. A step that is not linear has a
/// ratio of nearly 10.
const LINEAR: f64 = 3.0;

/// The number of attempts before a row counts as over the limit.
const ATTEMPTS: usize = 3;

fn main() -> ExitCode {
    let folder = std::env::temp_dir().join(format!("secrets-toml-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder can be made");
    let mut limits = Limits::from_args();
    poll(&folder, &mut limits);
    linear(&folder, &mut limits);
    fs::remove_dir_all(folder).expect("the folder can be removed");
    limits.end()
}

fn write(path: PathBuf, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a folder");
    fs::write(&path, text).expect("a file");
    path
}

/// A document of about two kilobytes.
fn two_kilobytes(name: usize) -> String {
    (0..40)
        .map(|key| format!("SERVICE_{name}_{key} = \"9f8e7d6c5b4a39281706f5e4d3c2b1a\"\n"))
        .collect()
}

/// Reads the files of a secret directory.
fn read_directory(directory: &Path) {
    let list = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    for path in list(directory).iter().flat_map(|folder| list(folder)) {
        black_box(fs::read(path).expect("a file"));
    }
}

/// A poll of 20 unchanged files of 2 kB: by their paths, and in secret directories.
fn poll(folder: &Path, limits: &mut Limits) {
    println!("\n{:<34} {:>10} {:>10} {:>7}  limit", "20 files of 2 kB", "bare", "poll", "ratio");
    let texts: Vec<_> = (0..20).map(two_kilobytes).collect();
    assert!(texts.iter().all(|text| (1_900..2_100).contains(&text.len())));
    let place = |name: &str, i: usize| folder.join(name.replace('#', &i.to_string()));
    for (what, name, limit) in [
        ("in one folder", "one/#.toml", POLL),
        ("in a folder each", "each/#/secrets.toml", POLL),
        ("in a secret directory's folder", "directory/a/#", POLL_OF_DIRECTORY),
        ("in a secret directory's folders", "directories/#/a", POLL_OF_DIRECTORY),
    ] {
        let paths: Vec<_> =
            (0..).zip(&texts).map(|(i, text)| write(place(name, i), text)).collect();
        let directory = name.split('/').next().filter(|name| name.starts_with("direct"));
        let directory = directory.map(|name| folder.join(name));
        let files = match &directory {
            Some(directory) => Files::new().directory(directory),
            None => paths.iter().fold(Files::new(), |files, path| files.file(path)),
        };
        let mut reload = Reload::new(files, None).expect("they are valid");
        let mut runs: [Run<'_>; 2] = [
            (
                "bare",
                Box::new(|| match &directory {
                    Some(directory) => read_directory(directory),
                    None => paths.iter().for_each(|path| {
                        black_box(fs::read(path).expect("it exists"));
                    }),
                }),
            ),
            ("poll", Box::new(|| assert!(reload.poll().expect("they are valid").is_none()))),
        ];
        let times = medians(&mut runs);
        let ratio = times[1] / times[0];
        let limit = limits.at_most(ratio, limit);
        println!(
            "{what:<34} {:>7.1} µs {:>7.1} µs {ratio:>6.2}x  {limit}",
            times[0] * 1e6,
            times[1] * 1e6,
        );
    }
}

/// A document with this number of keys, of which each layer has others, or the same.
fn document(keys: usize, layer: usize) -> Document {
    let text: String = (0..keys).map(|key| format!("KEY_{layer}_{key} = 'value'\n")).collect();
    Document::parse(text).expect("it is well-formed")
}

/// Costs per file, key and layer, of a small and a large number.
fn linear(folder: &Path, limits: &mut Limits) {
    println!("\n{:<34} {:>10} {:>10} {:>7}  limit", "cost of each", "few", "many", "ratio");
    for i in 0..1000 {
        for (name, count) in [("few", 100), ("many", 1000)] {
            if i < count {
                write(folder.join(format!("{name}/file/{i}")), &format!("KEY_{i} = {i}\n"));
                write(folder.join(format!("{name}/folders/{i}/a")), "value");
                write(folder.join(format!("{name}/folder/a/{i}")), "value");
            }
        }
    }
    let list = |name: &str, count: usize| {
        let path = |i| folder.join(format!("{name}/file/{i}"));
        (0..count).fold(Files::new(), |files, i| files.file(path(i)))
    };
    let directory = |name: &str, kind: &str| Files::new().directory(folder.join(name).join(kind));
    let read = |files: Files| move || files.read().expect("they are well-formed");
    row("files", [100, 1000], [read(list("few", 100)), read(list("many", 1000))], limits);
    let folders = ["few", "many"].map(|name| read(directory(name, "folders")));
    row("folders of a secret directory", [100, 1000], folders, limits);
    let files = ["few", "many"].map(|name| read(directory(name, "folder")));
    row("files of a folder", [100, 1000], files, limits);

    let layer = |documents: Vec<Document>| {
        move || {
            let layers = documents.iter().map(|document| ("layer", document));
            Document::layered(layers).expect("they are short")
        }
    };
    let keys = [1_000, 10_000]
        .map(|keys| layer(vec![document(keys, 0), document(keys, 0), document(keys, 1)]));
    row("keys of layers", [1_000, 10_000], keys, limits);
    let same = [100, 1_000].map(|layers| layer((0..layers).map(|_| document(10, 0)).collect()));
    row("layers with the same keys", [100, 1_000], same, limits);
    let other = [100, 1_000].map(|layers| layer((0..layers).map(|i| document(10, i)).collect()));
    row("layers with other keys", [100, 1_000], other, limits);

    let changes = [1_000, 10_000].map(|keys| {
        let [old, new] = [document(keys, 0), document(keys, 1)];
        move || Changes::between(&old, &new)
    });
    row("keys that are added and removed", [1_000, 10_000], changes, limits);
    let since = [1_000, 10_000].map(|keys| {
        let [old, new] = [0, 1].map(|layer| document(keys, layer).env().expect("it is mapped"));
        move || new.changes_since(&old).set().len()
    });
    row("variables to set and unset", [1_000, 10_000], since, limits);
}

/// Compares the cost of each of a few with that of each of many. The few are done again and again until
/// they are as many, and the results are kept until then, so that both touch as much memory.
fn row<T>(what: &str, counts: [usize; 2], [few, many]: [impl Fn() -> T; 2], limits: &mut Limits) {
    let times = counts[1] / counts[0];
    let mut ratio = f64::INFINITY;
    let mut costs = [0.0; 2];
    for _ in 0..ATTEMPTS {
        let mut runs: [Run<'_>; 2] = [
            ("few", Box::new(|| drop(black_box((0..times).map(|_| few()).collect::<Vec<_>>())))),
            ("many", Box::new(|| drop(black_box(many())))),
        ];
        // Other processes only make a round slower.
        let rounds = rounds(&mut runs);
        let fastest = |i: usize| rounds[i].iter().copied().fold(f64::INFINITY, f64::min);
        let found = [0, 1].map(|i| fastest(i) / counts[1] as f64);
        if found[1] / found[0] < ratio {
            (ratio, costs) = (found[1] / found[0], found);
        }
        if ratio <= LINEAR {
            break;
        }
    }
    let [few, many] = costs.map(|cost| cost * 1e9);
    let limit = limits.at_most(ratio, LINEAR);
    println!("{what:<34} {few:>7.0} ns {many:>7.0} ns {ratio:>6.2}x  {limit}");
}
