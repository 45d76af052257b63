//! Kubernetes mounts: all files of one generation, while another process replaces them.
//!
//! Kubernetes keeps the files of secrets in memory. There, a swap is quick beside a read.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use secrets_toml::Document;
use secrets_toml::files::Files;

use super::{assert_reads, assert_refused, write};
use crate::folder::Folder;
use crate::full::times;

/// The files of a generation: path and text.
type Generation = Vec<(&'static str, String)>;

/// Replaces the generation of a mount in the steps and the order of the kubelet's `AtomicWriter`:
/// a new folder, the link `..data`, the links for new names, without those for old names, and
/// without the old folder.
fn swap(mount: &Path, name: &str, files: &Generation) {
    let old = fs::read_link(mount.join("..data")).ok();
    for (path, text) in files {
        write(mount.join(name).join(path), text);
    }
    symlink(name, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    let first = |path: &str| path.split('/').next().unwrap().to_owned();
    let names: BTreeSet<String> = files.iter().map(|(path, _)| first(path)).collect();
    for name in &names {
        if fs::symlink_metadata(mount.join(name)).is_err() {
            symlink(Path::new("..data").join(name), mount.join(name)).unwrap();
        }
    }
    for entry in fs::read_dir(mount).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with("..") && !names.contains(&name) {
            fs::remove_file(mount.join(name)).unwrap();
        }
    }
    if let Some(old) = old {
        fs::remove_dir_all(mount.join(old)).unwrap();
    }
}

/// The swaps, the reads beside them, and the reads that failed.
struct Counts {
    swaps: usize,
    reads: usize,
    torn: usize,
    errors: Vec<String>,
}

/// The number of swaps beside one read, with the one that is under way when it begins. A read makes 10
/// attempts, and a swap ends at most one of them.
const SWAPS_PER_READ: usize = 9;

/// Replaces the generations of a mount until there were `swaps` of them and `enough` says so, beside
/// a loop that reads. `read` returns `true` if all values are of one generation.
fn beside_swaps<E: Display>(
    mount: &Path,
    swaps: usize,
    generation: impl Fn(usize) -> (String, Generation) + Sync,
    read: impl Fn() -> Result<bool, E>,
    enough: impl Fn(&Counts) -> bool,
) -> Counts {
    let (name, files) = generation(0);
    swap(mount, &name, &files);
    let (allowed, done, stop) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            for i in 1.. {
                while i > allowed.load(Ordering::SeqCst) && !stop.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (name, files) = generation(i);
                swap(mount, &name, &files);
                done.store(i, Ordering::SeqCst);
            }
        });
        let mut counts = Counts { swaps: 0, reads: 0, torn: 0, errors: Vec::new() };
        while !swapping.is_finished() && (counts.swaps < swaps || !enough(&counts)) {
            counts.reads += 1;
            allowed.store(done.load(Ordering::SeqCst) + SWAPS_PER_READ, Ordering::SeqCst);
            match read() {
                Ok(true) => {}
                Ok(false) => counts.torn += 1,
                Err(error) => counts.errors.push(error.to_string()),
            }
            counts.swaps = done.load(Ordering::SeqCst);
        }
        stop.store(true, Ordering::Relaxed);
        counts
    })
}

/// Two values of each generation.
fn pair(i: usize) -> Generation {
    vec![("password", format!("{i}")), ("user", format!("{i}"))]
}

/// Returns `true` if the two values are equal, and nothing else is there.
fn is_one(document: &Document, [one, other]: [&str; 2], len: usize) -> bool {
    let value = |path| document.find(path).and_then(|value| value.as_str());
    value(one).is_some() && value(one) == value(other) && document.variables().count() == len
}

/// Reads a mount as Streamlit does.
fn naive(mount: &Path) -> io::Result<bool> {
    let mut values = BTreeSet::new();
    for entry in fs::read_dir(mount)? {
        let path = entry?.path();
        if !path.is_dir() {
            values.insert(fs::read_to_string(path)?);
        }
    }
    Ok(values.len() == 1)
}

#[track_caller]
fn assert_whole(what: &str, counts: &Counts) {
    let Counts { swaps, reads, torn, errors } = counts;
    println!("{what}: {swaps} swaps, {reads} reads, {torn} torn");
    assert!(*torn == 0 && errors.is_empty(), "{what}: {swaps} swaps, {reads} reads: {errors:?}");
}

