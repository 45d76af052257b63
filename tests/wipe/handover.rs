//! Delivering a document in a file: the document's own buffer is written to the disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Once;

use secrets_toml::Document;
use secrets_toml::handover::SecretsFile;

use crate::folder::Folder;
use crate::probe;

const TEXT: &str = "TOKEN = 'CANARYdelivered'\nESCAPED = \"CANARYdelivered\\u0041\"\n";

fn document() -> Document {
    Document::parse(TEXT).unwrap()
}

/// Runs a step, drops its result, and checks that no freed block holds a secret.
#[track_caller]
fn assert_wiped<T>(run: impl FnOnce(&Folder) -> T) {
    watch();
    let folder = parent();
    let report = probe::during(|| drop(run(&folder))).1;
    assert_eq!(report.hits, 0, "{report:?}");
}

fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| probe::watch([b"CANARYdelivered".to_vec()]));
}

/// Makes a folder that others cannot write to. The mode does not depend on the umask.
fn parent() -> Folder {
    let folder = Folder::new();
    fs::set_permissions(folder.join(""), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn create(folder: &Folder) -> SecretsFile {
    SecretsFile::create_in(folder.join(""), &document()).unwrap()
}

#[test]
fn the_probe_is_alive() {
    watch();
    let folder = parent();
    let file = create(&folder);
    let hits = probe::during(|| drop(fs::read(file.path()).unwrap())).1.hits;
    assert!(hits > 0, "the buffer of a reader of the file");
}

#[test]
fn creating_replacing_and_removing() {
    assert_wiped(create);
    assert_wiped(|folder| {
        let mut file = create(folder);
        file.replace(&document()).unwrap();
        file.replace(&document()).unwrap();
        (format!("{file:?}"), file.env().len(), file)
    });
    assert_wiped(|folder| create(folder).keep());
    assert_wiped(|folder| {
        drop(create(folder));
        SecretsFile::sweep(folder.join("")).unwrap()
    });
}

#[test]
fn sweeping_an_abandoned_file() {
    assert_wiped(|folder| {
        let path = create(folder).keep();
        fs::write(path.with_file_name("lock"), "").unwrap();
        assert_eq!(SecretsFile::sweep(folder.join("")).unwrap(), 1);
    });
}

#[test]
fn errors() {
    assert_wiped(|folder| SecretsFile::create_in(folder.join("absent"), &document()).unwrap_err());
    assert_wiped(|folder| {
        let mut file = create(folder);
        fs::create_dir(file.path().with_file_name("secrets.toml.next")).unwrap();
        let existing = file.replace(&document()).unwrap_err();
        fs::remove_dir(file.path().with_file_name("secrets.toml.next")).unwrap();
        fs::remove_file(file.path()).unwrap();
        fs::create_dir(file.path()).unwrap();
        let renamed = file.replace(&document()).unwrap_err();
        fs::remove_dir(file.path()).unwrap();
        (format!("{existing} {existing:?} {renamed} {renamed:?}"), file)
    });
}
