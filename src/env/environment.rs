//! The variables of a document, and what overrides do to them.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::document::Document;
use crate::document::index::ROOT;
use crate::env::changes::{Changes, Effect, Override};
use crate::env::mapping::{Unmappable, is_mapped, mapped_len, unmappable, write_value};
use crate::env::names::Names;
use crate::env::provenance::{Explanation, Outcome, Source};
use crate::text::places::Lines;
use crate::text::wiped::Wiped;
use crate::value::Value;

impl Document {
    /// The environment variables that the module will see: see [`Env`].
    ///
    /// # Errors
    ///
    /// The first name or value that no environment takes.
    pub fn env(&self) -> Result<Env, EnvError> {
        Env::of(self)
    }
}

/// The environment variables of a document, exactly as [Streamlit] maps its `secrets.toml`.
///
/// - Only keys of the root table whose value is a string, an integer or a float. Not booleans, not
///   dates, not arrays, not tables, not dotted keys (`a.b = 1` makes a table), and not what follows
///   a `[section]` header.
/// - The name is the key, unchanged. The value is Python's `str()`: `0x1F` gives `31`, `1e16`
///   gives `1e+16`, `nan` has no sign.
///
/// Where TOML and Streamlit's reader part, TOML wins: integers outside 64 bits, floats that
/// overflow and a bare carriage return are refused, a byte order mark and the newer syntax of
/// TOML 1.1 are read.
///
/// Names and values stand in one buffer that is wiped on drop. Nothing is set: the variables are
/// data, for a [`Command`](std::process::Command) or whatever starts the module.
///
/// ```
/// use secrets_toml::Document;
///
/// let env = Document::parse("PAT = \"hunter2\"\nPORT = 0x1F\nDEBUG = true\n[db]\nPORT =
/// 1\n")?.env()?;
///
/// let variables: Vec<_> = env.iter().collect();
/// assert_eq!(variables, [("PAT", "hunter2"), ("PORT", "31")]);
/// assert_eq!(format!("{env:?}"), r#"Env {"PAT", "PORT"}"#);
///
/// let mut command = std::process::Command::new("module");
/// command.env_clear().envs(&env);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What a `Command` and the child process do with their copies is not wiped here.
///
/// # Streamlit and the environment
///
/// A module that runs under Streamlit is *not* started with `envs(&env)`. Streamlit parses the
/// checkout's own `.streamlit/secrets.toml`, which is the template, and sets `os.environ[name]` for
/// each root string, integer and float in it, whatever the environment had before
/// (`Secrets._maybe_set_environment_variable` in `streamlit/runtime/secrets.py`, the same in 1.50
/// and
/// 1.67). So the template's `CLARIFAI_PAT = ""` blanks the token, and a file with the owner's
/// values undoes an override. Deliver [`Document::for_streamlit`] in a file instead, and name the
/// file in `STREAMLIT_SECRETS_FILES`: `handover::SecretsFile` (feature `handover`) does both.
///
/// That variable serves `streamlit run` only, whose command line reads it. Under `uvicorn`,
/// `python app.py` and Streamlit's `AppTest` it is ignored: there the delivered file takes the
/// template's place in a copy of the checkout.
///
/// # Long variables
///
/// Linux does not start a process with a variable whose `NAME=value`, name and `=` included, is
/// longer than 131,071 bytes: [execve(2)] fails with `E2BIG`, since its `MAX_ARG_STRLEN` is 131,072
/// bytes with the NUL at the end. An `Env` holds such a variable, and a file that is delivered to
/// the module can carry it.
///
/// [Streamlit]: https://docs.streamlit.io/develop/concepts/connections/secrets-management
/// [execve(2)]: https://man7.org/linux/man-pages/man2/execve.2.html
pub struct Env {
    text: Wiped,
    variables: Vec<Variable>,
    displaced: Vec<Displaced>,
    /// Over the names of `variables`; made by the first look-up.
    names: OnceLock<Names>,
}

/// Where a variable's name and value stand in the buffer, and where the value comes from.
struct Variable {
    name: Range<usize>,
    value: Range<usize>,
    source: Source,
    /// Where the value came from that this one replaced.
    over: Option<Source>,
}