#[test]
fn no_read_is_torn_where_a_naive_one_is() {
    let folder = Folder::in_memory();
    let mount = folder.join("d/db");
    fs::create_dir_all(&mount).unwrap();
    let generation = |i| (format!("..2026_11_27.{i}"), pair(i));
    let (swaps, failures) = (times(20_000), times(2_000));

    let enough = |counts: &Counts| counts.torn + counts.errors.len() >= failures;
    let Counts { swaps: beside, reads, torn, errors } =
        beside_swaps(&mount, swaps, generation, || naive(&mount), enough);
    println!("naive: {beside} swaps, {reads} reads, {torn} torn, {} errors", errors.len());

    let folder = Folder::in_memory();
    let mount = folder.join("d/db");
    fs::create_dir_all(&mount).unwrap();
    let files = Files::new().directory(folder.join("d"));
    let read = || files.read().map(|read| is_one(read.document(), ["db.user", "db.password"], 2));
    let counts = beside_swaps(&mount, swaps, generation, read, |_| true);
    assert_whole("a folder that is a mount", &counts);
}

/// The whole directory is one mount: `items` of a volume with paths such as `db/user`.
#[test]
fn a_directory_may_be_one_mount() {
    let folder = Folder::in_memory();
    let generation = |i| {
        let files =
            vec![("db/user", format!("{i}")), ("key/x", format!("{i}")), ("db/z", "".into())];
        (format!("..{i}"), files)
    };
    let files = Files::new().directory(folder.join(""));
    let read = || files.read().map(|read| is_one(read.document(), ["db.user", "key"], 3));
    let counts = beside_swaps(&folder.join(""), times(50_000), generation, read, |_| true);
    assert_whole("a directory that is a mount", &counts);
}

/// A generation may have other names than the one before. Also, two folders take turns here, so
/// that comparing the target of `..data` is not enough.
#[test]
fn names_are_of_one_generation() {
    let folder = Folder::in_memory();
    let mount = folder.join("d/db");
    fs::create_dir_all(&mount).unwrap();
    let generation = |i: usize| {
        let names = if i.is_multiple_of(2) { ["user", "password"] } else { ["login", "token"] };
        let files = names.map(|name| (name, format!("{i}")));
        (["..even", "..odd"][i % 2].to_owned(), files.to_vec())
    };
    let files = Files::new().directory(folder.join("d"));
    let read = || {
        files.read().map(|read| {
            let document = read.document();
            is_one(document, ["db.user", "db.password"], 2)
                || is_one(document, ["db.login", "db.token"], 2)
        })
    };
    let counts = beside_swaps(&mount, times(50_000), generation, read, |_| true);
    assert_whole("names that change", &counts);
}

/// Files of one mount are of one generation, and none is taken for absent.
#[test]
fn single_files_of_a_mount_are_of_one_generation() {
    let folder = Folder::in_memory();
    let mount = folder.join("m");
    fs::create_dir(&mount).unwrap();
    let generation = |i| {
        let files = [("a.toml", format!("A = '{i}'\n")), ("b.toml", format!("B = '{i}'\n"))];
        (format!("..{i}"), files.to_vec())
    };
    let files = Files::new().file(mount.join("a.toml")).file(mount.join("b.toml"));
    let read = || files.read().map(|read| is_one(read.document(), ["A", "B"], 2));
    let counts = beside_swaps(&mount, times(50_000), generation, read, |_| true);
    assert_whole("files of a mount", &counts);

    // By a path through the link itself, nothing is promised but that the file is found.
    let files = Files::new().file(mount.join("..data/a.toml"));
    let read = || files.read().map(|read| read.document().get("A").is_some());
    let counts = beside_swaps(&mount, times(20_000), generation, read, |_| true);
    assert_whole("a file through the link", &counts);
}

