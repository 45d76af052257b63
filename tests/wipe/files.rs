//! Reading files and secret directories, layering documents, and reloading beside readers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::Instant;

use secrets_toml::files::{Changes, Files, Reload};
use secrets_toml::{Document, Template};

use crate::folder::Folder;
use crate::probe;

const TEXT: &str = "\
TOKEN = 'CANARYfiles'
ESCAPED = \"CANARYfiles\\u0041\"
[db]
password = '''
CANARYfiles'''
at = 07:32
";

fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| probe::watch([b"CANARYfiles".to_vec()]));
}

fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Runs a step, drops its result, and checks that no freed block holds a secret.
#[track_caller]
fn assert_wiped<T>(run: impl FnOnce() -> T) {
    watch();
    let report = probe::during(|| drop(run())).1;
    assert_eq!(report.hits, 0, "{report:?}");
}

/// Two files and a directory with every kind of folder.
fn files(folder: &Folder) -> Files {
    let path = |name: &str| folder.join(name);
    write(path("one.toml"), TEXT);
    write(path("two.toml"), format!("\u{FEFF}{}", TEXT.replace('\n', "\r\n")));
    write(path("d/key/file"), "\r\n CANARYfiles\r\nCANARYfiles\r\n\n");
    write(path("d/db/user"), "CANARYfiles 'x' \\ \"");
    write(path("d/db/password"), "CANARYfiles".repeat(5_000));
    write(path("d/mount/..1/a"), "CANARYfiles");
    write(path("d/mount/..1/b"), "CANARYfiles");
    #[cfg(unix)]
    std::os::unix::fs::symlink("..1", path("d/mount/..data")).unwrap();
    Files::new().file(path("one.toml")).file(path("two.toml")).directory(path("d"))
}

#[test]
fn the_probe_is_alive() {
    watch();
    let folder = Folder::new();
    files(&folder);
    let hits = probe::during(|| drop(fs::read(folder.join("one.toml")).unwrap())).1.hits;
    assert!(hits > 0, "the buffer of another reader");
}

#[test]
fn reading() {
    let folder = Folder::new();
    let files = files(&folder);
    assert_wiped(|| {
        let layered = files.read().unwrap();
        let env = layered.env().unwrap();
        let log: Vec<_> = env.explain().map(|explanation| explanation.to_string()).collect();
        let origin = layered.origin("db").map(|origin| origin.to_string());
        let replaced = layered.replaced("db").count();
        (
            format!("{layered:?}"),
            log,
            origin,
            replaced,
            env,
            layered.into_document().validate().unwrap(),
        )
    });
}

#[test]
fn layering() {
    let [one, two] = [TEXT, "TOKEN = 1\n"].map(|text| Document::parse(text).unwrap());
    assert_wiped(|| Document::layered([("one", &one), ("two", &two), ("three", &one)]).unwrap());
    assert_wiped(|| Document::layered([("one", Document::parse(TEXT).unwrap())]).unwrap());
    assert_wiped(|| (format!("{:?}", Changes::between(&one, &two)), Changes::between(&two, &one)));
    assert_wiped(|| {
        let [one, two] = [&one, &two].map(|document| document.env().unwrap());
        (format!("{:?}", one.changes_since(&two)), format!("{:?}", two.changes_since(&one)))
    });
    let long = format!("LONG = '{}'\n", "CANARYfiles".repeat(60_000));
    let long =
        [long.clone(), long.replace("LONG", "MORE")].map(|text| Document::parse(text).unwrap());
    assert_wiped(|| Document::layered([("one", &long[0]), ("two", &long[1])]).unwrap_err());
}

#[test]
fn errors() {
    let folder = Folder::new();
    let path = |name: &str| folder.join(name);
    let all = files(&folder);
    for (name, text) in [
        ("broken.toml", &b"TOKEN = 'CANARYfiles\nA = CANARYfiles\n"[..]),
        ("binary.toml", b"TOKEN = 'CANARYfiles\xFF'\n"),
        ("long.toml", &b"CANARYfiles".repeat(100_000)),
    ] {
        write(path(name), text);
        let files = all.clone().file(path(name));
        assert_wiped(|| {
            let error = files.read().unwrap_err();
            (error.to_string(), format!("{error:?}"), error)
        });
    }
    for (name, text) in [
        ("e/binary/x", b"CANARYfiles\xFF".to_vec()),
        ("f/long/x", b"CANARYfiles".repeat(100_000)),
        // Each byte takes six in a document.
        ("g/longest/x", vec![1; 900_000]),
        ("h/file", b"CANARYfiles".to_vec()),
    ] {
        write(path(name), text);
        let files = all.clone().directory(path(&name[..1]));
        assert_wiped(|| files.read().unwrap_err());
    }
}

