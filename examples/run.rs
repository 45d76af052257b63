//! Runs a module's command with a file of secrets.
//!
//! `cargo run --example run --features handover,mask -- [--raw] [--streamlit] FILE [--query QUERY] -- COMMAND [ARGUMENT…]`
//!
//! The command gets `PATH`, `HOME` and a few more of the launcher's variables, and no others. It gets
//! the secrets
//!
//! - as environment variables; or
//! - with `--streamlit`, as a delivered file, which `streamlit run` reads instead of the checkout's own.
//!   The environment then holds no secrets. The file is removed when the command ends. If this program
//!   is killed, the command keeps running, and the next run removes the file.
//!
//! `--query` is the query of a visitor's link. It overrides the variables that `Overrides::clarifai`
//! allows.
//!
//! The values are masked in what the command prints: each of its two streams is read as it comes, and
//! written at once but for bytes with which a value may begin. The command sees pipes and no terminal.
//! With `--raw` it gets this program's own streams, and nothing is masked.
//!
//! Exit status: the command's; 128 plus the signal's number if a signal ended it; 126 if it cannot be
//! started; 1 if the file or the query is rejected; 2 if the command line is wrong.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;

use secrets_toml::handover::SecretsFile;
use secrets_toml::mask::{Masker, MaskingWriter};
use secrets_toml::{Document, Overrides};

/// The variables of the launcher that a module gets. Add here what your modules need.
const PASSED_ON: [&str; 6] = ["HOME", "LANG", "PATH", "TERM", "TMPDIR", "TZ"];

/// The parsed command line.
struct Call<'a> {
    raw: bool,
    streamlit: bool,
    file: &'a OsString,
    query: &'a str,
    command: &'a OsString,
    arguments: &'a [OsString],
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(call) = Call::read(&arguments) else {
        eprintln!("usage: run [--raw] [--streamlit] FILE [--query QUERY] -- COMMAND [ARGUMENT…]");
        return ExitCode::from(2);
    };
    match run(&call) {
        Ok(Ok(status)) => ExitCode::from(code(status)),
        Ok(Err(error)) => {
            eprintln!("cannot run {}: {error}", call.command.to_string_lossy());
            ExitCode::from(126)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

impl<'a> Call<'a> {
    fn read(arguments: &'a [OsString]) -> Option<Self> {
        let (raw, arguments) = match arguments {
            [first, rest @ ..] if first == "--raw" => (true, rest),
            all => (false, all),
        };
        let (streamlit, arguments) = match arguments {
            [first, rest @ ..] if first == "--streamlit" => (true, rest),
            all => (false, all),
        };
        let (file, query, rest) = match arguments {
            [file, option, query, rest @ ..] if option == "--query" => {
                (file, query.to_str()?, rest)
            }
            [file, rest @ ..] => (file, "", rest),
            [] => return None,
        };
        match rest {
            [separator, command, arguments @ ..] if separator == "--" => {
                Some(Self { raw, streamlit, file, query, command, arguments })
            }
            _ => None,
        }
    }
}

/// Runs the command. The outer error is about the secrets, the inner one about starting the command.
fn run(call: &Call<'_>) -> Result<io::Result<ExitStatus>, Box<dyn Error>> {
    let bytes =
        fs::read(call.file).map_err(|error| format!("{}: {error}", call.file.to_string_lossy()))?;
    let secrets = Document::from_utf8(bytes)?.validate()?;
    let env = secrets.env()?.override_with(&Overrides::clarifai(), call.query)?;

    let mut command = Command::new(call.command);
    command.args(call.arguments).env_clear();
    command.envs(PASSED_ON.iter().filter_map(|&name| Some((name, std::env::var_os(name)?))));
    // The delivered document has the values of the visitor's link: they are masked, too.
    let delivered = secrets.for_streamlit(&env)?;
    let masker = (!call.raw).then(|| Masker::new(&[&secrets, &delivered])).transpose()?;
    if !call.streamlit {
        return Ok(status(command.envs(&env), masker.as_ref()));
    }
    // A real service uses a folder in memory that only it can write to, such as /run/modules.
    let folder = std::env::temp_dir();
    SecretsFile::sweep(&folder)?;
    let file = SecretsFile::create_in(&folder, &delivered)?;
    Ok(status(command.envs(file.env()), masker.as_ref()))
}

/// Runs a command until it has ended and closed its streams.
fn status(command: &mut Command, masker: Option<&Masker>) -> io::Result<ExitStatus> {
    let Some(masker) = masker else { return command.status() };
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        scope.spawn(|| output.map(|output| copy(output, masker.writer(io::stdout()))));
        scope.spawn(|| errors.map(|errors| copy(errors, masker.writer(io::stderr()))));
    });
    child.wait()
}

/// Copies a stream, in step: each piece is written before the next one is read.
fn copy(mut from: impl Read, mut to: MaskingWriter<impl Write>) -> io::Result<()> {
    let mut buffer = zeroize::Zeroizing::new([0; 16 * 1024]);
    loop {
        match from.read(&mut *buffer) {
            Ok(0) => return to.finish().map(drop),
            Ok(len) => {
                to.write_all(&buffer[..len])?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn code(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(1)
}
