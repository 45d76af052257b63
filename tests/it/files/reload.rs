//! Files that are read again: content is compared, and a broken edit changes nothing.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use secrets_toml::Template;
use secrets_toml::files::{Files, Reload, ReloadError};

use super::write;
use crate::chain;
use crate::folder::Folder;

fn path(folder: &Folder) -> PathBuf {
    folder.join("secrets.toml")
}

fn start(folder: &Folder, text: &str) -> Reload {
    write(path(folder), text);
    Reload::new(Files::new().file(path(folder)), None).unwrap()
}

#[track_caller]
fn assert_current(reload: &Reload, text: &str) {
    assert_eq!(reload.reader().get().expose_text(), text);
}

/// Checks the message of an error, and that neither it nor its sources show a value.
#[track_caller]
fn assert_refused<T: std::fmt::Debug>(
    result: Result<T, ReloadError>,
    message: &str,
) -> ReloadError {
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), message);
    let shown = format!("{} {error:?}", chain(&error));
    assert!(!shown.contains("hunter2"), "{shown}");
    error
}

#[test]
fn content_is_compared_and_not_times() {
    let folder = Folder::new();
    let mut reload = start(&folder, "A = 'x'\n");
    let file = || File::options().write(true).open(path(&folder)).unwrap();
    let time = fs::metadata(path(&folder)).unwrap().modified().unwrap();
    // A new time is not a change.
    let before = reload.reader().get();
    file().set_modified(time + std::time::Duration::from_secs(60)).unwrap();
    assert_eq!(reload.poll().unwrap(), None);
    write(path(&folder), "A = 'x'\n");
    assert_eq!(reload.poll().unwrap(), None);
    assert!(Arc::ptr_eq(&before, &reload.reader().get()));
    // The same length and the same time, and another content.
    write(path(&folder), "A = 'y'\n");
    file().set_modified(time).unwrap();
    let changes = reload.poll().unwrap().unwrap();
    assert!(changes.changed().eq(["A"]));
    assert_current(&reload, "A = 'y'\n");
    assert_eq!(reload.poll().unwrap(), None);
    // Another spelling and a comment are not a change of a value.
    write(path(&folder), "# y\nA = \"y\"\n");
    assert_eq!(reload.poll().unwrap(), None);
    assert_current(&reload, "A = \"y\"\n");
}

#[test]
fn a_broken_edit_changes_nothing() {
    let folder = Folder::new();
    let path = path(&folder);
    let mut reload = start(&folder, "A = 'hunter2'\n");
    let (reader, held) = (reload.reader(), reload.reader().get());
    let place = path.display();
    write(&path, "A = 'hunter2\n");
    for _ in 0..3 {
        let error = assert_refused(reload.poll(), &format!("{place}: not well-formed"));
        assert_eq!(error.files().unwrap().parse_error().unwrap().errors()[0].line(), 1);
        assert!(error.findings().is_none());
        assert!(Arc::ptr_eq(&held, &reader.get()));
    }
    write(&path, "\n\nB = 'hunter2'\nA = ''\nC = ''\n");
    let error =
        assert_refused(reload.poll(), &format!("`A` is blank ({place} line 4), and 1 more error"));
    assert_eq!(error.findings().unwrap().findings().len(), 2);
    assert!(error.files().is_none());
    fs::remove_file(&path).unwrap();
    assert_refused(
        reload.poll(),
        &format!("none of these files exists (make one of them): {place}"),
    );
    fs::create_dir(&path).unwrap();
    assert_refused(reload.poll(), &format!("{place}: is a folder (pass it to `directory`)"));
    assert!(Arc::ptr_eq(&held, &reader.get()));
    fs::remove_dir(&path).unwrap();
    // The last good content again.
    write(&path, "A = 'hunter2'\n");
    assert_eq!(reload.poll().unwrap(), None);
    assert!(Arc::ptr_eq(&held, &reader.get()));
    write(&path, "A = 'new'\n");
    assert!(reload.poll().unwrap().unwrap().changed().eq(["A"]));
    // Secrets that are held do not change. A handle outlives the reload.
    assert_eq!(
        (held.expose_text(), reader.get().expose_text()),
        ("A = 'hunter2'\n", "A = 'new'\n")
    );
    drop(reload);
    assert_eq!(reader.get().expose_text(), "A = 'new'\n");
}

#[test]
fn the_first_read_must_succeed() {
    let folder = Folder::new();
    let place = path(&folder).display().to_string();
    let files = Files::new().file(path(&folder));
    let new = || Reload::new(files.clone(), None);
    assert_refused(new(), &format!("none of these files exists (make one of them): {place}"));
    write(path(&folder), "A = hunter2\n");
    assert_refused(new(), &format!("{place}: not well-formed"));
    write(path(&folder), "A = ''\n");
    assert_refused(new(), &format!("`A` is blank ({place} line 1)"));
    write(path(&folder), "A = 'hunter2'\n");
    let shown = format!("{:?}", new().unwrap());
    assert!(
        shown.ends_with(
            "current: Current(Secrets { document: Document { \"A\": string }, warnings: 0 }), .. }"
        ),
        "{shown}"
    );
}

#[test]
fn a_template_decides_what_is_valid() {
    let folder = Folder::new();
    let template = Template::parse("PAT = ''\nPORT = 80\n[db]\nuser = ''\n").unwrap();
    let [one, two] = ["one.toml", "two.toml"].map(|name| folder.join(name));
    write(&one, "PAT = 'hunter2'\nPORT = 81\n");
    write(&two, "\n[db]\nuser = 'hunter2'\n");
    let files = Files::new().file(&one).file(&two);
    let mut reload = Reload::new(files, template).unwrap();
    let text = "PAT = 'hunter2'\nPORT = 81\n[db]\nuser = 'hunter2'\n";
    assert_current(&reload, text);
    write(&one, "PORT = 81\n");
    assert_refused(reload.poll(), "`PAT` is missing: line 1 of the template expects it");
    write(&one, "PAT = 'hunter2'\nPORT = 81\n");
    write(&two, "\n[db]\nuser = ''\n");
    let message =
        format!("`db.user` is blank: the template expects a value ({} line 3)", two.display());
    assert_refused(reload.poll(), &message);
    assert_current(&reload, text);
    fs::remove_file(&two).unwrap();
    let message = "`db.user` is missing: line 4 of the template expects it";
    assert_refused(reload.poll(), message);
    write(&two, "PAT = 'x'\n[db]\nuser = 'x'\n");
    assert!(reload.poll().unwrap().unwrap().changed().eq(["PAT", "db.user"]));
}

/// A host sets and unsets what has changed.
#[test]
fn changes_of_the_environment_follow() {
    let folder = Folder::new();
    let mut reload = start(&folder, "A = 1\nB = 2\n[db]\nuser = 'x'\n");
    let reader = reload.reader();
    let before = reader.get().env().unwrap();
    write(path(&folder), "A = 1\nC = 3\n[db]\nuser = 'y'\n");
    let changes = reload.poll().unwrap().unwrap();
    assert!(changes.added().eq(["C"]) && changes.removed().eq(["B"]));
    assert!(changes.changed().eq(["db.user"]));
    let env = reader.get().env().unwrap();
    let changes = env.changes_since(&before);
    assert!(changes.set().eq(["C"]) && changes.unset().eq(["B"]));
}
