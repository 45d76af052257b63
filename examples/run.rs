//! Runs a command under the variables of a file of secrets.
//!
//! `cargo run --example run -- FILE -- COMMAND [ARGUMENT…]`
//!
//! The exit status is the command's; 2 if the command line is wrong, 1 if the file will not do,
//! 126 if the command cannot be started, 128 and the signal's number if one ended it.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::process::{Command, ExitCode, ExitStatus};

use secrets_toml::{Document, Env};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [file, separator, command, rest @ ..] = arguments.as_slice() else { return usage() };
    if separator != "--" {
        return usage();
    }
    let env = match read(file) {
        Ok(env) => env,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match Command::new(command).args(rest).envs(&env).status() {
        Ok(status) => ExitCode::from(code(status)),
        Err(error) => {
            eprintln!("cannot run {}: {error}", command.to_string_lossy());
            ExitCode::from(126)
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: run FILE -- COMMAND [ARGUMENT…]");
    ExitCode::from(2)
}

fn read(file: &OsString) -> Result<Env, Box<dyn Error>> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.to_string_lossy()))?;
    let secrets = Document::from_utf8(bytes)?.validate()?;
    Ok(secrets.env()?)
}

#[cfg(unix)]
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;

    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}

#[cfg(not(unix))]
fn code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
