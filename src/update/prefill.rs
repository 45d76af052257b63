//! Prefilling: the values of an earlier document in the template of a new version.

use std::cmp::Reverse;
use std::fmt;
use std::ops::Range;

use crate::document::Document;
use crate::document::error::ParseError;
use crate::document::index::Kind;
use crate::marker::Marked;
use crate::path::KeyPath;
use crate::role::{self, Elements, Role};
use crate::template::Template;
use crate::text::wiped::Wiped;
use crate::update::sections::{Sections, header};
use crate::update::shown::show;
use crate::update::texts::Texts;
use crate::value::{self, Value};

/// A template that is filled in with the values of an earlier document.
///
/// [`Template::prefill`] makes it when a module has a new version. [`form`](Self::form) is the text
/// to show to the author. [`carried`](Self::carried) and [`dropped`](Self::dropped) list the
/// earlier values that have, and do not have, a place in the new template.
pub struct Prefilled<'e> {
    template: Template,
    earlier: &'e Document,
    document: Document,
    form: Wiped,
    /// The carried variables, as nodes of `document`.
    carried: Vec<u32>,
    /// The dropped variables, as nodes of `earlier`.
    dropped: Vec<u32>,
}

impl Template {
    /// Returns the template with the values of an earlier document filled in.
    ///
    /// The template's text is kept, with its comments, order, line endings and final newline or
    /// lack of one. Only values are replaced. They are copied as the earlier document writes them:
    /// `0x1_F` stays `0x1_F`.
    ///
    /// - A variable of the earlier document fills in the variable at the same path.
    /// - Blank values are not carried over.
    /// - Elements of arrays of tables correspond by position. If the earlier document has more
    ///   elements than the template, the others are added after the template's last one, as the
    ///   earlier document writes them, but without the comments above them.
    ///
    /// # Errors
    ///
    /// Returns [`ParseError`] if the filled-in template is longer than [`MAX_LEN`](crate::MAX_LEN).
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::{Document, Template};
    ///
    /// let earlier = Document::parse("PAT = 'hunter2'\nOLD = 1\n")?;
    /// let template = Template::parse("# New in version 2.\nURL = \"\"\n\nPAT = \"\"")?;
    /// let prefilled = template.prefill(&earlier)?;
    /// assert_eq!(prefilled.carried().map(|path| path.to_string()).collect::<Vec<_>>(), ["PAT"]);
    /// assert_eq!(prefilled.dropped().map(|path| path.to_string()).collect::<Vec<_>>(), ["OLD"]);
    /// assert_eq!(
    ///     prefilled.document().expose_text(),
    ///     "# New in version 2.\nURL = \"\"\n\nPAT = 'hunter2'",
    /// );
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    pub fn prefill<'e>(&self, earlier: &'e Document) -> Result<Prefilled<'e>, ParseError> {
        let mut marked = Marked::new(earlier);
        show(&mut marked, &self.0, earlier);
        let changes = changes(self, &marked, earlier);

        let text = self.text();
        let mut texts = Texts::new(earlier, &marked);
        let mut has_place = vec![false; earlier.index().len() as usize];
        let mut end = 0;
        let mut sections = None;
        for change in &changes {
            texts.push(&text[end..change.at.start]);
            end = change.at.end;
            match change.content {
                Content::Value(value) => {
                    has_place[value as usize] = true;
                    texts.value(value);
                }
                Content::Elements { array, template_array, from } => {
                    let elements = &earlier.index().children(array)[from..];
                    elements.iter().for_each(|&element| has_place[element as usize] = true);
                    let template = &self.0.document;
                    if template.index().node(template_array).kind != Kind::ArrayOfTables {
                        for &element in elements {
                            texts.push(", ");
                            texts.value(element);
                        }
                    } else {
                        let sections = sections.get_or_insert_with(|| Sections::of(earlier));
                        let header = header(template, template_array);
                        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
                        let open_end = !text[..end].ends_with('\n');
                        texts.blocks(elements, header, sections, newline, open_end);
                    }
                }
            }
        }
        texts.push(&text[end..]);
        let Texts { filled, form, .. } = texts;
        let document = Document::read_wiped(Wiped::concat(&filled))?;
        let form = Wiped::concat(&form.iter().map(|piece| &**piece).collect::<Vec<_>>());

        let index = earlier.index();
        let mut dropped = Vec::new();
        for node in 1..index.len() {
            has_place[node as usize] |= has_place[index.node(node).parent as usize];
            let variable = marked.roles[node as usize] == Role::Variable;
            if variable && !has_place[node as usize] && !role::is_blank(earlier, node) {
                dropped.push(node);
            }
        }
        let counterparts = role::counterparts(&document, earlier, Elements::ByPosition);
        let roles = role::roles(&document);
        let is_carried = |node: u32| {
            counterparts[node as usize].is_some_and(|counterpart| {
                has_place[counterpart as usize]
                    && roles[node as usize] == Role::Variable
                    && !role::is_blank(earlier, counterpart)
            })
        };
        let carried = (1..document.index().len()).filter(|&node| is_carried(node)).collect();
        Ok(Prefilled { template: self.clone(), earlier, document, form, carried, dropped })
    }
}

impl<'e> Prefilled<'e> {
    /// The filled-in template, with the values.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Returns the filled-in template, with the values.
    #[must_use]
    pub fn into_document(self) -> Document {
        self.document
    }

