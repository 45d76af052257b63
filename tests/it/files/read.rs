//! Reading files: absent ones, broken ones, and those that cannot be read.

use secrets_toml::files::{Files, MAX_READ_LEN};
use secrets_toml::{Document, MAX_LEN};

use super::{assert_reads, assert_refused, write};
use crate::folder::Folder;

#[test]
fn files_are_layers_in_their_order() {
    let folder = Folder::new();
    let [a, b, c] = ["a.toml", "b.toml", "c"].map(|name| folder.join(name));
    let files = Files::new().file(&a).file(&b).file(&c);
    write(&a, "\u{FEFF}A = 1\r\n[db]\r\nuser = 'x'\r\n");
    assert_reads(files.read(), "A = 1\n[db]\nuser = 'x'\n");
    // The name does not matter.
    write(&c, "A = 2\nC = 3\n");
    assert_reads(files.read(), "A = 2\nC = 3\n[db]\nuser = 'x'\n");
    write(&b, "");
    assert_reads(files.read(), "A = 2\nC = 3\n[db]\nuser = 'x'\n");
    write(&b, "# nothing\ndb = ''\n");
    let layered = files.read().unwrap();
    assert_eq!(layered.document().expose_text(), "A = 2\ndb = ''\nC = 3\n");
    assert_eq!(layered.origin("db").unwrap().layer(), b.to_str().unwrap());
    assert_eq!(
        layered.env().unwrap().explain().next().unwrap().to_string(),
        format!("A: {} line 1", c.display())
    );
    // The same file twice.
    assert_reads(
        Files::new().file(&a).file(&c).file(&a).read(),
        "A = 1\nC = 3\n[db]\nuser = 'x'\n",
    );
    assert_eq!(
        format!("{:?}", Files::new().file("x").directory("y")),
        "Files([File(\"x\"), Directory(\"y\")])",
    );
}

#[test]
fn no_file_at_all_is_an_error() {
    let folder = Folder::new();
    let [a, b] = ["a.toml", "b.toml"].map(|name| folder.join(name));
    let error = Files::new().file(&a).file(&b).read().unwrap_err();
    assert!(error.path().is_none());
    let expected =
        format!("none of these files exists (make one of them): {}, {}", a.display(), b.display());
    assert_eq!(error.to_string(), expected);
    let error = Files::new().read().unwrap_err();
    assert_eq!(error.to_string(), "no file and no directory is given (add one)");
    // A folder in the path that does not exist.
    let error = Files::new().file(folder.join("x/y.toml")).read().unwrap_err();
    assert!(error.path().is_none(), "{error}");
}

#[test]
fn one_broken_file_fails_all() {
    let folder = Folder::new();
    let [good, bad] = ["good.toml", "bad.toml"].map(|name| folder.join(name));
    write(&good, "A = 'hunter2'\n");
    for (text, error) in [
        (&b"A = 'hunter2\n"[..], "a text without its closing quote"),
        (b"A = hunter2\nB = hunter2\n", ""),
        (b"A = 1\rB = 2\n", ""),
        (b"A = 'hunter2\xFF'\n", "the text is not UTF-8"),
    ] {
        write(&bad, text);
        for files in [Files::new().file(&good).file(&bad), Files::new().file(&bad).file(&good)] {
            let failed = files.read().unwrap_err();
            let errors = failed.parse_error().unwrap().to_string();
            assert!(errors.contains(error) && !errors.contains("hunter2"), "{errors}");
            assert_refused(files.read(), &bad, "not well-formed");
        }
    }
}

