//! Several documents as one: for each root key, the last layer wins.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::mem;

use crate::document::Document;
use crate::document::index::ROOT;
use crate::env::environment::EnvError;
use crate::env::{Env, unmappable};
use crate::files::error::FilesError;
use crate::files::origins::{LayerName, Loser, Origin, Origins, RootKey};
use crate::path;
use crate::writer::{self, Dates, RootEntry};

impl Document {
    /// Makes one document from several layers, each with its name.
    ///
    /// For each key of the root table, the last layer that has it wins, with its whole value:
    ///
    /// - Tables are not merged. A layer's `[db]` replaces the `[db]` of the layers before it.
    /// - A blank value wins, too.
    /// - A value may replace a value of another kind, such as a table.
    ///
    /// The keys have the order in which the layers first name them, but values come before tables,
    /// as TOML requires. Streamlit merges its files in the same way.
    ///
    /// The text of the result is written anew, without comments, in the format of
    /// [`for_streamlit`](Self::for_streamlit). Dates and times are the exception: they stay as
    /// written, since TOML 1.0 has no spelling for some of them. The values are those of the
    /// layers.
    ///
    /// # Errors
    ///
    /// Returns an error if the text would be longer than [`MAX_LEN`](crate::MAX_LEN) bytes. This is
    /// the only error.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let global = Document::parse("PAT = 'hunter2'\nMODEL = 'small'\n[db]\nuser = 'ada'\n")?;
    /// let project = Document::parse("# Ours.\nMODEL = 'large'\n[db]\nhost = 'db.example'\n")?;
    /// let layered = Document::layered([("global", &global), ("project", &project)])?;
    ///
    /// assert_eq!(
    ///     layered.document().expose_text(),
    ///     "PAT = 'hunter2'\nMODEL = 'large'\n[db]\nhost = 'db.example'\n",
    /// );
    /// assert_eq!(layered.origin("MODEL").unwrap().to_string(), "project line 2");
    /// assert_eq!(layered.origin("db.host").unwrap().to_string(), "project line 4");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn layered<N: Into<String>, D: Borrow<Self>>(
        layers: impl IntoIterator<Item = (N, D)>,
    ) -> Result<Layered, FilesError> {
        let (names, documents): (Vec<_>, Vec<_>) = layers
            .into_iter()
            .map(|(name, document)| (LayerName::text(name.into()), document))
            .unzip();
        let documents: Vec<&Self> = documents.iter().map(Borrow::borrow).collect();
        Layered::of(names, &documents)
    }
}

/// One document made from several layers, and the origin of each value.
///
/// [`Document::layered`] and [`Files::read`](crate::files::Files::read) make it.
///
/// `Debug` shows paths and kinds, and names and lines of layers. It never shows a value.
pub struct Layered {
    document: Document,
    origins: Origins,
}

impl Layered {
    pub(super) fn of(names: Vec<LayerName>, documents: &[&Document]) -> Result<Self, FilesError> {
        let Merged { winners, losers, places } = merge(documents);
        let entry = |key: &RootKey| RootEntry::node(documents[key.layer as usize], key.node);
        let entries: Vec<_> = winners.iter().map(entry).collect();
        let text = writer::write(&entries, Dates::AsWritten).map_err(|_| FilesError::too_long())?;
        let document = Document::read_wiped(text).expect("what was written from an index is read");
        let from = |root: u32| places.get(document.key(root)).copied().unwrap_or_default();
        let origins = Origins::find(&document, names, documents, (&winners, &losers), from);
        Ok(Self { document, origins })
    }

