//! The environment variables of a document, and how overrides change them.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::document::Document;
use crate::document::index::{Kind, ROOT};
use crate::env::changes::{Changes, Effect, Override};
use crate::env::mapping::{Unmappable, is_mapped, mapped_len, unmappable, write_value};
use crate::env::names::Names;
use crate::env::provenance::{Explanation, Outcome, Source};
use crate::text::places::Lines;
use crate::text::wiped::Wiped;
use crate::value::Value;

impl Document {
    /// Returns the environment variables of the document. [`Env`] describes which values these are.
    ///
    /// # Errors
    ///
    /// Returns an error if a value that would be a variable cannot be one: its name is empty or
    /// contains `=` or NUL, or its value contains NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let env = Document::parse("PAT = \"hunter2\"\n")?.env()?;
    /// assert_eq!(env.get("PAT"), Some("hunter2"));
    ///
    /// let error = Document::parse("\"A=B\" = \"\"\n")?.env().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "line 1: `\"A=B\"` cannot be an environment variable: its name holds `=`",
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn env(&self) -> Result<Env, EnvError> {
        Env::of(self)
    }
}

/// The environment variables of a document, as [Streamlit] maps its `secrets.toml`.
///
/// [`Document::env`] makes an `Env`, and [`override_with`](Self::override_with) applies a visitor's
/// query to it. An `Env` is data: it does not change the environment of this process. Pass it to a
/// [`Command`](std::process::Command) or to whatever starts the module.
///
/// Names and values are in one buffer that is zeroized on drop. The copies that a `Command` and the
/// child process make are not zeroized.
///
/// # Mapping
///
/// - A key of the root table is a variable if its value is a string, an integer or a float.
///   Booleans, dates, arrays and tables are not variables. A dotted key `a.b = 1` makes a table,
///   and what follows a `[section]` header is not in the root table.
/// - The name is the key, unchanged.
/// - The value is Python's `str()` of the value: `0x1F` is `31`, `1e16` is `1e+16`, and `nan` has
///   no sign.
///
/// Texts are parsed by this crate's rules (see [`Document`]), even if Streamlit's parser differs.
/// For example, Streamlit's accepts integers outside 64 bits, and rejects a byte order mark and the
/// syntax that is new in TOML 1.1.
///
/// # Examples
///
/// ```
/// use secrets_toml::Document;
///
/// let text = "PAT = \"hunter2\"\nPORT = 0x1F\nDEBUG = true\n[db]\nPORT = 1\n";
/// let env = Document::parse(text)?.env()?;
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
/// # Streamlit modules
///
/// Do *not* start a module that runs under Streamlit with `envs(&env)`: the variables would not
/// reach it. Streamlit parses `.streamlit/secrets.toml` in the checkout, which is the template. For
/// each root string, integer and float in it, it sets `os.environ[name]` and overwrites what the
/// process was started with (`Secrets._maybe_set_environment_variable` in
/// `streamlit/runtime/secrets.py`, the same in 1.50 and 1.67). So the template's `CLARIFAI_PAT =
/// ""` blanks the token, and a file with the owner's values undoes an override.
///
/// Instead, deliver the variables in a file: write [`Document::for_streamlit`], and name the file
/// in the variable `STREAMLIT_SECRETS_FILES`. `handover::SecretsFile` (feature `handover`) does
/// both.
///
/// Only `streamlit run` reads that variable. Under `uvicorn`, `python app.py` and Streamlit's
/// `AppTest`, write the file in place of the template in a copy of the checkout.
///
/// # Long variables
///
/// Linux does not start a process if `NAME=value` of a variable is longer than 131,071 bytes:
/// [execve(2)] fails with `E2BIG`. (Its limit `MAX_ARG_STRLEN` is 131,072 bytes, with the NUL at
/// the end.) An `Env` may contain such a variable, and a file can deliver it.
///
/// [Streamlit]: https://docs.streamlit.io/develop/concepts/connections/secrets-management
/// [execve(2)]: https://man7.org/linux/man-pages/man2/execve.2.html
pub struct Env {
    /// All names and values. The lists below have ranges of it.
    text: Wiped,
    variables: Vec<Variable>,
    displaced: Vec<Displaced>,
    /// The positions of names in `variables`, made by the first look-up: an `Env` that is only
    /// iterated over does not need it.
    names: OnceLock<Names>,
}

/// The ranges of a variable's name and value in the buffer, and the source of the value.
struct Variable {
    name: Range<usize>,
    value: Range<usize>,
    source: Source,
    /// The source of the value that this one replaced. Boxed, since few variables have one.
    over: Option<Box<Source>>,
}

/// A name that an override displaced. The buffer has the name, but not the value it may have had.
struct Displaced {
    name: Range<usize>,
    /// The source of its value, or `None` if it was not a variable.
    source: Option<Source>,
    /// The override. One parameter may displace many names, so they share it.
    by: Arc<Source>,
}

