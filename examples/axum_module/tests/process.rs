//! The module as a process: how it starts, what it prints. Each secret has `hunter2` in it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use secrets_toml::Document;
use secrets_toml::handover::SecretsFile;

const SECRETS: &str = "\
CLARIFAI_PAT = 'hunter2-pat'
DB_PASSWORD = 'hunter2-password'
db = { host = 'hunter2.example', user = 'hunter2-user' }
";

fn deliver(text: &str) -> SecretsFile {
    SecretsFile::create_in(std::env::temp_dir(), &Document::parse(text).unwrap()).unwrap()
}

fn module() -> Command {
    let mut module = Command::new(env!("CARGO_BIN_EXE_axum-module"));
    module.env_clear();
    module
}

#[test]
fn neither_pages_nor_log_hold_a_value() {
    let file = deliver(SECRETS);
    let mut module = module();
    module.arg(file.path()).arg("0").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut module = module.spawn().unwrap();
    let mut address = String::new();
    let mut printed = BufReader::new(module.stdout.take().unwrap());
    printed.read_line(&mut address).unwrap();
    drop(file); // the module has read it

    let pages = [
        ("/", "200 OK"),
        ("/?user_id=hunter2-alice&pat=hunter2-alices-pat", "200 OK"),
        ("/?pat=hunter2-bob&base=https://evil.example/hunter2", "400 Bad Request"),
        ("/?pat=hunter2&base=https://api.clarifai.com/%3Chunter2%3E", "500 Internal Server Error"),
        ("/hunter2?pat=hunter2", "404 Not Found"),
    ];
    let pages = pages.map(|(link, status)| (get(&address, link), status));
    // Killing the process closes its pipes.
    module.kill().unwrap();
    let Output { stderr, .. } = module.wait_with_output().unwrap();
    let mut log = String::from_utf8(stderr).unwrap();
    printed.read_to_string(&mut log).unwrap();

    for (page, status) in pages {
        let page = page.unwrap_or_else(|error| panic!("{error}: {address}{log}"));
        assert!(page.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{page}");
        assert!(!page.contains("hunter2"), "{page}");
    }
    assert!(!log.contains("hunter2"), "{log}");
    assert!(log.contains("query parameter `base` is refused"), "{log}");
    assert!(log.contains("API: 200 OK"), "{log}");
}

/// Sends a request and reads all of the response.
fn get(address: &str, link: &str) -> std::io::Result<String> {
    let address = address.trim_end().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(stream, "GET {link} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}

/// Starts a module that must fail, and returns its status and the message after its name.
#[track_caller]
fn fails(file: &Path) -> (Option<i32>, String) {
    let mut module = module();
    module.arg(file).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut module = module.spawn().unwrap();
    let mut address = String::new();
    BufReader::new(module.stdout.take().unwrap()).read_line(&mut address).unwrap();
    if !address.is_empty() {
        module.kill().unwrap();
    }
    let Output { status, stderr, .. } = module.wait_with_output().unwrap();
    assert_eq!(address, "", "it serves");
    let told = String::from_utf8(stderr).unwrap();
    (status.code(), told.replace(&*file.to_string_lossy(), "FILE"))
}

#[test]
fn a_broken_file_ends_the_module_with_the_place() {
    let file = deliver("");
    let broken = [
        (
            "CLARIFAI_PAT = 'hunter2'\nDB_PASSWORD = hunter2\n",
            "FILE: not well-formed\n\
             error: line 2, column 15: a value without quotes\n  \
             = help: put text between quotes: \"…\"\n\n",
        ),
        (
            "DB_PASSWORD = 'hunter2'\n[db]\nhost = 'hunter2'\n",
            "`db.user` is missing: line 4 of the template expects it\n\
             error: `db.user` is missing: line 4 of the template expects it\n  \
             = help: add the line below `[db]`\n\n",
        ),
        (
            "DB_PASSWORD = 5\n[db]\nhost = 'hunter2'\nuser = 'hunter2'\n",
            "line 1, column 15: `DB_PASSWORD`: expected a string, found integer\n",
        ),
        (
            "DB_PASSWORD = 'hunter2'\n'A=B' = 'hunter2'\n[db]\nhost = 'hunter2'\nuser = 'x'\n",
            "`\"A=B\"` cannot be an environment variable: its name holds `=` (FILE line 2)\n",
        ),
    ];
    for (text, told) in broken {
        fs::write(file.path(), text).unwrap();
        let (status, all) = fails(file.path());
        assert_eq!(status, Some(1));
        assert!(all.starts_with(&format!("axum-module: {told}")), "{all}");
    }
    let absent = file.path().with_file_name("absent.toml");
    let told = "axum-module: none of these files exists (make one of them): FILE\n";
    assert_eq!(fails(&absent), (Some(1), told.to_owned()));
}

/// The platform replaces the file while the module runs.
#[test]
fn a_replaced_file_is_read_again() {
    let mut file = deliver(SECRETS);
    let mut module = module();
    module.arg(file.path()).arg("0").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut module = module.spawn().unwrap();
    let mut address = String::new();
    BufReader::new(module.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let new = Document::parse(SECRETS.replace("CLARIFAI_PAT", "CLARIFAI_SESSION_TOKEN")).unwrap();
    file.replace(&new).unwrap();
    // The module logs a change when it has the new secrets.
    let (mut logged, mut log) = (BufReader::new(module.stderr.take().unwrap()), String::new());
    logged.read_line(&mut log).unwrap();
    let page = get(&address, "/").unwrap();
    module.kill().unwrap();
    module.wait().unwrap();
    logged.read_to_string(&mut log).unwrap();
    assert!(page.contains("CLARIFAI_SESSION_TOKEN: secrets.toml line 1"), "{page}{log}");
    assert!(log.contains("removed: [\"CLARIFAI_PAT\"]") && !log.contains("hunter2"), "{log}");
}

#[test]
fn a_wrong_command_line_shows_the_right_one() {
    for arguments in [&[][..], &["file", "port"], &["file", "70000"], &["file", "0", "more"]] {
        let Output { status, stderr, .. } = module().args(arguments).output().unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}");
        assert!(stderr.starts_with(b"usage: axum-module FILE [PORT]\n"), "{arguments:?}");
    }
}