    /// The document of all layers.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Returns the document, to validate, seal or deserialize it.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let layers = [("a", Document::parse("PAT = ''\n")?), ("b", Document::parse("PAT = 'x'\n")?)];
    /// let secrets = Document::layered(layers)?.into_document().validate()?;
    /// assert_eq!(secrets.get("PAT").and_then(|value| value.as_str()), Some("x"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_document(self) -> Document {
        self.document
    }

    pub(super) fn into_parts(self) -> (Document, Origins) {
        (self.document, self.origins)
    }

    /// Returns the environment variables, as [`Document::env`] does. Their
    /// [`Source`](crate::env::Source) is the layer
    /// with its line, and so [`Env::explain`] names the layer.
    ///
    /// # Errors
    ///
    /// Same as [`Document::env`]. The error names the layer with its line.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let layers = [("a", Document::parse("\nPAT = ''\n")?), ("b", Document::parse("P = 1\n")?)];
    /// let env = Document::layered(layers)?.env()?;
    /// let log: Vec<_> = env.explain().map(|explanation| explanation.to_string()).collect();
    /// assert_eq!(log, ["PAT: a line 2", "P: b line 1"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn env(&self) -> Result<Env, EnvError> {
        let document = &self.document;
        let source = |node| self.origins.source(node);
        match document.env() {
            Ok(env) => {
                let child = |name: &str| document.child(ROOT, name);
                Ok(env.with_sources(|name| {
                    source(child(name).expect("each variable is a key of the root"))
                }))
            }
            Err(error) => {
                let mut nodes = document.index().children(ROOT).iter();
                let node = nodes.find(|&&node| unmappable(document, node).is_some());
                Err(node.map_or(error.clone(), |&node| error.in_layer(source(node))))
            }
        }
    }

    /// Returns the layer that the value at a path is from, and its line there.
    ///
    /// The path is one of [`Document::find`]. Returns `None` if the value does not exist or the path
    /// is malformed.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<Origin<'_>> {
        Some(self.origins.origin(path::find(&self.document, path)?))
    }

    /// Returns the places of the values that the value at a path has replaced, in the order of the
    /// layers.
    ///
    /// Values are replaced for whole root keys. So for the path `db.user` these are the places of
    /// the tables `db` in earlier layers. Returns nothing if the value does not exist.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let [a, b] = ["PAT = ''\n", "PORT = 80\nPAT = 'hunter2'\n"].map(Document::parse);
    /// let layered = Document::layered([("a", a?), ("b", b?)])?;
    /// let replaced: Vec<_> = layered.replaced("PAT").map(|origin| origin.to_string()).collect();
    /// assert_eq!(replaced, ["a line 1"]);
    /// assert_eq!(layered.replaced("PORT").count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn replaced(&self, path: &str) -> impl ExactSizeIterator<Item = Origin<'_>> {
        // The root table has replaced nothing.
        let node = path::find(&self.document, path).unwrap_or(ROOT);
        self.origins.replaced(self.document.root_of(node))
    }
}

impl fmt::Debug for Layered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layered")
            .field("document", &self.document)
            .field("layers", &self.origins.names().collect::<Vec<_>>())
            .finish()
    }
}

/// The winners of each root key.
struct Merged<'a> {
    /// In the order in which the layers first name the keys.
    winners: Vec<RootKey>,
    /// In the order of the layers.
    losers: Vec<Loser>,
    /// The position of each key in `winners`.
    places: HashMap<&'a str, u32>,
}

fn merge<'a>(documents: &[&'a Document]) -> Merged<'a> {
    let most = documents.iter().map(|document| document.index().children(ROOT).len()).sum();
    let (mut winners, mut losers) = (Vec::with_capacity(most), Vec::new());
    let mut places = HashMap::with_capacity(most);
    for (layer, document) in (0..).zip(documents) {
        for &node in document.index().children(ROOT) {
            let next = winners.len() as u32;
            let winner = *places.entry(document.key(node)).or_insert(next);
            let key = RootKey { layer, node };
            if winner == next {
                winners.push(key);
            } else {
                let replaced = mem::replace(&mut winners[winner as usize], key);
                losers.push(Loser { winner, replaced });
            }
        }
    }
    Merged { winners, losers, places }
}