#[test]
fn limits() {
    let folder = Folder::new();
    let path = |name: &str| folder.join(name);
    let text = |len| format!("A = '{}'\n", "x".repeat(len - 7));
    write(path("longest"), text(MAX_LEN));
    assert_eq!(
        Files::new().file(path("longest")).read().unwrap().document().expose_text().len(),
        MAX_LEN,
    );
    write(path("longer"), text(MAX_LEN + 1));
    let message = "is longer than 1000000 bytes (is it the right file?)";
    assert_refused(Files::new().file(path("longer")).read(), path("longer"), message);
    // Only its length is looked at.
    let huge = std::fs::File::create(path("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    assert_refused(Files::new().file(path("huge")).read(), path("huge"), message);
    const { assert!(MAX_LEN * 4 == MAX_READ_LEN) };
    let four = (0..4).fold(Files::new(), |files, _| files.file(path("longest")));
    four.read().unwrap();
    write(path("short"), "B = 1\n");
    assert_refused(
        four.file(path("short")).read(),
        path("short"),
        "the files together are longer than 4000000 bytes (remove some)",
    );
    // Here the result is too long.
    write(path("other"), text(MAX_LEN).replace('A', "B"));
    let error = Files::new().file(path("longest")).file(path("other")).read().unwrap_err();
    assert!(error.path().is_none(), "{error}");
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_read() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    let folder = Folder::new();
    let path = |name: &str| folder.join(name);
    let file = |name: &str| Files::new().file(path(name)).read();
    write(path("file"), "A = 1\n");
    std::fs::create_dir(path("x.toml")).unwrap();
    assert_refused(file("x.toml"), path("x.toml"), "is a folder (pass it to `directory`)");
    let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
    assert!(made.unwrap().success());
    let _listener = UnixListener::bind(path("socket")).unwrap();
    symlink("/dev/null", path("null")).unwrap();
    symlink("/dev/zero", path("zero")).unwrap();
    symlink("pipe", path("to pipe")).unwrap();
    for name in ["pipe", "socket", "null", "zero", "to pipe"] {
        let message = "is not a regular file (only files and folders can be read)";
        assert_refused(file(name), path(name), message);
    }
    // Links are followed. One that leads nowhere is an absent file.
    symlink("file", path("link")).unwrap();
    symlink("link", path("link of link")).unwrap();
    assert_reads(file("link of link"), "A = 1\n");
    symlink("absent", path("dangling")).unwrap();
    assert!(file("dangling").unwrap_err().path().is_none());
    symlink("loop", path("loop")).unwrap();
    assert_refused(file("loop"), path("loop"), "cannot be opened");
    // A part of the path is a file.
    assert_refused(
        file("file/secrets.toml"),
        path("file/secrets.toml"),
        "cannot be opened (a part of the path is not a folder)",
    );
    // Characters that would move a terminal's cursor are escaped.
    let odd = "a\n\u{1b}[1m.toml";
    write(path(odd), "A =\n");
    let shown = format!("{}: not well-formed", path("a\\u000A\\u001B[1m.toml").display());
    assert_eq!(file(odd).unwrap_err().to_string(), shown);
}

/// A file system that gives no length in advance.
#[cfg(target_os = "linux")]
#[test]
fn a_file_without_a_length_is_read_whole() {
    let version = Files::new().file("/proc/version").read().unwrap_err();
    assert!(version.parse_error().is_some(), "it was read: {version}");
}

/// The paths of `streamlit.config.get_config_files("secrets.toml")`.
#[test]
fn the_files_of_streamlit() {
    let secrets = |folders: &[&str]| {
        folders.iter().fold(Files::new(), |files, folder| {
            files.file(format!("{folder}/.streamlit/secrets.toml"))
        })
    };
    for (home, working_directory, script, folders) in [
        ("/home/ada", "/srv/app", "app.py", &["/home/ada", "/srv/app"][..]),
        ("/home/ada", "/srv/app", "./app.py", &["/home/ada", "/srv/app"]),
        ("/home/ada", "/srv/app", "/srv/app/app.py", &["/home/ada", "/srv/app"]),
        ("/home/ada", "/srv/app", "sub/../app.py", &["/home/ada", "/srv/app"]),
        ("/home/ada", "/srv/app", "sub/app.py", &["/home/ada", "/srv/app", "/srv/app/sub"]),
        ("/home/ada", "/srv/app", "../app.py", &["/home/ada", "/srv/app", "/srv"]),
        ("/home/ada", "/srv/app", "../../../../app.py", &["/home/ada", "/srv/app", "/"]),
        ("/home/ada", "/srv/app", "/home/ada/app.py", &["/home/ada", "/srv/app"]),
        ("/home/ada", "/home/ada", "app.py", &["/home/ada", "/home/ada"]),
        ("/home/ada", "/srv/app", "/opt/x/app.py", &["/home/ada", "/srv/app", "/opt/x"]),
    ] {
        let files = Files::streamlit(home, working_directory, script);
        assert_eq!(files, secrets(folders), "{script} in {working_directory}");
    }
    let folder = Folder::new();
    let [home, project] = ["home", "project"].map(|name| folder.join(name));
    write(home.join(".streamlit/secrets.toml"), "A = 'home'\nB = 1\n");
    write(project.join(".streamlit/secrets.toml"), "A = 'project'\nC = 1\n");
    write(project.join("pages/.streamlit/secrets.toml"), "C = 'script'\n");
    let files = Files::streamlit(&home, &project, "pages/start.py");
    assert_reads(files.read(), "A = 'project'\nB = 1\nC = 'script'\n");
}

/// The document of one read is not that of another: nothing is kept between two.
#[test]
fn each_read_is_of_its_time() {
    let folder = Folder::new();
    let files = Files::new().file(folder.join("a.toml"));
    for text in ["A = 1\n", "A = 2\n", "B = 1\n"] {
        write(folder.join("a.toml"), text);
        assert_reads(files.read(), Document::parse(text).unwrap().expose_text());
    }
}
