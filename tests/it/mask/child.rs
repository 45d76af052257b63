//! Real children of the example `run`. Build it first:
//! `cargo build --example run --features handover,mask`.

use std::io::{BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::folder::Folder;

const TEXT: &str = r#"
TOKEN = "hunter2-it's \"mine\" & ü/yours"
LINES = "first line of it\nsecond line of it\n"
ACCOUNT = '{"id": "account-of-ada", "private_key": "-----BEGIN KEY-----\nMIIEvgIBADAN\n"}'
"#;

/// Prints the token in each spelling that Python has, with a mark behind each.
const SPELLINGS: &str = r#"
import base64, json, os, re, shlex
from urllib.parse import quote, quote_plus
token, lines, account = os.environ["TOKEN"], os.environ["LINES"], os.environ["ACCOUNT"]
texts = [token, json.dumps(token), json.dumps(token, ensure_ascii=False), json.dumps(token).replace("/", "\\/")]
texts += [quote(token), quote(token, safe=""), quote_plus(token), quote(token, safe="!*'()"), repr(token)]
texts += [re.sub("%..", lambda escape: escape[0].lower(), quote_plus(token))]
texts += [token.encode().hex(), token.encode().hex().upper(), shlex.quote(token), "'" + token.replace("'", "'\\''") + "'"]
texts += [base64.b64encode((b"x" * before) + token.encode()).decode() for before in range(3)]
texts += [base64.urlsafe_b64encode((b"x" * before) + token.encode()).decode() for before in range(3)]
texts += [lines, lines.replace("\n", "\r\n"), repr(lines), lines.splitlines()[1]]
texts += [account, json.dumps(account), json.loads(account)["id"], json.loads(account)["private_key"]]
def parts():
    for text in texts:
        yield text + "|\n"
"#;

/// Pieces of all spellings that must not be in the output.
const PIECES: [&str; 14] = [
    "hunter2",
    "mine",
    "yours",
    "irst line",
    "econd line",
    "ccount-of",
    "MIIEvg",
    "aHVudGVy",
    "h1bnRlcj",
    "odW50ZXIy",
    "68756e746572",
    "aXQncy",
    "it's",
    "BADAN",
];

/// Starts a Python program below `run`.
fn run(folder: &Folder, program: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let example: PathBuf = test.ancestors().nth(2).unwrap().join("examples/run");
    assert!(example.exists(), "{} is not built", example.display());
    let file = folder.join("secrets.toml");
    std::fs::write(&file, TEXT).unwrap();
    let mut command = Command::new(example);
    command.arg(file).args(["--", "python3", "-u", "-c"]).arg(format!("{SPELLINGS}\n{program}"));
    command
}

/// Checks both streams: nothing of a value, and each mark.
#[track_caller]
fn check(output: &Output, marks: usize) {
    let [out, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    for text in [&out, &errors] {
        let found = PIECES.iter().find(|piece| text.contains(**piece));
        assert_eq!(found, None, "{text}");
    }
    assert_eq!(out.matches('|').count() + errors.matches('|').count(), marks, "{out}{errors}");
}

/// Runs a program to its end.
#[track_caller]
fn check_program(program: &str, marks: usize) -> Output {
    let output = run(&Folder::new(), program).output().unwrap();
    check(&output, marks);
    output
}

const COUNT: usize = 28;

#[test]
#[ignore = "needs the example"]
fn each_spelling_is_masked_on_both_streams() {
    check_program("for part in parts(): os.write(1, part.encode())", COUNT);
    check_program("for part in parts(): os.write(2, part.encode())", COUNT);
    check_program(
        "for part in parts(): os.write(1, part.encode()); os.write(2, part.encode())",
        2 * COUNT,
    );
}

#[test]
#[ignore = "needs the example"]
fn byte_by_byte_and_with_sleeps() {
    check_program(
        "for part in parts():\n for byte in part.encode(): os.write(1, bytes([byte]))",
        COUNT,
    );
    let sleeps = "import time\nfor part in parts():\n half = len(part) // 2\n os.write(1, part[:half].encode())\n time.sleep(0.2)\n os.write(1, part[half:].encode())";
    check_program(sleeps, COUNT);
}

#[test]
#[ignore = "needs the example"]
fn without_a_newline_at_the_end() {
    for text in [
        "token",
        "json.dumps(token)",
        "token[:9]",
        "token.encode().hex()[:20]",
        "quote_plus(token)[:-1]",
    ] {
        check_program(&format!("os.write(1, b'|' + ({text}).encode())"), 1);
    }
}

#[test]
#[ignore = "needs the example"]
fn killed_in_the_middle() {
    for len in [7, 12, 20] {
        let program = format!(
            "import signal\nos.write(1, b'|' + token[:{len}].encode())\nos.kill(os.getpid(), signal.SIGKILL)"
        );
        let output = check_program(&program, 1);
        assert_eq!(output.status.code(), Some(128 + 9));
        assert_eq!(output.stdout, b"|***");
    }
}

/// The module waits for an answer. The prompt is timed three times, since the machine may be busy.
#[test]
#[ignore = "needs the example"]
fn a_prompt_without_a_newline_appears_within_50_milliseconds() {
    let folder = Folder::new();
    // The time is that of the module's own clock when it has written.
    let program = "import sys, time\nfor line in sys.stdin:\n at = time.clock_gettime(time.CLOCK_REALTIME)\n os.write(1, (token + ' ' + str(at) + '\\n> ').encode())";
    let mut child =
        run(&folder, program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut output = BufReader::new(output);
    let mut took = Vec::new();
    for _ in 0..3 {
        sleep(Duration::from_millis(100));
        let started = Instant::now();
        input.write_all(b"go on\n").unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"> ") {
            let mut byte = [0];
            output.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
        took.push(started.elapsed());
        assert!(seen.starts_with(b"*** "), "{}", String::from_utf8_lossy(&seen));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    let least = took.iter().min().unwrap();
    assert!(*least < Duration::from_millis(50), "{took:?}");
}
