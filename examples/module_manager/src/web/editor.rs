//! The text area with each finding beside its line, and the texts of outdated forms.

use maud::{Markup, PreEscaped, html};
use secrets_toml::seal::Revision;
use secrets_toml::{Document, Finding, Invalid, ParseError, Severity, Template};
use zeroize::Zeroizing;

/// A text and its findings.
pub(super) struct Editor {
    text: Zeroizing<String>,
    notes: Vec<Note>,
    /// The number of errors that are not listed.
    omitted: usize,
}

/// A finding, or an error of syntax.
pub(super) struct Note {
    /// The line; `None` if the text lacks the variable.
    line: Option<usize>,
    severity: Severity,
    message: String,
    help: String,
}

impl Note {
    fn of(finding: Finding<'_>) -> Self {
        let message = finding.message();
        Self {
            line: finding.line(),
            severity: finding.severity(),
            // The list says "Missing" in place of a line.
            message: match message.split_once(" is missing: ") {
                Some((path, why)) if finding.line().is_none() => {
                    format!("{path}. {}", capital(why))
                }
                _ => message,
            },
            help: finding.help().into_owned(),
        }
    }

    /// An item of a list, with a link to the line of the text.
    pub(super) fn item(&self) -> Markup {
        html! {
            li class=(self.severity) {
                @match self.line {
                    Some(line) => a href={ "#line-" (line) } { "Line " (line) },
                    None => span { "Missing" },
                }
                ": " (self.text())
            }
        }
    }

    /// An item of a list of findings about a template.
    pub(super) fn of_template(finding: Finding<'_>) -> Markup {
        let note = Self::of(finding);
        html! {
            li {
                @if let Some(line) = note.line { "Line " (line) ": " }
                (note.text())
            }
        }
    }

    /// An item of a list on a page that does not show the text.
    pub(super) fn without_line(&self) -> Markup {
        html! { li class=(self.severity) { (self.text()) } }
    }

    fn text(&self) -> Markup {
        html! { (code(&self.message)) ". " span .help { (code(&capital(&self.help))) "." } }
    }
}