impl Env {
    pub(crate) fn of(document: &Document) -> Result<Self, EnvError> {
        // The first pass computes the size of the buffer, which must not grow, and the second fills
        // it.
        let nodes = document.index().children(ROOT);
        let mut count = 0;
        let mut len = 0;
        for &node in nodes {
            let Some(most) = mapped_len(document, node) else { continue };
            if let Some(fault) = unmappable(document, node) {
                let start = document.index().node(node).key_span.start as usize;
                let line = Lines::new(document.expose_text()).line(start);
                let path = document.path(node).to_string();
                return Err(EnvError { layer: None, path, line, fault });
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
            if document.index().node(node).kind == Kind::String {
                text.append(document.content(node));
            } else {
                write_value(&mut text, Value::of(document, node))
                    .expect("the capacity was computed for every value");
            }
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

    /// Sets the source of each variable, which `source` gives for a name.
    #[cfg(feature = "files")]
    pub(crate) fn with_sources(mut self, source: impl Fn(&str) -> Source) -> Self {
        for variable in &mut self.variables {
            variable.source = source(&self.text[variable.name.clone()]);
        }
        self
    }

    /// The length of the buffer.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Applies the overrides of a query.
    ///
    /// `text` is the new buffer. It has the new values, with room for the names that are set or
    /// displaced, and for the text of `self`. The old buffer is zeroized, and with it every value
    /// that was replaced or displaced.
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
                    (variable.source, variable.over) = (source, Some(Box::new(before)));
                    true
                }
                Effect::Displaced { by } => {
                    let name = variable.name.clone();
                    displaced.push(Displaced { name, source: Some(before), by });
                    false
                }
            }
        });
        // A name that an earlier override displaced stays displaced, unless it has a value again.
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

    /// Returns the value of a variable, or `None` if it does not exist.
    ///
    /// A look-up takes constant time, however many variables there are.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|variable| &self.text[variable.value.clone()])
    }

    /// Returns an iterator over names and values, in the order of the document. Variables that an
    /// override added come last.
    pub fn iter(&self) -> Iter<'_> {
        Iter { text: &self.text, variables: self.variables.iter() }
    }

    /// Returns the source of a variable's value, or `None` if it does not exist.
    ///
    /// A displaced name is not a variable. [`explain`](Self::explain) lists these, too.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::env::Source;
    /// use secrets_toml::{Document, Overrides};
    ///
    /// let env = Document::parse("# The owner's.\nCLARIFAI_PAT = \"hunter2\"\n")?.env()?;
    /// let env = env.override_with(&Overrides::clarifai(), "user_id=alice")?;
    ///
    /// assert_eq!(env.source("CLARIFAI_PAT"), Some(&Source::Secrets { line: 2 }));
    /// let query = Source::Query { parameter: "user_id".to_owned() };
    /// assert_eq!(env.source("CLARIFAI_USER_ID"), Some(&query));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.find(name).map(|variable| &variable.source)
    }

    /// Explains the origin of every variable, and which names were displaced.
    ///
    /// The variables come first, in the order of [`iter`](Self::iter). Then comes every displaced
    /// name, once, even if it was not a variable. An [`Explanation`] can be logged: it has names
    /// and line numbers, never a value.
    pub fn explain(&self) -> impl Iterator<Item = Explanation<'_>> {
        let won = self.variables.iter().map(|variable| {
            let outcome = Outcome::Won { source: &variable.source, over: variable.over.as_deref() };
            Explanation::new(&self.text[variable.name.clone()], outcome)
        });
        let displaced = self.displaced.iter().map(|variable| {
            let outcome = Outcome::Displaced { source: variable.source.as_ref(), by: &variable.by };
            Explanation::new(&self.text[variable.name.clone()], outcome)
        });
        won.chain(displaced)
    }

    /// The names that overrides displaced, each once. None of them is a variable now.
    pub(crate) fn displaced(&self) -> impl Iterator<Item = &str> {
        self.displaced.iter().map(|variable| &self.text[variable.name.clone()])
    }

    /// The number of variables.
    #[must_use]
    pub fn len(&self) -> usize {
        self.variables.len()
    }

    /// Returns `true` if there are no variables.
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

/// An iterator over the names and values of an [`Env`], in the order of the document. Variables
/// that an override added come last.
///
/// `Debug` shows names only.
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

/// The error of [`Document::env`]: a name or value cannot be that of an environment variable.
///
/// `Display` has the path and the line, and never a value.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: `{path}` {fault}", Place(.layer.as_ref(), *.line))]
pub struct EnvError {
    /// The layer and its line, if the document was made from several.
    layer: Option<Source>,
    path: String,
    line: usize,
    fault: Unmappable,
}

impl EnvError {
    /// Sets the layer and its line.
    #[cfg(feature = "files")]
    pub(crate) fn in_layer(self, layer: Source) -> Self {
        let line = match layer {
            Source::Layer { line, .. } => line.unwrap_or(1),
            _ => self.line,
        };
        Self { layer: Some(layer), line, ..self }
    }

    /// The path of the value, which is its quoted or bare key.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line of the key, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

/// The start of an error message: the layer and its line, or the line.
struct Place<'a>(Option<&'a Source>, usize);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(layer) => write!(f, "{layer}"),
            None => write!(f, "line {}", self.1),
        }
    }
}

/// Copies ranges of one buffer to another.
///
/// Adjacent ranges are copied at once. Usually nearly all are adjacent, since a value follows its
/// name in the buffer, and the next name follows that.
struct Copy<'a> {
    from: &'a str,
    to: Wiped,
    /// The range that is still to be copied.
    run: Range<usize>,
}

impl Copy<'_> {
    /// Returns the range that a range of `from` has in `to`, once [`flush`](Self::flush) has copied
    /// it.
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

    /// The tests of `names` check that a look-up in the table is not linear.
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