/// A name that an override displaced. It is in the buffer; the value, if it had one, is nowhere.
struct Displaced {
    name: Range<usize>,
    /// Where its value came from; `None` if it was no variable.
    source: Option<Source>,
    by: Arc<Source>,
}

impl Env {
    pub(crate) fn of(document: &Document) -> Result<Self, EnvError> {
        let nodes = document.index().children(ROOT);
        let mut count = 0;
        let mut len = 0;
        for &node in nodes {
            let Some(most) = mapped_len(document, node) else { continue };
            if let Some(fault) = unmappable(document, node) {
                let start = document.index().node(node).key_span.start as usize;
                let line = Lines::new(document.expose_text()).line(start);
                return Err(EnvError { path: document.path(node).to_string(), line, fault });
            }
            count += 1;
            len += document.key(node).len() + most;
        }
        let mut text = Wiped::with_capacity(len);
        let mut variables = Vec::with_capacity(count);
        let mut lines = Lines::new(document.expose_text());
        for &node in nodes.iter().filter(|&&node| is_mapped(document, node)) {
            let name = text.append(document.key(node));
            let start = text.len();
            write_value(&mut text, Value::of(document, node))
                .expect("the capacity was computed for every value");
            let line = lines.line(document.index().node(node).key_span.start as usize);
            variables.push(Variable {
                name,
                value: start..text.len(),
                source: Source::Secrets { line },
                over: None,
            });
        }
        Ok(Self { text, variables, displaced: Vec::new(), names: OnceLock::new() })
    }

    /// How many bytes the names and values take.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// The variables after the overrides of a query. `text` holds the new values, and has room for
    /// the names that are set or displaced and for the text of `self`. The buffer of `self`, and
    /// with it what was replaced or displaced, is wiped.
    pub(crate) fn changed(self, text: Wiped, overrides: Vec<Override<'_>>) -> Self {
        let Self { text: old, mut variables, displaced: earlier, names: _ } = self;
        let mut changes = Changes::of(overrides);
        let mut copy = Copy { from: &old, to: text, run: 0..0 };
        let mut displaced = Vec::new();
        variables.retain_mut(|variable| {
            let name = &old.as_bytes()[variable.name.clone()];
            variable.name = copy.span(&variable.name);
            let Some(effect) = changes.of_variable(name) else {
                variable.value = copy.span(&variable.value);
                return true;
            };
            let before = variable.source.clone();
            match effect {
                Effect::Set { value, source } => {
                    variable.value = value;
                    (variable.source, variable.over) = (source, Some(before));
                    true
                }
                Effect::Displaced { by } => {
                    let name = variable.name.clone();
                    displaced.push(Displaced { name, source: Some(before), by });
                    false
                }
            }
        });
        // What an earlier override displaced stays so, unless it has a value again.
        for earlier in earlier {
            if changes.keeps_displaced(&old.as_bytes()[earlier.name.clone()]) {
                displaced.push(Displaced { name: copy.span(&earlier.name), ..earlier });
            }
        }
        let mut text = copy.finish();
        changes.for_each_other(|name, effect| {
            let name = text.append(name);
            match effect {
                Effect::Set { value, source } => {
                    variables.push(Variable { name, value, source, over: None });
                }
                Effect::Displaced { by } => displaced.push(Displaced { name, source: None, by }),
            }
        });
        Self { text, variables, displaced, names: OnceLock::new() }
    }

    /// The value of a variable. Of many variables each is found in constant time.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|variable| &self.text[variable.value.clone()])
    }

    /// Names and values, in the order of the document; what an override added comes last.
    pub fn iter(&self) -> Iter<'_> {
        Iter { text: &self.text, variables: self.variables.iter() }
    }

    /// Where the value of a variable comes from. `None` if there is no such variable: it never
    /// existed, or it was displaced, which [`explain`](Self::explain) tells.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.find(name).map(|variable| &variable.source)
    }

    /// What became of every variable: those of [`iter`](Self::iter) in their order, then every name
    /// that was displaced, once, whether or not it was a variable. Each can go into a log: it holds
    /// names and places, never a value.
    pub fn explain(&self) -> impl Iterator<Item = Explanation<'_>> {
        let won = self.variables.iter().map(|variable| {
            let outcome = Outcome::Won { source: &variable.source, over: variable.over.as_ref() };
            Explanation::new(&self.text[variable.name.clone()], outcome)
        });
        let displaced = self.displaced.iter().map(|variable| {
            let outcome = Outcome::Displaced { source: variable.source.as_ref(), by: &variable.by };
            Explanation::new(&self.text[variable.name.clone()], outcome)
        });
        won.chain(displaced)
    }

    /// The names that overrides displaced, each once; none of them is a variable.
    pub(crate) fn displaced(&self) -> impl Iterator<Item = &str> {
        self.displaced.iter().map(|variable| &self.text[variable.name.clone()])
    }

    /// How many variables there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.variables.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    fn find(&self, name: &str) -> Option<&Variable> {
        let len = self.variables.len();
        let at = |position: usize| &self.text[self.variables[position].name.clone()];
        let names = self.names.get_or_init(|| Names::of(len, at));
        names.find(name.as_bytes(), len, at).ok().map(|position| &self.variables[position])
    }
}

