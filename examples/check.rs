//! Checks a file of secrets, against a template if there is one.
//!
//! `cargo run --example check -- FILE [TEMPLATE]`
//!
//! Exit status: 0 if the file is accepted (warnings are printed), 1 if it is rejected or cannot be
//! read, 2 if the command line is wrong.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::process::ExitCode;

use secrets_toml::{Document, Template};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (file, template) = match arguments.as_slice() {
        [file] => (file, None),
        [file, template] => (file, Some(template)),
        _ => {
            eprintln!("usage: check FILE [TEMPLATE]");
            return ExitCode::from(2);
        }
    };
    match check(file, template) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", with_newline(error.to_string()));
            ExitCode::FAILURE
        }
    }
}

fn check(file: &OsString, template: Option<&OsString>) -> Result<(), Box<dyn Error>> {
    let document = Document::from_utf8(read(file)?)?;
    let secrets = match template {
        Some(template) => {
            let template = Document::from_utf8(read(template)?)?;
            Template::parse(template.expose_text())?.validate(document)?
        }
        None => document.validate()?,
    };
    for warning in secrets.warnings() {
        println!("warning: {warning}\n  help: {}", warning.help());
    }
    println!("accepted; {} environment variables", secrets.env()?.len());
    Ok(())
}

fn read(file: &OsString) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{}: {error}", file.to_string_lossy()))
}

/// Ends a message with a newline. Reports of several lines have one already.
fn with_newline(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