    /// The text for a form that shows no secret: the template's text with the carried values, and
    /// with a marker in the place of each one that may be a secret, as in [`Document::form`].
    ///
    /// A value is shown if all of these hold:
    ///
    /// - The template has the variable, and it is not a [secret](crate::Variable::is_secret) there.
    ///   Elements of an array of tables count as the template's first.
    /// - The value itself does not read like a credential, as a PEM, a well-known token, or a URL
    ///   with a user, a query or the host of a webhook. This cannot find every secret that somebody enters for a
    ///   variable with another name: mark the variable with `@secret`.
    ///
    /// [`Template::validate_update`] puts the values back in the place of the markers. Pass it the
    /// same earlier document.
    ///
    /// The comments are the template's. Those of the earlier document are removed, since a comment
    /// may contain an old value.
    #[must_use]
    pub fn form(&self) -> &str {
        &self.form
    }

    /// The variables that were filled in with an earlier value, in the order of the filled-in
    /// template.
    pub fn carried(&self) -> impl ExactSizeIterator<Item = KeyPath<'_>> {
        self.carried.iter().map(|&node| self.document.path(node))
    }

    /// The variables of the earlier document that have no place in the template, in the order of
    /// that document. Blank ones are left out.
    pub fn dropped(&self) -> impl ExactSizeIterator<Item = KeyPath<'e>> {
        let earlier = self.earlier;
        self.dropped.iter().map(move |&node| earlier.path(node))
    }

    /// The carried variables whose default has changed, if the author never changed the value.
    ///
    /// Their value is the default of the `previous` template, and this template has another
    /// default, which the author may prefer.
    ///
    /// Every element of an array of tables is compared with the first element of each template.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::{Document, Template};
    ///
    /// let previous = Template::parse("MODEL = 'v1'\nPORT = 80\n")?;
    /// let earlier = Document::parse("MODEL = 'v1'\nPORT = 8080\n")?;
    /// let template = Template::parse("MODEL = 'v2'\nPORT = 443\n")?;
    /// let prefilled = template.prefill(&earlier)?;
    /// let changed: Vec<_> =
    ///     prefilled.changed_defaults(&previous).map(|path| path.to_string()).collect();
    /// assert_eq!(changed, ["MODEL"]);
    /// # Ok::<(), secrets_toml::ParseError>(())
    /// ```
    pub fn changed_defaults(&self, previous: &Template) -> impl Iterator<Item = KeyPath<'_>> {
        let [old, new] = [&previous.0.document, &self.template.0.document].map(|template| {
            let counterparts = role::counterparts(&self.document, template, Elements::First);
            self.carried
                .iter()
                .map(|&node| counterparts[node as usize])
                .map(|counterpart| counterpart.map(|counterpart| Value::of(template, counterpart)))
                .collect::<Vec<_>>()
        });
        let mut changed = Vec::new();
        for ((&node, old), new) in self.carried.iter().zip(old).zip(new) {
            let (Some(old), Some(new)) = (old, new) else { continue };
            let kept = value::is_same(old, Value::of(&self.document, node));
            if kept && !value::is_same(old, new) {
                changed.push(self.document.path(node));
            }
        }
        changed.into_iter()
    }
}

impl fmt::Debug for Prefilled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefilled")
            .field("document", &self.document)
            .field("carried", &self.carried().collect::<Vec<_>>())
            .field("dropped", &self.dropped().collect::<Vec<_>>())
            .finish()
    }
}

/// A part of the template's text, and the nodes of the earlier document that replace it.
struct Change {
    at: Range<usize>,
    content: Content,
}

enum Content {
    /// A value, in the place of the template's.
    Value(u32),
    /// The elements of `array` from a position on, after the last of `template_array`.
    Elements { array: u32, template_array: u32, from: usize },
}

/// The changes to the template's text, in the order of the text.
fn changes(template: &Template, marked: &Marked<'_>, earlier: &Document) -> Vec<Change> {
    let schema = &template.0;
    let document = &schema.document;
    let index = document.index();
    let counterparts = role::counterparts(document, earlier, Elements::ByPosition);
    let mut sections = None;
    let mut changes = Vec::new();
    for node in 1..index.len() {
        let Some(counterpart) = counterparts[node as usize] else { continue };
        let role = marked.roles[counterpart as usize];
        match schema.roles[node as usize] {
            Role::Variable if role == Role::Variable && role::is_blank(earlier, counterpart) => {}
            Role::Variable if matches!(role, Role::Variable | Role::Tables) => {
                let at = index.node(node).span.range();
                changes.push((Change { at, content: Content::Value(counterpart) }, node));
            }
            Role::Tables if role == Role::Tables => {
                let elements = index.children(node);
                let from = elements.len();
                let Some(&last) = elements.last() else { continue };
                if earlier.index().children(counterpart).len() <= from {
                    continue;
                }
                let at = if index.node(node).kind == Kind::ArrayOfTables {
                    sections.get_or_insert_with(|| Sections::of(document)).end(document, last)
                } else {
                    index.node(last).span.range().end
                };
                let content = Content::Elements { array: counterpart, template_array: node, from };
                changes.push((Change { at: at..at, content }, node));
            }
            _ => {}
        }
    }
    // Several arrays may end at the same line. The elements of the innermost come first: they
    // belong to the last element of the array around it.
    changes.sort_by_key(|(change, node)| (change.at.start, Reverse(*node)));
    changes.into_iter().map(|(change, _)| change).collect()
}
