//! Delivered files: their content on disk while they exist, after they are removed, and after any
//! failure.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use secrets_toml::Document;
use secrets_toml::handover::{HandoverError, SecretsFile};

use crate::chain;
use crate::folder::Folder;

/// The variable that tells a child its task and its folder.
const TASK: &str = "SECRETS_TOML_HANDOVER";

const TEXT: &str = "# as it is\r\nPAT = 'CANARY one'\n";
const OTHER: &str = "PAT = 'CANARY two, and longer than the first'\n";

fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

/// A folder that plays the part of the caller's.
fn parent() -> Folder {
    let folder = Folder::new();
    set_mode(&folder.join(""), 0o755);
    folder
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn owner(path: &Path) -> (u32, u32) {
    let metadata = fs::symlink_metadata(path).unwrap();
    (metadata.uid(), metadata.gid())
}

/// Lists the names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[track_caller]
fn assert_nothing_in(folder: &Path) {
    assert_eq!(names(folder), Vec::<String>::new());
}

/// Returns the message of an error, after checking that it holds no text of the document.
#[track_caller]
fn error<T: std::fmt::Debug>(result: Result<T, HandoverError>) -> HandoverError {
    let error = result.unwrap_err();
    assert!(!format!("{} {error:?}", chain(&error)).contains("CANARY"));
    error
}

/// Returns the path and the message of an error.
#[track_caller]
fn assert_refused<T: std::fmt::Debug>(
    result: Result<T, HandoverError>,
    path: &Path,
    message: &str,
) {
    let error = error(result);
    assert_eq!(error.path(), path);
    assert_eq!(error.to_string(), format!("{}: {message}", path.display()));
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Prints the reason why a test does nothing.
fn skip(test: &str, why: &str) {
    println!("{test}: skipped: {why}");
}

/// The task that another of these tests gave this process.
fn task() -> Option<(String, PathBuf)> {
    let task = env::var(TASK).ok()?;
    let (task, folder) = task.split_once(' ')?;
    Some((task.to_owned(), folder.into()))
}

/// Returns the arguments that run one test for one task.
fn child(test: &str, task: &str, folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    for_task(&mut command, test, task, folder);
    command
}

fn for_task(command: &mut Command, test: &str, task: &str, folder: &Path) {
    let test = format!("handover::{test}");
    command.args(["--exact", test.as_str(), "--nocapture", "--test-threads=1"]);
    command.env(TASK, format!("{task} {}", folder.display()));
    command.stdout(Stdio::piped()).stderr(Stdio::null());
}

/// Starts a child, waits until it prints "ready", kills it, and returns its output.
fn kill_when_ready(mut command: Command) {
    let mut child = command.spawn().unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().ends_with("ready")), "the child has ended");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Called in a child: waits up to a minute to be killed.
fn wait_to_be_killed() {
    println!("\nready");
    thread::sleep(Duration::from_secs(60));
}

#[test]
fn the_file_is_there_until_it_is_dropped() {
    let folder = parent();
    let file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    let path = file.path().to_owned();
    let own = path.parent().unwrap();
    assert!(path.is_absolute() && path.ends_with("secrets.toml"));
    assert_eq!(own.parent().unwrap(), folder.join("").components().as_path());
    assert_eq!(fs::read_to_string(&path).unwrap(), TEXT, "byte for byte");
    assert_eq!((mode(own), mode(&path)), (0o700, 0o600));
    assert_eq!(names(own), ["lock", "secrets.toml"]);
    assert_eq!(mode(&own.join("lock")), 0o600);
    assert_eq!(format!("{file:?}"), format!("SecretsFile {{ path: {path:?}, .. }}"));

    let mut command = Command::new("env");
    let output = command.env_clear().envs(file.env()).output().unwrap();
    let expected = format!("STREAMLIT_SECRETS_FILES={}\n", path.display());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "and nothing else");

    // Each file has its own folder.
    let second = SecretsFile::create_in(folder.join(""), &document(OTHER)).unwrap();
    assert_ne!(second.path().parent(), path.parent());
    drop(file);
    assert!(!own.exists());
    assert_eq!(fs::read_to_string(second.path()).unwrap(), OTHER);
    drop(second);
    assert_nothing_in(&folder.join(""));
}

#[test]
fn an_empty_document_is_a_file() {
    let folder = parent();
    let mut file = SecretsFile::create_in(folder.join(""), &document("")).unwrap();
    assert_eq!(fs::read(file.path()).unwrap(), b"");
    file.replace(&document("")).unwrap();
    drop(file);
    assert_nothing_in(&folder.join(""));
}

