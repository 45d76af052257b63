//! Three shapes of files: what authors write.

use std::fmt::Write;

/// A shape of file, with any number of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Keys at the root, each with a token.
    Plain,
    /// Comments, sections, and values of many kinds.
    Sections,
    /// Service accounts: a private key in one string with escapes, and its fields.
    Accounts,
}

pub(crate) const SHAPES: [Shape; 3] = [Shape::Plain, Shape::Sections, Shape::Accounts];

impl Shape {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Sections => "sections",
            Self::Accounts => "accounts",
        }
    }

    /// Makes a file with its values filled in.
    pub(crate) fn document(self, variables: usize) -> String {
        self.file(variables, |value| format!("\"{value}\""))
    }

    /// Makes the same file with blank strings.
    pub(crate) fn template(self, variables: usize) -> String {
        self.file(variables, |_| "\"\"".to_owned())
    }

    /// Makes a file of about this number of bytes.
    pub(crate) fn of_len(self, len: usize) -> String {
        let one = self.document(1000).len() / 1000;
        let text = self.document(len / one);
        assert!(text.len().abs_diff(len) < len / 10, "{} bytes instead of {len}", text.len());
        text
    }

    fn file(self, variables: usize, string: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        for i in 0..variables {
            match self {
                Self::Plain => plain(&mut text, i, &string),
                Self::Sections => section(&mut text, i, &string),
                Self::Accounts => account(&mut text, i, &string),
            }
            .expect("writing to a String does not fail");
        }
        text
    }
}

type Written = std::fmt::Result;

fn plain(text: &mut String, i: usize, string: impl Fn(&str) -> String) -> Written {
    let token = format!("9f8e7d6c5b4a39281706f5e4d3c2b1a{i:05}");
    writeln!(text, "SERVICE_TOKEN_{i} = {}", string(&token))
}

fn section(text: &mut String, i: usize, string: impl Fn(&str) -> String) -> Written {
    if i.is_multiple_of(8) {
        writeln!(text, "\n# What the service gave us: see its console, page {i}.")?;
    }
    if i > 0 && i.is_multiple_of(12) {
        writeln!(text, "[section_{i}]")?;
    }
    match i % 6 {
        0 => writeln!(text, "token_{i} = {}", string(&format!("sk-live-9f8e7d6c-5b4a-{i:05}"))),
        1 => {
            let url = format!("https://api-{i}.clarifai.com/v2/users/alice/apps/demo");
            writeln!(text, "base_url_{i} = {} # with https://", string(&url))
        }
        2 => writeln!(text, "port_{i} = {}", 8000 + i),
        3 => writeln!(text, "rate_{i} = {i}.5"),
        4 => writeln!(text, "is_on_{i} = true"),
        _ => {
            let dsn = format!("postgres://gateway:pw-{i:05}@db.internal:5432/app?sslmode=require");
            writeln!(text, "dsn_{i} = {}", string(&dsn))
        }
    }
}

fn account(text: &mut String, i: usize, string: impl Fn(&str) -> String) -> Written {
    let project = i / 8;
    match i % 8 {
        0 => {
            writeln!(text, "\n[gcp_{project}]")?;
            writeln!(text, "type = {}", string("service_account"))
        }
        1 => writeln!(text, "project_id = {}", string(&format!("quiet-river-{project:06}"))),
        2 => {
            let id = format!("9f8e7d6c5b4a39281706f5e4d3c2b1a{project:09}");
            writeln!(text, "private_key_id = {}", string(&id))
        }
        3 => {
            let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
            let lines = format!("{line}\\n").repeat(26);
            let key = format!("-----BEGIN PRIVATE KEY-----\\n{lines}-----END PRIVATE KEY-----\\n");
            writeln!(text, "private_key = {}", string(&key))
        }
        4 => {
            let address = format!("gateway@quiet-river-{project:06}.iam.gserviceaccount.com");
            writeln!(text, "client_email = {}", string(&address))
        }
        5 => writeln!(text, "client_id = {}", string(&format!("1048576{project:014}"))),
        6 => {
            let uri = string("https://accounts.google.com/o/oauth2/auth");
            writeln!(text, "auth_uri = {uri}")
        }
        _ => writeln!(text, "token_uri = {}", string("https://oauth2.googleapis.com/token")),
    }
}