impl<'a> IntoIterator for &'a Env {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env ")?;
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Names and values of an [`Env`], in the order of the document; what an override added comes
/// last.
#[derive(Clone)]
pub struct Iter<'a> {
    text: &'a str,
    variables: std::slice::Iter<'a, Variable>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let variable = self.variables.next()?;
        Some((&self.text[variable.name.clone()], &self.text[variable.value.clone()]))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.variables.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl fmt::Debug for Iter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.clone().map(|(name, _)| name)).finish()
    }
}

/// A name or a value that no environment takes. Nothing was mapped.
#[derive(Debug, Clone, thiserror::Error)]
#[error("line {line}: `{path}` {fault}")]
pub struct EnvError {
    path: String,
    line: usize,
    fault: Unmappable,
}

impl EnvError {
    /// The variable's path, as a document writes it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line of the variable, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

/// Copies spans of one buffer to another, those that stand behind each other at once: a value
/// stands right behind its name, and mostly the next name behind that.
struct Copy<'a> {
    from: &'a str,
    to: Wiped,
    /// What is still to be copied.
    run: Range<usize>,
}

impl Copy<'_> {
    /// Copies a span, soon, and tells where it will stand.
    #[inline]
    fn span(&mut self, span: &Range<usize>) -> Range<usize> {
        if span.start != self.run.end {
            self.flush();
            self.run = span.clone();
        }
        self.run.end = span.end;
        let start = self.to.len() + (span.start - self.run.start);
        start..start + span.len()
    }

    fn flush(&mut self) {
        self.to.append(&self.from[self.run.clone()]);
    }

    fn finish(mut self) -> Wiped {
        self.flush();
        self.to
    }
}

#[cfg(test)]
mod tests {
    use crate::{Document, Overrides, Parameter};

    use super::*;

    fn env(variables: usize) -> Env {
        let text: String = (0..variables).map(|i| format!("NAME_{i} = {i}\n")).collect();
        Document::parse(text).expect("well-formed").env().expect("mappable")
    }

    /// That a look-up in the table is not linear is counted where the table is.
    #[test]
    fn the_table_is_made_by_the_first_look_up_and_kept() {
        let env = env(1000);
        assert!(env.names.get().is_none());
        assert_eq!(env.get("NAME_7"), Some("7"));
        let table = env.names.get().map(std::ptr::from_ref);
        assert!(table.is_some());
        assert!(env.source("NAME_8").is_some() && env.source("NAME_1000").is_none());
        assert_eq!(env.names.get().map(std::ptr::from_ref), table);
        let env = env.override_with(&Overrides::new(), "").expect("accepted");
        assert!(env.names.get().is_none(), "positions may have changed");
    }

    #[test]
    fn displaced_names_are_told_from_variables() {
        for count in [2, 40] {
            let displaced = ["NAME_1", "ABSENT"];
            let parameter = Parameter::new("a", "A").displaces(displaced);
            let overrides = Overrides::new().allow(parameter);
            let before = env(count);
            assert!(before.displaced().next().is_none());
            let after = before.override_with(&overrides, "a=x").expect("accepted");
            assert_eq!(after.displaced().collect::<Vec<_>>(), displaced);
            assert!(displaced.iter().all(|name| after.get(name).is_none()));
            assert!(after.get("NAME_0").is_some() && after.get("A").is_some());
        }
    }
}