/// The modes do not depend on the umask, nor on what the folder passes on.
#[test]
fn the_modes_do_not_depend_on_the_process() {
    if let Some(("umask", folder)) = task().as_ref().map(|(task, folder)| (task.as_str(), folder)) {
        let mut file = SecretsFile::create_in(folder, &document(TEXT)).unwrap();
        assert_eq!(mode(&file.path().with_file_name("lock")), 0o600);
        for text in [OTHER, TEXT] {
            assert_eq!((mode(file.path().parent().unwrap()), mode(file.path())), (0o700, 0o600));
            file.replace(&document(text)).unwrap();
        }
        return println!("\nready");
    }
    for mask in ["0", "277"] {
        let folder = parent();
        set_mode(&folder.join(""), 0o2755);
        let mut command = Command::new("sh");
        let run = format!("umask {mask} && exec \"$0\" \"$@\"");
        command.arg("-c").arg(run).arg(env::current_exe().unwrap());
        let test = "the_modes_do_not_depend_on_the_process";
        for_task(&mut command, test, "umask", &folder.join(""));
        let output = command.output().unwrap();
        // Without write permission on the new folder, only root succeeds.
        let passed = output.status.success();
        assert!(passed || (mask == "277" && !is_root()), "umask {mask}");
        assert_nothing_in(&folder.join(""));
    }
}

#[test]
fn a_panic_removes_it() {
    let folder = parent();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
        assert_eq!(names(&folder.join("")).len(), 1);
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(caught.is_err());
    assert_nothing_in(&folder.join(""));
}

/// A removed file is unlinked before it is overwritten. So opening it gives the content, and only a
/// process that has it open reads zeros.
#[test]
fn what_is_removed_is_overwritten() {
    let folder = parent();
    let long = document(&format!("A = '{}'\n", "CANARY".repeat(10_000)));
    for document in [document(TEXT), long] {
        let len = document.expose_text().len();
        let mut file = SecretsFile::create_in(folder.join(""), &document).unwrap();
        let reader = File::open(file.path()).unwrap();
        file.replace(&document).unwrap();
        let second = File::open(file.path()).unwrap();
        assert_zeros(reader, len);
        drop(file);
        assert_zeros(second, len);
    }
    // A long file is removed before it is fully overwritten.
    let long = document(&format!("A = '{}'\n", "CANARY".repeat(160_000)));
    for _ in 0..20 {
        let file = SecretsFile::create_in(folder.join(""), &long).unwrap();
        let path = file.path().to_owned();
        let watch = thread::spawn(move || {
            while let Ok(text) = fs::read(&path) {
                // A file that was opened earlier may be read while it is overwritten.
                if text.contains(&0) {
                    return !path.exists();
                }
            }
            true
        });
        drop(file);
        assert!(watch.join().unwrap(), "zeros under the path");
    }
}

#[track_caller]
fn assert_zeros(mut file: File, len: usize) {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, vec![0; len]);
    assert_eq!(file.metadata().unwrap().nlink(), 0);
}

#[test]
fn a_kept_file_stays() {
    let folder = parent();
    let file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    let expected = file.path().to_owned();
    let path = file.keep();
    assert_eq!(path, expected);
    assert_eq!(names(path.parent().unwrap()), ["secrets.toml"]);
    assert_eq!(SecretsFile::sweep(folder.join("")).unwrap(), 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
    assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
}

#[test]
fn replacing_renames_a_new_file_over_it() {
    let folder = parent();
    let mut file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    let path = file.path().to_owned();
    let before = fs::metadata(&path).unwrap();
    let old = File::open(&path).unwrap();
    file.replace(&document(OTHER)).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!(file.path(), path);
    assert_eq!(fs::read_to_string(&path).unwrap(), OTHER);
    assert_ne!(after.ino(), before.ino(), "the old one is open still, so its number is taken");
    assert!(after.modified().unwrap() > before.modified().unwrap());
    assert_eq!((mode(&path), owner(&path)), (0o600, (before.uid(), before.gid())));
    assert_eq!(names(path.parent().unwrap()), ["lock", "secrets.toml"]);
    assert_zeros(old, TEXT.len());
    drop(file);
    assert_nothing_in(&folder.join(""));
}

/// Streamlit reads a file again only if its modification time is later than the last one.
#[test]
fn each_replacement_is_newer_though_the_clock_is_set_back() {
    let folder = parent();
    let mut file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    let path = file.path().to_owned();
    let mut last = fs::metadata(&path).unwrap().modified().unwrap();
    // The latest time of the clock, which may be set back while this runs.
    let mut latest = last;
    // Several replacements within one tick of the clock are like a clock that goes back.
    for i in 0..200 {
        file.replace(&document([OTHER, TEXT][i % 2])).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(modified >= last + Duration::from_millis(1), "{i}");
        last = modified;
        latest = latest.max(SystemTime::now());
    }
    assert!(last <= latest + Duration::from_millis(200), "each is a millisecond ahead at most");
}

/// At every moment the file exists and is complete.
#[test]
fn a_reader_always_finds_a_whole_file() {
    let folder = parent();
    let mut file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    let path = file.path().to_owned();
    let (done, whole) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut opened = 0;
            while !done.load(Ordering::Relaxed) {
                let mut text = Vec::new();
                File::open(&path).expect("there is one").read_to_end(&mut text).unwrap();
                // If the file was replaced between opening and reading, the old one is overwritten.
                let is_whole = text == TEXT.as_bytes() || text == OTHER.as_bytes();
                opened += 1;
                let whole = whole.fetch_add(is_whole.into(), Ordering::Relaxed);
                assert!(whole >= 50 || opened < 1_000_000, "{whole} of {opened}");
            }
        });
        let mut replaced = 0;
        while !reader.is_finished() && (replaced < 200 || whole.load(Ordering::Relaxed) < 100) {
            for text in [OTHER, TEXT] {
                file.replace(&document(text)).unwrap();
            }
            replaced += 1;
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
}