/// A file that is absent in one generation is not taken from the next one.
#[test]
fn single_files_that_come_and_go_are_of_one_generation() {
    let folder = Folder::in_memory();
    let mount = folder.join("m");
    fs::create_dir(&mount).unwrap();
    let generation = |i: usize| {
        let names = if i.is_multiple_of(2) { ["a.toml", "b.toml"] } else { ["c.toml", "d.toml"] };
        let keys = if i.is_multiple_of(2) { ["A", "B"] } else { ["C", "D"] };
        let file = |n: usize| (names[n], format!("{} = '{i}'\n", keys[n]));
        (format!("..{i}"), vec![file(0), file(1)])
    };
    let names = ["a.toml", "c.toml", "b.toml", "d.toml"];
    let files = names.iter().fold(Files::new(), |files, name| files.file(mount.join(name)));
    let read = || {
        files.read().map(|read| {
            let document = read.document();
            is_one(document, ["A", "B"], 2) || is_one(document, ["C", "D"], 2)
        })
    };
    let counts = beside_swaps(&mount, times(50_000), generation, read, |_| true);
    assert_whole("files that come and go", &counts);
}

/// The states between the steps of a swap.
#[test]
fn a_swap_that_stops_between_its_steps() {
    let folder = Folder::new();
    let mount = folder.join("d/db");
    let read = || Files::new().directory(folder.join("d")).read();
    fs::create_dir_all(&mount).unwrap();
    swap(&mount, "..1", &vec![("user", "1".into()), ("old", "1".into())]);
    assert_reads(read(), "[db]\nold = \"1\"\nuser = \"1\"\n");
    // The new folder exists.
    write(mount.join("..2/user"), "2");
    write(mount.join("..2/new"), "2");
    symlink("..2", mount.join("..data_tmp")).unwrap();
    assert_reads(read(), "[db]\nold = \"1\"\nuser = \"1\"\n");
    // The link leads to it. `old` is a link to nothing, and `new` has none.
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    assert_reads(read(), "[db]\nnew = \"2\"\nuser = \"2\"\n");
    fs::remove_dir_all(mount.join("..1")).unwrap();
    assert_reads(read(), "[db]\nnew = \"2\"\nuser = \"2\"\n");
    // A single file, and one that is absent.
    let single = |name: &str| Files::new().file(mount.join(name)).read();
    write(mount.join("..2/new.toml"), "A = 1\n");
    assert_reads(single("new.toml"), "A = 1\n");
    assert!(single("old.toml").unwrap_err().path().is_none());
    fs::remove_file(mount.join("..2/new.toml")).unwrap();
    // The links are right, too.
    symlink("..data/new", mount.join("new")).unwrap();
    fs::remove_file(mount.join("old")).unwrap();
    assert_reads(read(), "[db]\nnew = \"2\"\nuser = \"2\"\n");

    // Other entries of the folder are read as elsewhere.
    write(mount.join("plain"), "3");
    symlink("..2/user", mount.join("direct")).unwrap();
    symlink("..data/user", mount.join("again")).unwrap();
    symlink("..data/../..data/new", mount.join("around")).unwrap();
    fs::create_dir(mount.join("folder")).unwrap();
    assert_reads(
        read(),
        "[db]\nagain = \"2\"\naround = \"2\"\ndirect = \"2\"\nnew = \"2\"\nplain = \"3\"\nuser = \"2\"\n",
    );
}

#[test]
fn a_mount_that_cannot_be_read() {
    let folder = Folder::new();
    let mount = folder.join("d/db");
    let data = mount.join("..data");
    let read = || Files::new().directory(folder.join("d")).read();
    fs::create_dir_all(&mount).unwrap();
    let absent = "cannot be opened (it does not exist: mount it first)";
    symlink("..1", &data).unwrap();
    assert_refused(read(), &data, absent);
    fs::remove_file(&data).unwrap();
    symlink("..data", &data).unwrap();
    assert_refused(read(), &data, "cannot be opened");
    fs::remove_file(&data).unwrap();
    write(mount.join("..1"), "hunter2");
    symlink("..1", &data).unwrap();
    let message = "cannot be opened (a part of the path is not a folder)";
    assert_refused(read(), &data, message);
    fs::remove_file(&data).unwrap();
    // Not a link: a name that begins with a dot, and no more.
    write(data.join("user"), "hunter2");
    write(mount.join("user"), "1");
    assert_reads(read(), "db = \"1\"\n");
    // An empty mount.
    fs::remove_dir_all(&data).unwrap();
    fs::remove_file(mount.join("user")).unwrap();
    swap(&mount, "..2", &vec![]);
    fs::create_dir(mount.join("..2")).unwrap();
    assert_reads(read(), "[db]\n");
}
