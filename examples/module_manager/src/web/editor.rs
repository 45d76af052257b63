//! The text area, with what is wrong beside the line that it belongs to; and what was typed into a
//! form that is out of date.

use maud::{Markup, PreEscaped, html};
use secrets_toml::seal::Revision;
use secrets_toml::{Document, Finding, Invalid, ParseError, Severity, Template};
use zeroize::Zeroizing;

/// A text, and what was found in it.
pub(super) struct Editor {
    text: Zeroizing<String>,
    notes: Vec<Note>,
    /// How many more there are than are told.
    omitted: usize,
}

/// Something that was found.
pub(super) struct Note {
    /// `None`: it is about what is not there.
    line: Option<usize>,
    severity: Severity,
    message: String,
    help: String,
}

impl Note {
    fn of(finding: Finding<'_>) -> Self {
        Self {
            line: finding.line(),
            severity: finding.severity(),
            message: finding.message(),
            help: finding.help().into_owned(),
        }
    }

    /// One line of a list, which leads to the line of the text.
    pub(super) fn item(&self) -> Markup {
        html! {
            li class=(self.severity) {
                @match self.line {
                    Some(line) => a href={ "#line-" (line) } { "Line " (line) },
                    None => span { "Not there" },
                }
                ": " (code(&self.message)) ". " span .help { (code(&capital(&self.help))) "." }
            }
        }
    }
}

impl Editor {
    /// A text with which nothing is wrong, as far as we know.
    pub(super) fn of(text: &str) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), notes: Vec::new(), omitted: 0 }
    }

    /// A text that is not TOML.
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

    /// A text that is not filled in.
    pub(super) fn invalid(text: &str, invalid: &Invalid) -> Self {
        Self { notes: invalid.findings().map(Note::of).collect(), ..Self::of(text) }
    }

    /// Explains markers to somebody who sees them for the first time. `kept` ends the sentence on
    /// what they keep.
    pub(super) fn help(&self, kept: &str) -> Markup {
        html! {
            "Leave " code { "\"<unchanged>\"" } " to keep " (kept) ", or write a new value in its "
            "place: text between quotes, a number without them. Delete a line to remove its variable. "
            "An empty " code { "\"\"" } " is refused where a value is needed."
            @if is_numbered(&self.text) {
                " A marker with a number, such as " code { "\"<unchanged 3>\"" } ", belongs to its "
                "block, the lines below a " code { "[[header]]" } ": move, copy or delete the block "
                "with its markers."
            }
        }
    }

    /// How much of what was found is an error.
    pub(super) fn errors(&self) -> usize {
        let errors = self.notes.iter().filter(|note| note.severity == Severity::Error);
        errors.count() + self.omitted
    }

    /// What was found, told at once: the first thing that a page after a refusal says.
    pub(super) fn summary(&self) -> Markup {
        html! {
            @if !self.notes.is_empty() {
                div #problems .problems role="alert" tabindex="-1" autofocus {
                    h2 {
                        "Nothing was stored: "
                        @match self.errors() { 1 => "one thing is", n => { (n) " things are" } }
                        " to be corrected"
                    }
                    ul { @for note in &self.notes { (note.item()) } }
                    @if self.omitted > 0 { p { "And " (self.omitted) " more." } }
                }
            }
        }
    }

    /// The text area with its lines numbered.
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
                    // Browsers drop a line feed right behind the tag.
                    (PreEscaped("\n")) (*self.text)
                }
                @if noted {
                    div .notes {
                        @for line in 1..=lines {
                            div {
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

/// How a marker with a number begins.
const NUMBERED: &str = "<unchanged ";

/// Returns `true` if a text may have a marker with a number.
pub(super) fn is_numbered(text: &str) -> bool {
    text.contains(NUMBERED)
}

/// What was typed into a form of a revision that is out of date, to be copied from. Its markers with
/// numbers say which revision they count in: copied as they are, they are refused and not mistaken
/// for those of the new form.
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

/// What was typed into forms that are out of date, the latest first. It is sent along with the new
/// form, so that a refusal of that does not lose it.
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

/// What looks wrong in secrets that were accepted.
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

/// A message with what it quotes set as code.
pub(super) fn code(message: &str) -> Markup {
    html! {
        @for (i, part) in message.split('`').enumerate() {
            @if i % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