#[test]
fn folders_that_are_refused() {
    let folder = parent();
    let at = |name: &str| {
        let path = folder.join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let create = |path: &Path| SecretsFile::create_in(path, &document(TEXT));

    let absent = folder.join("absent");
    let message = "cannot be opened (it does not exist: make it first)";
    assert_refused(create(&absent), &absent, message);
    assert_refused(SecretsFile::sweep(&absent), &absent, message);

    let file = folder.join("file");
    fs::write(&file, "").unwrap();
    let message = "cannot be opened (this is not a folder: use another one)";
    assert_refused(create(&file), &file, message);
    assert_refused(SecretsFile::sweep(&file), &file, message);

    assert_refused(create(Path::new("")), Path::new(""), "cannot be opened");

    // "Others" includes the group.
    let message = "others can write to this folder (run `chmod go-w` on it, or set its sticky bit)";
    for (name, bits) in [("group", 0o775), ("world", 0o757), ("both", 0o2777)] {
        let path = at(name);
        set_mode(&path, bits);
        assert_refused(create(&path), &path, message);
        assert_refused(SecretsFile::sweep(&path), &path, message);
        set_mode(&path, bits | 0o1000);
        drop(create(&path).unwrap());
        assert_nothing_in(&path);
    }

    let message =
        "the path has white space, at which Streamlit would split it (use another folder)";
    for space in [' ', '\t', '\n', '\u{b}', '\u{1c}', '\u{1f}', '\u{85}', '\u{a0}', '\u{3000}'] {
        let path = at(&format!("a{space}b"));
        assert_refused(create(&path), &path, message);
        // The folder is empty.
        assert_eq!(SecretsFile::sweep(&path).unwrap(), 0);
        assert_nothing_in(&path);
    }
    // White space that Python does not split at.
    for other in ["a\u{200b}b", "a\u{feff}b", "a\u{1b}b", "\u{fc}ber", "a:b", "a,b", "a'b"] {
        drop(create(&at(other)).unwrap());
    }
    let bytes = folder.join(OsStr::from_bytes(b"\xff"));
    fs::create_dir(&bytes).unwrap();
    assert_refused(create(&bytes), &bytes, "the path is not UTF-8 (use another folder)");
    assert_nothing_in(&bytes);
}

#[test]
fn another_users_folder_is_refused() {
    if !is_root() {
        return skip("another_users_folder_is_refused", "only root can give a folder away");
    }
    let folder = parent();
    let path = folder.join("another's");
    fs::create_dir(&path).unwrap();
    chown(&path, Some(12345), Some(0)).unwrap();
    let message = "another user owns this folder (use one that is yours or root's)";
    for bits in [0o755, 0o700, 0o1777] {
        set_mode(&path, bits);
        assert_refused(SecretsFile::create_in(&path, &document(TEXT)), &path, message);
        assert_refused(SecretsFile::sweep(&path), &path, message);
    }
    assert_nothing_in(&path);
}

#[test]
fn a_relative_path_becomes_absolute() {
    if let Some(("relative", folder)) =
        task().as_ref().map(|(task, folder)| (task.as_str(), folder))
    {
        env::set_current_dir(folder).unwrap();
        fs::create_dir("sub").unwrap();
        for (relative, expected) in [(".", ""), ("./sub/.", "sub"), ("sub", "sub")] {
            let file = SecretsFile::create_in(relative, &document(TEXT)).unwrap();
            let own = file.path().parent().unwrap();
            assert_eq!(own.parent().unwrap(), folder.join(expected).components().as_path());
            // The file is removed even if the process has changed its working directory.
            env::set_current_dir("/").unwrap();
            drop(file);
            env::set_current_dir(folder).unwrap();
            assert_nothing_in(&folder.join("sub"));
        }
        return println!("\nready");
    }
    // In a separate process, since the working directory is changed.
    let folder = parent();
    let mut child = child("a_relative_path_becomes_absolute", "relative", &folder.join(""));
    assert!(child.status().unwrap().success());
    assert_eq!(names(&folder.join("")), ["sub"]);
}

/// The caller's folder may be a symbolic link. Below it, no link is followed.
#[test]
fn links_above_are_the_callers() {
    let folder = parent();
    let (real, link) = (folder.join("real"), folder.join("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let file = SecretsFile::create_in(&link, &document(TEXT)).unwrap();
    assert!(file.path().starts_with(&link), "as it was given");
    assert_eq!(names(&real).len(), 1);
    assert_eq!(fs::read_to_string(file.path()).unwrap(), TEXT);
    // The file is removed even if the link now leads elsewhere.
    fs::remove_file(&link).unwrap();
    symlink("/", &link).unwrap();
    drop(file);
    assert_nothing_in(&real);
}

#[test]
fn a_read_only_folder() {
    let folder = parent();
    let path = folder.join("readonly");
    fs::create_dir(&path).unwrap();
    let create = || error(SecretsFile::create_in(&path, &document(TEXT)));
    if !is_root() {
        set_mode(&path, 0o555);
        let error = create();
        set_mode(&path, 0o755);
        let message =
            "cannot be made (this user has no permission: give it, or use another folder)";
        assert_eq!(error.to_string(), format!("{}: {message}", error.path().display()));
        assert_nothing_in(&path);
    }
    let Some(_mounted) = Mount::new(&path, "size=1m") else {
        return skip("a_read_only_folder", "nothing can be mounted");
    };
    let planted = plant(&path, true);
    assert!(run("mount", &["-o", "remount,ro"], &path));
    let hint = "the file system is read-only: use another folder";
    let refused = create();
    let expected = format!("{}: cannot be made ({hint})", refused.path().display());
    assert_eq!(refused.to_string(), expected);
    assert_eq!(chain(&refused), format!("{expected}: Read-only file system (os error 30)"));
    let message = format!("cannot be opened ({hint})");
    assert_refused(SecretsFile::sweep(&path), &planted.join("lock"), &message);
    assert_eq!(names(&path), [planted.file_name().unwrap().to_str().unwrap()]);

    assert!(run("mount", &["-o", "remount,rw"], &path));
    assert_eq!(SecretsFile::sweep(&path).unwrap(), 1);
    drop(SecretsFile::create_in(&path, &document(TEXT)).unwrap());
    assert_nothing_in(&path);
}

/// A file system in memory, which is unmounted on drop.
struct Mount(PathBuf);

impl Mount {
    fn new(path: &Path, options: &str) -> Option<Self> {
        let options = format!("{options},mode=0755");
        let mounted = run("mount", &["-t", "tmpfs", "-o", options.as_str(), "none"], path);
        mounted.then(|| Self(path.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &["-l"], &self.0);
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).arg(path).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Retries until there is a result. A process that another test has just forked holds our open files
/// until it runs its own program: with them locks, and the space of removed files.
///
/// Gives up after a minute, so that a fault is reported.
#[track_caller]
fn patiently<T>(mut run: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        match run() {
            Some(done) => return done,
            None => assert!(started.elapsed() < Duration::from_secs(60), "nothing in a minute"),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Sweeps until a folder was cleared, and returns how many were.
#[track_caller]
fn sweep_patiently(folder: &Path) -> usize {
    patiently(|| Some(SecretsFile::sweep(folder).unwrap()).filter(|swept| *swept > 0))
}

#[test]
fn a_full_disk() {
    let folder = parent();
    let path = folder.join("full");
    fs::create_dir(&path).unwrap();
    let Some(_mounted) = Mount::new(&path, "size=64k") else {
        return skip("a_full_disk", "nothing can be mounted");
    };
    let message = "cannot be written (the disk is full: free some space, or use another folder)";
    let long = document(&format!("A = '{}'\n", "CANARY".repeat(20_000)));
    let refused = error(SecretsFile::create_in(&path, &long));
    assert!(refused.path().ends_with("secrets.toml"));
    assert_eq!(refused.to_string(), format!("{}: {message}", refused.path().display()));
    assert_eq!(chain(&refused), format!("{refused}: No space left on device (os error 28)"));
    assert_nothing_in(&path);

    // The old file is unchanged.
    let mut file = patiently(|| SecretsFile::create_in(&path, &document(TEXT)).ok());
    let next = file.path().with_extension("toml.next");
    assert_refused(file.replace(&long), &next, message);
    assert_eq!(fs::read_to_string(file.path()).unwrap(), TEXT);
    assert_eq!(names(file.path().parent().unwrap()), ["lock", "secrets.toml"]);
    patiently(|| file.replace(&document(OTHER)).ok());
    assert_eq!(fs::read_to_string(file.path()).unwrap(), OTHER);

    // The existing file can still be removed and overwritten.
    fs::write(path.join("ballast"), vec![1; 1 << 20]).unwrap_err();
    let open = File::open(file.path()).unwrap();
    drop(file);
    assert_zeros(open, OTHER.len());
    assert_eq!(names(&path), ["ballast"]);
}

/// A file system without room for one more file, or for two or three.
#[test]
fn a_disk_without_inodes() {
    let folder = parent();
    let path = folder.join("full");
    fs::create_dir(&path).unwrap();
    // The root of the file system takes one inode.
    for (inodes, name) in [(1, "secrets-toml-"), (2, "lock"), (3, "secrets.toml")] {
        let Some(_mounted) = Mount::new(&path, &format!("nr_inodes={inodes}")) else {
            return skip("a_disk_without_inodes", "nothing can be mounted");
        };
        let refused = error(SecretsFile::create_in(&path, &document(TEXT)));
        let message = "cannot be made (the disk is full: free some space, or use another folder)";
        assert_eq!(refused.to_string(), format!("{}: {message}", refused.path().display()));
        let refused = refused.path().file_name().unwrap().to_str().unwrap();
        assert!(refused.starts_with(name), "{inodes}: {refused}");
        assert_nothing_in(&path);
    }
}

/// Simulates a full disk for users who may not mount.
#[test]
fn a_limit_on_the_length_of_files() {
    if let Some(("limited", folder)) = task().as_ref().map(|(task, folder)| (task.as_str(), folder))
    {
        let long = document(&format!("A = '{}'\n", "CANARY".repeat(20_000)));
        let message = "cannot be written (files of this process are limited: raise `ulimit -f`)";
        let refused = error(SecretsFile::create_in(folder, &long));
        assert_eq!(refused.to_string(), format!("{}: {message}", refused.path().display()));
        assert_nothing_in(folder);
        let mut file = SecretsFile::create_in(folder, &document(TEXT)).unwrap();
        let next = file.path().with_extension("toml.next");
        assert_refused(file.replace(&long), &next, message);
        assert_eq!(fs::read_to_string(file.path()).unwrap(), TEXT);
        assert_eq!(names(file.path().parent().unwrap()), ["lock", "secrets.toml"]);
        return println!("\nready");
    }
    let folder = parent();
    let mut command = Command::new("sh");
    // Ignore the signal, which would end the process.
    let run = "trap '' XFSZ; ulimit -f 8 && exec \"$0\" \"$@\"";
    command.arg("-c").arg(run).arg(env::current_exe().unwrap());
    for_task(&mut command, "a_limit_on_the_length_of_files", "limited", &folder.join(""));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_nothing_in(&folder.join(""));
}

#[test]
fn an_existing_name_in_the_folder() {
    let folder = parent();
    let outside = folder.join("outside");
    fs::write(&outside, "outside").unwrap();
    let mut file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    let next = file.path().with_extension("toml.next");
    let message = "cannot be made (something else has this name: remove it)";
    symlink(&outside, &next).unwrap();
    assert_refused(file.replace(&document(OTHER)), &next, message);
    assert_eq!(fs::read_link(&next).unwrap(), outside, "it is another's");
    fs::remove_file(&next).unwrap();
    fs::create_dir(&next).unwrap();
    assert_refused(file.replace(&document(OTHER)), &next, message);
    fs::remove_dir(&next).unwrap();

    // In place of the file: a link is replaced and not followed; a folder is not replaced.
    let path = file.path().to_owned();
    fs::remove_file(&path).unwrap();
    symlink(&outside, &path).unwrap();
    file.replace(&document(OTHER)).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let message = "cannot be replaced (a folder has this name: remove it)";
    assert_refused(file.replace(&document(TEXT)), &path, message);
    assert_eq!(names(path.parent().unwrap()), ["lock", "secrets.toml"]);
    fs::remove_dir(&path).unwrap();
    symlink(&outside, &path).unwrap();
    drop(file);
    assert_eq!(fs::read_to_string(&outside).unwrap(), "outside");
    assert_eq!(names(&folder.join("")), ["outside"]);
}

/// A cleaner of temporary files may have removed the folder.
#[test]
fn a_folder_that_is_gone() {
    let folder = parent();
    let mut file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    let own = file.path().parent().unwrap().to_owned();
    fs::remove_dir_all(&own).unwrap();
    let message = "cannot be made (somebody has removed it, or its folder: call `create_in` again)";
    assert_refused(file.replace(&document(OTHER)), &own.join("secrets.toml.next"), message);
    // Another folder with the same name is not removed.
    fs::create_dir(&own).unwrap();
    fs::write(own.join("secrets.toml"), "another's").unwrap();
    drop(file);
    assert_eq!(fs::read_to_string(own.join("secrets.toml")).unwrap(), "another's");
}

#[test]
fn a_users_own_file() {
    let folder = parent();
    let mut file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    let (path, own) = (file.path().to_owned(), file.path().parent().unwrap().to_owned());
    let before = owner(&path);
    let message = "4294967295 is not the ID of a user or group (use a real one)";
    assert_refused(file.for_user(u32::MAX, 0), &path, message);
    assert_refused(file.for_user(0, u32::MAX), &path, message);
    if !is_root() {
        let message = "cannot be given to another user (only root may do this: run as root)";
        assert_refused(file.for_user(12345, 12346), &path, message);
        assert_eq!((owner(&path), owner(&own)), (before, before));
        return skip("a_users_own_file", "only root can give a file away");
    }
    assert_eq!((owner(&path), owner(&own)), (before, before));
    let user = (12345, 12346);
    // If the folder's owner cannot be changed, the file's is not changed either.
    if run("chattr", &["+i"], &own) {
        let message = "cannot be given to another user (only root may do this: run as root)";
        let refused = error(file.for_user(user.0, user.1));
        assert!(run("chattr", &["-i"], &own));
        assert_eq!(refused.to_string(), format!("{}: {message}", own.display()));
        assert_eq!((owner(&path), owner(&own)), (before, before));
    } else {
        skip("a_users_own_file", "no file can be made immutable");
    }
    file.for_user(user.0, user.1).unwrap();
    for text in [TEXT, OTHER, TEXT] {
        file.replace(&document(text)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!((owner(&path), owner(&own)), (user, user));
        assert_eq!((mode(&path), mode(&own)), (0o600, 0o700));
        assert_eq!(owner(&own.join("lock")), before, "so the user cannot lock it");
    }
    drop(file);
    assert_nothing_in(&folder.join(""));

    let mut file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    file.for_user(user.0, user.1).unwrap();
    let path = file.keep();
    assert_eq!(owner(&path), user);
    assert_eq!(SecretsFile::sweep(folder.join("")).unwrap(), 0);
}

/// The user who owns the folder can do anything in it, without effect on files outside.
#[test]
fn what_a_user_plants_is_not_followed() {
    let folder = parent();
    let (outside, file_outside) = (folder.join("outside"), folder.join("outside/file"));
    fs::create_dir(&outside).unwrap();
    fs::write(&file_outside, "outside").unwrap();
    let tricks: [fn(&Path, &Path); 6] = [
        // A link to a file, in place of each file.
        |own, outside| {
            for name in ["secrets.toml", "lock"] {
                fs::remove_file(own.join(name)).unwrap();
                symlink(outside.join("file"), own.join(name)).unwrap();
            }
        },
        // A second name of a file.
        |own, outside| {
            for name in ["secrets.toml", "lock"] {
                fs::remove_file(own.join(name)).unwrap();
                fs::hard_link(outside.join("file"), own.join(name)).unwrap();
            }
        },
        // The same for files that are only removed.
        |own, outside| {
            fs::remove_file(own.join("secrets.toml")).unwrap();
            fs::hard_link(outside.join("file"), own.join("secrets.toml")).unwrap();
        },
        // A named pipe without a reader.
        |own, _| {
            for name in ["secrets.toml", "lock"] {
                fs::remove_file(own.join(name)).unwrap();
                assert!(run("mkfifo", &[], &own.join(name)));
            }
        },
        // The file moved away, and a long file in its place.
        |own, _| {
            fs::rename(own.join("secrets.toml"), own.join("moved")).unwrap();
            File::create(own.join("secrets.toml")).unwrap().set_len(1 << 30).unwrap();
        },
        // The folder moved away, and a link in its place.
        |own, outside| {
            fs::rename(own, own.with_extension("moved")).unwrap();
            symlink(outside, own).unwrap();
        },
    ];
    for (i, trick) in tricks.into_iter().enumerate() {
        for how in ["drop", "replace", "sweep"] {
            let long = |own: &Path| {
                let path = own.join("secrets.toml");
                path.is_file().then(|| File::open(path).unwrap())
            };
            let planted;
            if how == "sweep" {
                let own = plant(&folder.join(""), true);
                trick(&own, &outside);
                planted = long(&own);
                SecretsFile::sweep(folder.join("")).unwrap();
            } else {
                let mut file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
                let open = File::open(file.path()).unwrap();
                trick(file.path().parent().unwrap(), &outside);
                planted = long(file.path().parent().unwrap());
                if how == "replace" {
                    file.replace(&document(OTHER)).unwrap();
                }
                drop(file);
                let mut bytes = Vec::new();
                { open }.read_to_end(&mut bytes).unwrap();
                assert_eq!(bytes, vec![0; TEXT.len()], "{i} {how}");
            }
            assert_eq!(fs::read_to_string(&file_outside).unwrap(), "outside", "{i} {how}");
            assert_eq!(names(&outside), ["file"], "{i} {how}");
            let written = planted.map_or(0, |file| file.metadata().unwrap().blocks() * 512);
            assert!(written < 2 << 20, "{i} {how}: {written} bytes of the long file");
            for name in names(&folder.join("")) {
                let path = folder.join(&name);
                match fs::symlink_metadata(&path).unwrap().is_symlink() {
                    true => fs::remove_file(path).unwrap(),
                    false if name != "outside" => fs::remove_dir_all(path).unwrap(),
                    false => {}
                }
            }
        }
    }
}

/// Creates a folder as a killed process leaves it.
fn plant(folder: &Path, with_file: bool) -> PathBuf {
    let file = SecretsFile::create_in(folder, &document(TEXT)).unwrap();
    let own = file.path().parent().unwrap().to_owned();
    drop(file);
    fs::create_dir(&own).unwrap();
    set_mode(&own, 0o700);
    fs::write(own.join("lock"), "").unwrap();
    if with_file {
        fs::write(own.join("secrets.toml"), TEXT).unwrap();
    }
    own
}

#[test]
fn a_sweep_takes_what_is_abandoned_and_nothing_else() {
    let folder = parent();
    let held = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
    let kept = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap().keep();
    // Killed while it made the folder, replaced the file, or removed the folder.
    let abandoned = [true, true, false].map(|with_file| plant(&folder.join(""), with_file));
    fs::write(abandoned[1].join("secrets.toml.next"), OTHER).unwrap();
    let empty = plant(&folder.join(""), false);
    fs::remove_file(empty.join("lock")).unwrap();
    let readers = [
        (File::open(abandoned[0].join("secrets.toml")).unwrap(), TEXT.len()),
        (File::open(abandoned[1].join("secrets.toml.next")).unwrap(), OTHER.len()),
    ];
    // Entries of others.
    let others =
        ["secrets-toml", "secrets-toml-0123456789abcdef0", "secrets-toml-0123456789ABCDEF"];
    for other in others {
        fs::create_dir(folder.join(other)).unwrap();
        fs::write(folder.join(other).join("lock"), "").unwrap();
        fs::write(folder.join(other).join("secrets.toml"), TEXT).unwrap();
    }
    fs::write(folder.join("secrets-toml-0000000000000001"), "").unwrap();
    symlink(folder.join(others[0]), folder.join("secrets-toml-0000000000000002")).unwrap();
    // The module's own files are not removed.
    let used = plant(&folder.join(""), true);
    fs::write(used.join("cache"), "").unwrap();

    assert_eq!(SecretsFile::sweep(folder.join("")).unwrap(), 5);
    assert_eq!(SecretsFile::sweep(folder.join("")).unwrap(), 0);
    for gone in abandoned.iter().chain([&empty]) {
        assert!(!gone.exists());
    }
    for (reader, len) in readers {
        assert_zeros(reader, len);
    }
    assert_eq!(names(&used), ["cache"]);
    for other in others {
        assert_eq!(names(&folder.join(other)), ["lock", "secrets.toml"]);
    }
    assert_eq!(fs::read_to_string(kept).unwrap(), TEXT);
    assert_eq!(fs::read_to_string(held.path()).unwrap(), TEXT);
    drop(held);
    assert_eq!(names(&folder.join("")).len(), 7);
}

/// A folder that cannot be removed does not keep others from being removed.
#[test]
fn a_sweep_goes_on_after_an_error() {
    let folder = parent();
    let planted: Vec<_> = (0..4).map(|_| plant(&folder.join(""), true)).collect();
    let stuck = planted[2].join("secrets.toml");
    fs::remove_file(&stuck).unwrap();
    fs::create_dir(&stuck).unwrap();
    let message = "cannot be removed (a folder has this name: remove it)";
    assert_refused(SecretsFile::sweep(folder.join("")), &stuck, message);
    assert_eq!(names(&folder.join("")), [planted[2].file_name().unwrap().to_str().unwrap()]);
    // The folder is removed once that is possible.
    fs::remove_dir(&stuck).unwrap();
    assert_eq!(sweep_patiently(&folder.join("")), 1);
    assert_nothing_in(&folder.join(""));
}

#[test]
fn a_sweep_leaves_another_users_folders() {
    if let Some(("sweep", folder)) = task().as_ref().map(|(task, folder)| (task.as_str(), folder)) {
        assert_eq!(SecretsFile::sweep(folder).unwrap(), 1);
        return println!("\nready");
    }
    if !is_root() {
        return skip("a_sweep_leaves_another_users_folders", "only root can be two users");
    }
    let folder = parent();
    set_mode(&folder.join(""), 0o1777);
    // Root's folder, a third user's folder that is open to everybody, and the sweeper's own.
    let roots = plant(&folder.join(""), true);
    let [thirds, own] = [12347, 12345].map(|uid| {
        let planted = plant(&folder.join(""), true);
        for path in [&planted, &planted.join("lock"), &planted.join("secrets.toml")] {
            chown(path, Some(uid), Some(uid)).unwrap();
        }
        planted
    });
    set_mode(&thirds, 0o777);
    set_mode(&thirds.join("lock"), 0o666);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=12345", "--regid=12345", "--clear-groups"]);
    // The user may have no access to the program's own folder.
    let program = folder.join("program");
    // Copied by another process. A file that is open for writing cannot be run, and a process that
    // another test is starting would hold it open.
    let from = env::current_exe().unwrap();
    assert!(run("cp", &[from.to_str().unwrap()], &program));
    set_mode(&program, 0o755);
    command.arg(&program);
    for_task(&mut command, "a_sweep_leaves_another_users_folders", "sweep", &folder.join(""));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(!own.exists());
    for other in [roots, thirds] {
        assert_eq!(names(&other), ["lock", "secrets.toml"]);
    }
}

/// The kernel releases the lock when the process ends, however it ends.
#[test]
fn a_killed_process_is_swept() {
    if let Some((task, folder)) = task() {
        let mut file = SecretsFile::create_in(folder, &document(TEXT)).unwrap();
        match task.as_str() {
            "idle" => return wait_to_be_killed(),
            "exits" => std::process::exit(0),
            "aborts" => std::process::abort(),
            _ => {
                println!("\nready");
                let started = Instant::now();
                while started.elapsed() < Duration::from_secs(60) {
                    file.replace(&document(OTHER)).unwrap();
                    file = SecretsFile::create_in(
                        file.path().ancestors().nth(2).unwrap(),
                        &document(TEXT),
                    )
                    .unwrap();
                }
                return;
            }
        }
    }
    let test = "a_killed_process_is_swept";
    let folder = parent();
    for ends in ["exits", "aborts"] {
        child(test, ends, &folder.join("")).status().unwrap();
        assert_eq!(names(&folder.join("")).len(), 1);
        assert_eq!(SecretsFile::sweep(folder.join("")).unwrap(), 1);
        assert_nothing_in(&folder.join(""));
    }

    let mut idle = child(test, "idle", &folder.join("")).spawn().unwrap();
    let mut told = BufReader::new(idle.stdout.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().ends_with("ready")));
    assert_eq!(SecretsFile::sweep(folder.join("")).unwrap(), 0, "it runs");
    let [name] = names(&folder.join("")).try_into().unwrap();
    let open = File::open(folder.join(name).join("secrets.toml")).unwrap();
    idle.kill().unwrap();
    idle.wait().unwrap();
    assert_eq!(SecretsFile::sweep(folder.join("")).unwrap(), 1);
    assert_zeros(open, TEXT.len());
    assert_nothing_in(&folder.join(""));

    // While it creates, replaces and drops.
    let mut left = 0;
    for _ in 0..40 {
        kill_when_ready(child(test, "busy", &folder.join("")));
        let there = names(&folder.join("")).len();
        assert_eq!(SecretsFile::sweep(folder.join("")).unwrap(), there);
        assert_nothing_in(&folder.join(""));
        left += there;
    }
    assert!(left > 20, "{left} folders were left");
}

/// A started module does not inherit the lock, and keeps running after its launcher.
#[test]
fn a_module_does_not_hold_the_lock() {
    if let Some((_, folder)) = task() {
        let file = SecretsFile::create_in(folder, &document(TEXT)).unwrap();
        let mut module = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
        println!("\nmodule {}", module.id());
        wait_to_be_killed();
        drop(file);
        module.kill().unwrap();
        module.wait().unwrap();
        return;
    }
    let folder = parent();
    let mut launcher =
        child("a_module_does_not_hold_the_lock", "launcher", &folder.join("")).spawn().unwrap();
    let mut module = None;
    for line in BufReader::new(launcher.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        module = module.or(line.strip_prefix("module ").map(str::to_owned));
        if line.ends_with("ready") {
            break;
        }
    }
    launcher.kill().unwrap();
    launcher.wait().unwrap();
    let swept = sweep_patiently(&folder.join(""));
    let module = module.unwrap();
    let running = Path::new("/proc").join(&module).exists() || !Path::new("/proc/self").exists();
    assert!(Command::new("kill").arg(module).status().unwrap().success());
    assert!(running, "the module outlives its launcher");
    assert_eq!(swept, 1);
    assert_nothing_in(&folder.join(""));
}

/// Sweeps run while others create, replace, keep and drop files. No file in use is removed, and
/// none is left.
#[test]
fn sweeps_race_with_everything() {
    let folder = parent();
    let path = folder.join("");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let sweepers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut taken = 0;
                    while !done.load(Ordering::Relaxed) {
                        taken += SecretsFile::sweep(&path).unwrap();
                    }
                    taken
                })
            })
            .collect();
        let creators: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for i in 0..100 {
                        let mut file = SecretsFile::create_in(&path, &document(TEXT)).unwrap();
                        assert_eq!(fs::read_to_string(file.path()).unwrap(), TEXT);
                        file.replace(&document(OTHER)).unwrap();
                        assert_eq!(fs::read_to_string(file.path()).unwrap(), OTHER);
                        if i % 2 == 0 {
                            let kept = file.keep();
                            thread::yield_now();
                            assert_eq!(fs::read_to_string(&kept).unwrap(), OTHER);
                            fs::remove_file(&kept).unwrap();
                        } else {
                            let path = file.path().to_owned();
                            drop(file);
                            assert!(!path.exists());
                        }
                    }
                })
            })
            .collect();
        let made: Vec<_> = creators.into_iter().map(|thread| thread.join()).collect();
        done.store(true, Ordering::Relaxed);
        let mut taken: usize = sweepers.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!(made.iter().all(Result::is_ok), "a file was lost");
        patiently(|| {
            taken += SecretsFile::sweep(&path).unwrap();
            names(&path).is_empty().then_some(())
        });
        // The folders of the kept files are empty, and one sweep takes each. A folder that is about to
        // be locked may be taken, too.
        assert!(taken >= 100, "{taken} folders were taken");
    });
}

/// If a user truncates or extends the file, we write no more zeros than we wrote bytes, and never
/// hang.
#[test]
fn a_file_of_another_length_by_then() {
    let folder = parent();
    for len in [0, 3, 1 << 30] {
        let file = SecretsFile::create_in(folder.join(""), &document(TEXT)).unwrap();
        let own = OpenOptions::new().read(true).write(true).open(file.path()).unwrap();
        own.set_len(len).unwrap();
        drop(file);
        assert!(own.metadata().unwrap().blocks() * 512 < 1 << 20, "bytes that nobody wrote");
        let mut bytes = vec![1; TEXT.len()];
        let read = own.read_at(&mut bytes, 0).unwrap();
        assert_eq!(own.metadata().unwrap().len(), len);
        assert!(bytes[..read].iter().all(|&byte| byte == 0));
    }
    assert_nothing_in(&folder.join(""));
}
