//! Secret directories: folders of files, as Kubernetes mounts them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use secrets_toml::MAX_LEN;
use secrets_toml::files::{Files, MAX_ENTRIES};

use super::{assert_reads, assert_refused, write};
use crate::folder::Folder;

fn directory(folder: &Folder) -> Files {
    Files::new().directory(folder.join("d"))
}

/// Checks the document of a directory with these files. A path that ends with `/` is a folder.
#[track_caller]
fn assert_directory(files: &[(&str, &str)], expected: &str) {
    let folder = Folder::new();
    fs::create_dir(folder.join("d")).unwrap();
    for (path, text) in files {
        let path = folder.join("d").join(path);
        if path.as_os_str().as_bytes().ends_with(b"/") {
            fs::create_dir_all(path).unwrap();
        } else {
            write(path, text);
        }
    }
    assert_reads(directory(&folder).read(), expected);
}

#[test]
fn folders_are_strings_and_tables() {
    for (files, expected) in [
        (&[][..], ""),
        (&[("a/", "")], "[a]\n"),
        (&[("a/x", "")], "a = \"\"\n"),
        (&[("key/file", "hunter2\n")], "key = \"hunter2\"\n"),
        (&[("db/user", "ada\n"), ("db/password", "x")], "[db]\npassword = \"x\"\nuser = \"ada\"\n"),
        // Sorted by name, whatever the folder's order is. Values come before tables.
        (
            &[("c/x", "1"), ("a/x", "2"), ("B/y", "3"), ("B/x", "4"), ("b/x", "5")],
            "a = \"2\"\nb = \"5\"\nc = \"1\"\n[B]\nx = \"4\"\ny = \"3\"\n",
        ),
        // Nothing is parsed.
        (
            &[("a/x", "1\n"), ("b/x", "true"), ("c/x", "[x]")],
            "a = \"1\"\nb = \"true\"\nc = \"[x]\"\n",
        ),
        // Folders in a folder are ignored, also when files are counted.
        (&[("a/x", "1"), ("a/y/z", "2")], "a = \"1\"\n"),
        (&[("a/y/z", "2")], "[a]\n"),
        // Names that begin with a dot are ignored, also when files are counted.
        (&[("a/x", "1"), ("a/.y", "2"), (".b/x", "3"), (".c", "4"), ("..d/x", "")], "a = \"1\"\n"),
        // A file is read as Python does: universal newlines, no white space at both ends.
        (&[("a/x", " \r\nx\r\ny\rz \u{1F}\u{3000}\n")], "a = \"x\\ny\\nz\"\n"),
        (&[("a/x", "\u{FEFF}x")], "a = \"\u{FEFF}x\"\n"),
        (
            &[("a/x", "a\\b"), ("b/x", "it's \"it\""), ("c/x", "\"\"")],
            "a = 'a\\b'\nb = \"it's \\\"it\\\"\"\nc = '\"\"'\n",
        ),
        (&[("a/x", "\0")], "a = \"\\u0000\"\n"),
        // Any name is a key.
        (
            &[
                ("a b/x", "1"),
                ("a.b/x", "2"),
                ("a\nb/x", "3"),
                ("é/x", "4"),
                ("a=b/it's", "5"),
                ("a=b/\"", "6"),
                ("\\/x", "7"),
            ],
            "\"\\\\\" = \"7\"\n\"a\\nb\" = \"3\"\n\"a b\" = \"1\"\n\"a.b\" = \"2\"\n\"é\" = \"4\"\n\
             [\"a=b\"]\n'\"' = \"6\"\n\"it's\" = \"5\"\n",
        ),
        (&[("x.toml/a", "1")], "\"x.toml\" = \"1\"\n"),
    ] {
        assert_directory(files, expected);
    }
}

#[test]
fn the_origin_is_the_folder() {
    let folder = Folder::new();
    let d = folder.join("d");
    write(d.join("db/user"), "ada");
    write(d.join("db/password"), "hunter2");
    write(d.join("key/x"), "hunter2");
    write(d.join("a=b/x"), "hunter2");
    write(folder.join("f"), "\nkey = ''\n");
    let layered = Files::new().file(folder.join("f")).directory(&d).read().unwrap();
    let origin = layered.origin("db.user").unwrap();
    assert_eq!((origin.layer(), origin.line()), (d.join("db").to_str().unwrap(), None));
    assert_eq!(layered.origin("key").unwrap().to_string(), d.join("key").to_str().unwrap());
    let replaced: Vec<_> = layered.replaced("key").map(|origin| origin.to_string()).collect();
    assert_eq!(replaced, [format!("{} line 2", folder.join("f").display())]);
    let error = layered.env().unwrap_err();
    let path = d.join("a=b");
    assert_eq!(
        error.to_string(),
        format!(
            "{}: `\"a=b\"` cannot be an environment variable: its name holds `=`",
            path.display()
        ),
    );
    fs::remove_dir_all(path).unwrap();
    let env = directory(&folder).read().unwrap().env().unwrap();
    let log: Vec<_> = env.explain().map(|explanation| explanation.to_string()).collect();
    assert_eq!(log, [format!("key: {}", d.join("key").display())]);
}

