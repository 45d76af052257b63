//! The `secrets.toml` files that Streamlit modules read while this server runs, one for each place
//! and query.

use std::path::{Path, PathBuf};

use secrets_toml::handover::{HandoverError, SecretsFile};
use secrets_toml::seal::Revision;
use secrets_toml::{DeliveryError, Document, Env};
use zeroize::Zeroizing;

use crate::versions::Place;

/// The maximum number of files. Each keeps four descriptors of this process open.
pub const MAX_FILES: usize = 100;

/// The delivered files. Dropping this removes them.
pub struct Deliveries {
    folder: PathBuf,
    list: Vec<Delivery>,
}

/// A delivered file.
struct Delivery {
    place: Place,
    /// The query whose overrides are in the file. It can hold a visitor's token.
    query: Zeroizing<String>,
    revision: Revision,
    file: SecretsFile,
}

/// A delivered file, as its page shows it.
pub struct Delivered {
    /// The revision of the secrets in the file.
    pub revision: Revision,
    /// The variable that tells Streamlit the path of the file.
    pub variable: (&'static str, PathBuf),
}

/// The reason why no file was written.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    #[error(transparent)]
    Document(#[from] DeliveryError),
    #[error(transparent)]
    File(#[from] HandoverError),
    #[error("{MAX_FILES} files are delivered already: remove one, or restart the server")]
    Full,
}

impl Deliveries {
    /// Starts without a file, and removes those that a killed server left in the folder.
    pub fn new(folder: &Path) -> Self {
        match SecretsFile::sweep(folder) {
            Ok(0) => {}
            Ok(swept) => tracing::warn!("removed {swept} delivered files of a killed server"),
            // The other pages work without the folder. `deliver` reports the same error.
            Err(error) => tracing::warn!("{error}"),
        }
        Self { folder: folder.to_owned(), list: Vec::new() }
    }

    /// Delivers the secrets of a place with the variables of `env`, in which `query` has overridden
    /// some. If the place and query have a file already, it keeps its path and gets the new text.
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

    /// Returns the file of a place and query, if there is one.
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

    /// Counts the files of a place, whatever the query.
    pub fn count(&self, place: &Place) -> usize {
        self.list.iter().filter(|delivery| delivery.place == *place).count()
    }

    /// Removes all files of a place, whatever the query.
    pub fn remove_all(&mut self, place: &Place) {
        self.list.retain(|delivery| delivery.place != *place);
    }

    fn position(&self, place: &Place, query: &str) -> Option<usize> {
        self.list.iter().position(|delivery| delivery.place == *place && *delivery.query == *query)
    }
}

/// Returns the shell command that starts a Streamlit module with a delivered file and no other
/// secrets. The module is `app.py` in the checkout, or in the shell's folder without a checkout.
///
/// `env -i` clears the environment, as `Command::env_clear` does. The module listens on this
/// machine only; by default, Streamlit listens on every network.
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

/// Quotes a path as one word for a POSIX shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