impl Editor {
    /// Shows a text without findings.
    pub(super) fn of(text: &str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), notes: Vec::new(), omitted: 0 }
    }

    /// Shows a text that is not valid TOML.
    pub(super) fn syntax(text: &str, error: &ParseError) -> Self {
        let notes = error.errors().iter().map(|error| Note {
            line: Some(error.line()),
            severity: Severity::Error,
            message: match error.path() {
                Some(path) => format!("{}: `{path}`", error.message()),
                None => error.message().to_owned(),
            },
            help: error.hint().unwrap_or("correct the line").to_owned(),
        });
        Self { notes: notes.collect(), omitted: error.omitted(), ..Self::of(text) }
    }

    /// Shows a text that validation rejected.
    pub(super) fn invalid(text: &str, invalid: &Invalid) -> Self {
        Self { notes: invalid.findings().map(Note::of).collect(), ..Self::of(text) }
    }

    /// Explains markers to somebody who sees them for the first time. `kept` names what a marker
    /// keeps.
    pub(super) fn help(&self, kept: &str) -> Markup {
        html! {
            "Leave " code { "\"<unchanged>\"" } " to keep " (kept) ", or replace it with a new value: "
            "text in quotes, numbers without. Delete a line to remove its variable. A required "
            "variable cannot be an empty " code { "\"\"" } "."
            @if is_numbered(&self.text) {
                " A marker with a number, such as " code { "\"<unchanged 3>\"" } ", belongs to its "
                "block, the lines below a " code { "[[header]]" } ". Move, copy or delete a block "
                "together with its markers."
            }
        }
    }

    /// Counts the errors; warnings are not counted.
    pub(super) fn errors(&self) -> usize {
        self.of_severity(Severity::Error).count() + self.omitted
    }

    fn of_severity(&self, severity: Severity) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(move |note| note.severity == severity)
    }

    /// Lists all findings, at the top of a page that reports a rejected text.
    pub(super) fn summary(&self) -> Markup {
        let warnings = self.of_severity(Severity::Warning).count();
        html! {
            @if !self.notes.is_empty() {
                div #problems .problems role="alert" tabindex="-1" autofocus {
                    h2 {
                        "Not stored. Fix "
                        @match self.errors() { 1 => "1 problem", n => { (n) " problems" } }
                    }
                    ul { @for note in self.of_severity(Severity::Error) { (note.item()) } }
                    @if self.omitted > 0 { p { "And " (self.omitted) " more." } }
                    @if warnings > 0 {
                        h3 { @match warnings { 1 => "1 warning", n => { (n) " warnings" } } }
                        ul { @for note in self.of_severity(Severity::Warning) { (note.item()) } }
                    }
                }
            }
        }
    }

    /// Renders the text area with line numbers.
    pub(super) fn area(&self) -> Markup {
        let lines = self.text.split('\n').count();
        let noted = !self.notes.is_empty();
        let mut at: Vec<Vec<&Note>> = vec![Vec::new(); lines + 1];
        for note in &self.notes {
            if let Some(at) = note.line.and_then(|line| at.get_mut(line)) {
                at.push(note);
            }
        }
        let worst = |line: usize| at[line].iter().map(|note| note.severity).max();
        let rooms = rooms(&at);
        html! {
            div .editor .noted[noted] {
                div .lines aria-hidden="true" {
                    @for line in 1..=lines {
                        div #{ "line-" (line) } class=[worst(line)] { (line) }
                    }
                }
                textarea #text name="text" rows=(lines + 2) wrap="off" spellcheck="false"
                    autocomplete="off" autocapitalize="off"
                    aria-describedby={ "text-help" @if noted { " problems" } }
                    aria-invalid=[noted.then_some("true")] {
                    // Browsers drop a line feed directly after the tag.
                    (PreEscaped("\n")) (*self.text)
                }
                @if noted {
                    div .notes {
                        @for line in 1..=lines {
                            div class=[rooms[line].map(|room| format!("room-{room}"))] {
                                @for note in &at[line] {
                                    span class=(note.severity) title=(note.help) {
                                        span .sr { "Line " (line) ": " } (code(&note.message))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The most lines that the notes of one line may cover.
const MAX_ROOM: usize = 6;

/// Returns for each line with notes how many lines they may cover: its own, and those below it that
/// have none.
fn rooms(at: &[Vec<&Note>]) -> Vec<Option<usize>> {
    let mut next = at.len() + MAX_ROOM;
    let mut rooms = vec![None; at.len()];
    for (line, _) in at.iter().enumerate().rev().filter(|(_, notes)| !notes.is_empty()) {
        rooms[line] = Some((next - line).min(MAX_ROOM));
        next = line;
    }
    rooms
}

/// The start of a marker with a number.
const NUMBERED: &str = "<unchanged ";

/// Returns `true` if a text may have a marker with a number.
pub(super) fn is_numbered(text: &str) -> bool {
    text.contains(NUMBERED)
}

/// Prepares a text that was typed into an outdated form, for copying into the new form.
///
/// Its markers with numbers get " of revision 7" appended: the new form counts differently, so a
/// copied marker must be rejected and not keep another value.
pub(super) fn outdated(text: &str, read: Revision) -> Zeroizing<String> {
    let of = format!(" of revision {read}");
    let most = text.len() + text.matches(NUMBERED).count() * of.len();
    let mut copy = Zeroizing::new(String::with_capacity(most));
    let mut rest = text;
    while let Some(start) = rest.find(NUMBERED) {
        let (before, after) = rest.split_at(start + NUMBERED.len());
        let (number, behind) = after.split_at(after.bytes().take_while(u8::is_ascii_digit).count());
        copy.push_str(before);
        copy.push_str(number);
        if !number.is_empty() && behind.starts_with('>') {
            copy.push_str(&of);
        }
        rest = behind;
    }
    copy.push_str(rest);
    copy
}

/// Renders the texts that were typed into outdated forms, the latest first. The new form sends them
/// again, so that they are still shown if it is rejected.
pub(super) fn typed(texts: &[Zeroizing<String>]) -> Markup {
    html! {
        @for (i, text) in texts.iter().enumerate() {
            label for={ "typed-" (i) } {
                @if i == 0 { "What you typed" } @else { "What you typed before that" }
            }
            textarea .typed #{ "typed-" (i) } name="typed" readonly wrap="off" rows="8"
                spellcheck="false" autocomplete="off" {
                (PreEscaped("\n")) (**text)
            }
        }
    }
}

/// Lists the warnings about secrets that were accepted.
pub(super) fn warnings(template: Option<&Template>, text: &str) -> Vec<Note> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let validated = match template {
        Some(template) => template.validate(document),
        None => document.validate(),
    };
    match validated {
        Ok(secrets) => secrets.warnings().map(Note::of).collect(),
        Err(invalid) => invalid.findings().map(Note::of).collect(),
    }
}

/// Renders a message; the parts between backticks become code.
pub(super) fn code(message: &str) -> Markup {
    html! {
        @for (i, part) in message.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
