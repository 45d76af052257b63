//! The files that Streamlit modules read while this server runs: one for each place and query.

use std::path::{Path, PathBuf};

use secrets_toml::handover::{HandoverError, SecretsFile};
use secrets_toml::seal::Revision;
use secrets_toml::{DeliveryError, Document, Env};
use zeroize::Zeroizing;

use crate::versions::Place;

/// The most files at a time, since each keeps four descriptors of this process open.
pub const MAX_FILES: usize = 100;

/// The files. They are removed when this is dropped.
pub struct Deliveries {
    folder: PathBuf,
    list: Vec<Delivery>,
}

/// One file.
struct Delivery {
    place: Place,
    /// The query whose overrides the file has. It can hold a visitor's token.
    query: Zeroizing<String>,
    revision: Revision,
    file: SecretsFile,
}

/// A file, as the page of its place and query shows it.
pub struct Delivered {
    /// The revision of the secrets that it was made from.
    pub revision: Revision,
    /// What the module's environment has to have, beside what every program needs.
    pub variable: (&'static str, PathBuf),
}

/// Why there is no new file.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    #[error(transparent)]
    Document(#[from] DeliveryError),
    #[error(transparent)]
    File(#[from] HandoverError),
    #[error("there are {MAX_FILES} delivered files already: remove one, or restart the server")]
    Full,
}

impl Deliveries {
    /// None yet. Files that a killed server left in the folder are removed.
    pub fn new(folder: &Path) -> Self {
        match SecretsFile::sweep(folder) {
            Ok(0) => {}
            Ok(swept) => tracing::warn!("removed {swept} delivered files of a killed server"),
            // The pages do not need it; whoever delivers a file is told the same.
            Err(error) => tracing::warn!("{error}"),
        }
        Self { folder: folder.to_owned(), list: Vec::new() }
    }

    /// Delivers the secrets of a place with the variables of `env`, which has the overrides of
    /// `query`. An earlier file of the place and query keeps its path, and gets the new text.
    pub fn deliver(
        &mut self,
        place: &Place,
        query: &str,
        (secrets, revision): (&Document, Revision),
        env: &Env,
    ) -> Result<(), DeliverError> {
        let document = secrets.for_streamlit(env)?;
        if let Some(i) = self.position(place, query) {
            let delivery = &mut self.list[i];
            delivery.file.replace(&document)?;
            delivery.revision = revision;
            return Ok(());
        }
        if self.list.len() >= MAX_FILES {
            return Err(DeliverError::Full);
        }
        let file = SecretsFile::create_in(&self.folder, &document)?;
        let query = Zeroizing::new(query.to_owned());
        self.list.push(Delivery { place: place.clone(), query, revision, file });
        Ok(())
    }

    /// The file of a place and query, if there is one.
    pub fn get(&self, place: &Place, query: &str) -> Option<Delivered> {
        let Delivery { revision, file, .. } = &self.list[self.position(place, query)?];
        let [(name, path)] = file.env();
        Some(Delivered { revision: *revision, variable: (name, path.to_owned()) })
    }

    /// Removes the file of a place and query.
    pub fn remove(&mut self, place: &Place, query: &str) {
        if let Some(i) = self.position(place, query) {
            self.list.swap_remove(i);
        }
    }

    /// Removes all files of a place, whatever the query.
    pub fn remove_all(&mut self, place: &Place) {
        self.list.retain(|delivery| delivery.place != *place);
    }

    fn position(&self, place: &Place, query: &str) -> Option<usize> {
        self.list.iter().position(|delivery| delivery.place == *place && *delivery.query == *query)
    }
}

/// The command that starts a Streamlit module with a delivered file and no other secrets, for a
/// POSIX shell. The module is `app.py` of the checkout, or of the shell's folder if there is none.
///
/// `env -i` clears the environment, as `Command::env_clear` does. The server of the module listens
/// on this machine alone: Streamlit's own default is every network.
pub fn command(delivered: &Delivered, checkout: Option<&Path>) -> String {
    let (name, path) = &delivered.variable;
    let app = match checkout {
        Some(checkout) => quoted(&checkout.join("app.py")),
        None => "app.py".to_owned(),
    };
    let path = quoted(path);
    format!(
        "env -i PATH=\"$PATH\" HOME=\"$HOME\" {name}={path} \
         streamlit run --server.address 127.0.0.1 {app}"
    )
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