#[test]
fn what_is_refused() {
    let folder = Folder::new();
    let d = folder.join("d");
    let read = || directory(&folder).read();
    assert_refused(read(), &d, "cannot be opened (it does not exist: mount it first)");
    write(&d, "");
    assert_refused(read(), &d, "is not a folder (pass a file to `file`)");
    fs::remove_file(&d).unwrap();

    write(d.join("file"), "hunter2");
    let message = "is not a folder (put each secret into a folder of its own)";
    assert_refused(read(), d.join("file"), message);
    fs::remove_file(d.join("file")).unwrap();
    symlink("/dev/null", d.join("null")).unwrap();
    assert_refused(read(), d.join("null"), message);
    fs::remove_file(d.join("null")).unwrap();
    symlink("nowhere", d.join("link")).unwrap();
    let absent = "cannot be opened (it does not exist: mount it first)";
    assert_refused(read(), d.join("link"), absent);
    fs::remove_file(d.join("link")).unwrap();

    write(d.join("a/good"), "hunter2");
    symlink("nowhere", d.join("a/link")).unwrap();
    assert_refused(read(), d.join("a/link"), absent);
    fs::remove_file(d.join("a/link")).unwrap();
    symlink("loop", d.join("a/loop")).unwrap();
    assert_refused(read(), d.join("a/loop"), "cannot be opened");
    fs::remove_file(d.join("a/loop")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(d.join("a/pipe")).status();
    assert!(made.unwrap().success());
    let message = "is not a regular file (only files and folders can be read)";
    assert_refused(read(), d.join("a/pipe"), message);
    fs::remove_file(d.join("a/pipe")).unwrap();
    write(d.join("a/binary"), b"hunter2\xFF");
    assert_refused(read(), d.join("a/binary"), "the text is not UTF-8 (save it as UTF-8)");
    write(d.join("a/binary"), vec![b'x'; MAX_LEN + 1]);
    assert_refused(
        read(),
        d.join("a/binary"),
        "is longer than 1000000 bytes (is it the right file?)",
    );
    // A document has no room for the key.
    write(d.join("a/binary"), vec![b'x'; MAX_LEN]);
    assert_refused(read(), d.join("a"), "is longer than 1000000 bytes (is it the right file?)");
    fs::remove_file(d.join("a/binary")).unwrap();

    for (place, folder) in [("a", "a/\u{FFFD}"), ("", "\u{FFFD}/x")] {
        let odd = d.join(place).join(OsStr::from_bytes(b"\xFF"));
        let path = if place.is_empty() { odd.join("x") } else { odd.clone() };
        write(path, "hunter2");
        let error = read().unwrap_err();
        assert_eq!(error.path(), Some(&*odd));
        let shown = d.join(folder.trim_end_matches("/x")).display().to_string();
        assert_eq!(error.to_string(), format!("{shown}: the name is not UTF-8 (rename it)"));
        if place.is_empty() { fs::remove_dir_all(odd) } else { fs::remove_file(odd) }.unwrap();
    }
    // A folder whose name is not UTF-8 is ignored inside a secret's folder, as every folder is.
    fs::create_dir(d.join("a").join(OsStr::from_bytes(b"\xFF"))).unwrap();
    assert_reads(read(), "a = \"hunter2\"\n");
}

/// A million files are not listed to the end.
#[test]
fn a_folder_with_many_entries_is_refused() {
    let folder = Folder::new();
    let a = folder.join("d/a");
    fs::create_dir_all(&a).unwrap();
    // One entry is the folder itself. Hidden names count, too.
    for i in 0..MAX_ENTRIES - 1 {
        fs::create_dir(a.join(format!(".{i}"))).unwrap();
    }
    assert_reads(directory(&folder).read(), "[a]\n");
    fs::create_dir(a.join("one more")).unwrap();
    let message = "has too many entries: at most 10000 are read (is it the right folder?)";
    assert_refused(directory(&folder).read(), a, message);
}

#[test]
fn links_are_followed() {
    let folder = Folder::new();
    write(folder.join("elsewhere/x"), "hunter2");
    write(folder.join("file"), "hunter3");
    fs::create_dir_all(folder.join("d/a")).unwrap();
    symlink("../elsewhere", folder.join("d/b")).unwrap();
    symlink("../../file", folder.join("d/a/x")).unwrap();
    symlink("../../elsewhere", folder.join("d/a/folder")).unwrap();
    assert_reads(directory(&folder).read(), "a = \"hunter3\"\nb = \"hunter2\"\n");
    symlink("d", folder.join("link")).unwrap();
    let files = Files::new().directory(folder.join("link"));
    assert_reads(files.read(), "a = \"hunter3\"\nb = \"hunter2\"\n");
}

/// A module that has no permission gets an error, not the rest.
#[test]
fn without_permission_nothing_is_read() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let d = folder.join("d");
    write(d.join("a/x"), "hunter2");
    write(d.join("b/x"), "hunter2");
    fs::create_dir(d.join("a/listed by nobody")).unwrap();
    let set =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&d.join("a/listed by nobody"), 0o000);
    assert_reads(directory(&folder).read(), "a = \"hunter2\"\nb = \"hunter2\"\n");
    set(&d.join("b/x"), 0o000);
    if fs::File::open(d.join("b/x")).is_ok() {
        return println!("skipped: root reads everything");
    }
    let message = "cannot be opened (this user has no permission: give it)";
    assert_refused(directory(&folder).read(), d.join("b/x"), message);
}