/// The buffer of a file that changes its length does not grow, and is wiped if it was not the last one.
#[test]
fn a_file_that_changes_while_it_is_read() {
    struct Edits {
        path: PathBuf,
        texts: Vec<String>,
        done: usize,
    }

    static EDITS: Mutex<Option<Edits>> = Mutex::new(None);

    fn edit() {
        if let Some(Edits { path, texts, done }) = &mut *EDITS.lock().unwrap() {
            if let Some(text) = texts.get(*done) {
                write(path, text);
            }
            *done += 1;
        }
    }

    let folder = Folder::new();
    let path = folder.join("secrets.toml");
    write(&path, TEXT);
    let text = |len: usize| format!("{TEXT}#{}\n", "CANARYfiles".repeat(len / 11));
    let texts = [20_000, 300, 90_000, 10].map(text).to_vec();
    *EDITS.lock().unwrap() = Some(Edits { path: path.clone(), texts, done: 0 });
    // The length is known before the buffer is allocated.
    let files = Files::new().file(&path);
    assert_wiped(|| probe::interrupted(edit, || files.read().unwrap()));
    let edits = EDITS.lock().unwrap().take().unwrap();
    assert!(edits.done > edits.texts.len(), "{} blocks were allocated", edits.done);
}

/// A lock is held to clone or replace an `Arc`, which allocates nothing. So a reader gets the secrets
/// whenever a poll allocates a block: while it reads, parses, validates and compares.
#[test]
fn no_reader_waits_for_a_poll() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    static ANSWERED: AtomicUsize = AtomicUsize::new(0);

    /// Asks the reader, and waits for its answer, unless one before did not come within a minute.
    fn ask() {
        let asked = ASKED.fetch_add(1, Ordering::SeqCst);
        if ANSWERED.load(Ordering::SeqCst) < asked {
            return;
        }
        let begun = Instant::now();
        while ANSWERED.load(Ordering::SeqCst) == asked && begun.elapsed().as_secs() < 60 {
            thread::yield_now();
        }
    }

    let folder = Folder::new();
    let path = folder.join("secrets.toml");
    write(&path, TEXT);
    let mut reload = Reload::new(Files::new().file(&path), None).unwrap();
    let reader = reload.reader();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                if ANSWERED.load(Ordering::SeqCst) < ASKED.load(Ordering::SeqCst) {
                    assert!(reader.get().get("TOKEN").is_some());
                    ANSWERED.fetch_add(1, Ordering::SeqCst);
                }
                thread::yield_now();
            }
        });
        write(&path, TEXT.replace("TOKEN =", "TOKEN = 'x' # "));
        let polled = probe::interrupted(ask, || reload.poll());
        let counts = [&ANSWERED, &ASKED].map(|count| count.load(Ordering::SeqCst));
        stop.store(true, Ordering::SeqCst);
        let [answered, asked] = counts;
        assert!(polled.unwrap().unwrap().changed().eq(["TOKEN"]));
        assert_eq!(answered, asked, "answers while the poll ran");
        assert!(asked > 10, "{asked} blocks were allocated");
    });
}

#[test]
fn reloading() {
    let folder = Folder::new();
    let files = files(&folder);
    let template = Template::parse("TOKEN = ''\n").unwrap();
    let path = folder.join("one.toml");
    let texts = [
        TEXT.to_owned(),
        TEXT.replace("TOKEN", "# TOKEN"),
        "TOKEN = ''\n".to_owned(),
        "NEW = ''\n".to_owned(),
        "TOKEN = x\n".to_owned(),
    ];
    let step = |reload: &mut Reload, text: &String| {
        write(&path, text);
        match reload.poll() {
            Ok(changes) => format!("{changes:?}"),
            Err(error) => format!("{error} {error:?} {}", crate::chain(&error)),
        }
    };
    assert_wiped(|| {
        let mut reload = Reload::new(files.clone(), template.clone()).unwrap();
        let reader = reload.reader();
        let shown: Vec<_> = texts.iter().map(|text| step(&mut reload, text)).collect();
        let shown = (shown, format!("{reload:?} {reader:?}"));
        (shown, reload)
    });
}

/// Replaced secrets are freed, and wiped, when the last reader lets go of them.
#[test]
fn the_last_reader_wipes_what_was_replaced() {
    watch();
    let folder = Folder::new();
    let path = folder.join("secrets.toml");
    let text = |value: &str| format!("TOKEN = '{}'\n", value.repeat(10_000));
    write(&path, text("CANARYfiles"));
    let mut reload = Reload::new(Files::new().file(&path), None).unwrap();
    let reader = reload.reader();
    let (one, other) = (reader.get(), reader.get());
    write(&path, text("CANARYfiles2"));
    let (changes, report) = probe::during(|| reload.poll().unwrap().unwrap());
    assert!(changes.changed().eq(["TOKEN"]) && report.hits == 0, "{report:?}");
    assert!(one.expose_text().contains("CANARYfiles"), "readers still have it");

    let (_, report) = probe::during(|| drop(one));
    assert!(report.live == 0 && report.hits == 0, "{report:?}");
    let (_, report) = probe::during(|| drop(other));
    assert!(report.live < -110_000 && report.hits == 0, "{report:?}");

    let (_, report) = probe::during(|| drop(reload));
    assert!(report.hits == 0, "{report:?}");
    assert!(reader.get().expose_text().contains("CANARYfiles2"));
    let (_, report) = probe::during(|| drop(reader));
    assert!(report.live < -110_000 && report.hits == 0, "{report:?}");
}
