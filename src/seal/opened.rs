//! The content of an opened record.

use std::fmt;

use crate::document::Document;
use crate::seal::error::OpenError;
use crate::seal::header::{Kind, Revision};
use crate::seal::key_id::KeyId;
use crate::seal::record::{Content, WipedBytes};
use crate::validate::Secrets;

/// The authenticated content of a record: a text that is wiped on drop, or a tombstone.
///
/// `Debug` shows no text.
pub struct Opened {
    text: Option<Text>,
    revision: Revision,
    key_id: KeyId,
    stale: bool,
}

impl Opened {
    pub(super) fn new(
        content: Content,
        revision: Revision,
        key_id: KeyId,
        stale: bool,
    ) -> Result<Self, OpenError> {
        let text = match content.kind {
            Kind::Document => Some(Text::new(content.doc)?),
            _ => None,
        };
        Ok(Self { text, revision, key_id, stale })
    }

    /// Returns the document, in the buffer that it was decrypted into.
    ///
    /// The document is parsed but not validated again: rules may grow stricter, and what was
    /// accepted once still opens.
    ///
    /// # Errors
    ///
    /// - Returns [`OpenError::Deleted`] if the record is a tombstone.
    /// - Returns [`OpenError::BadPayload`] if the text is not a TOML document.
    ///   [`Keyring::seal`](crate::seal::Keyring::seal) never writes such a record.
    pub fn into_secrets(self) -> Result<Secrets, OpenError> {
        let text = self.text.ok_or(OpenError::Deleted)?;
        let document = Document::parse(text.into_string()).map_err(|_| OpenError::BadPayload)?;
        Ok(Secrets::accepted(document))
    }

    /// Returns the text, byte for byte as it was sealed, or `None` for a tombstone.
    ///
    /// The caller wipes any copy that it makes.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        self.text.as_ref().map(|text| text.0.as_str())
    }

    /// Returns `true` if the document was deleted at this revision.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.text.is_none()
    }

    /// Returns the revision of the record.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns the ID of the key that opened the record.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// Returns `true` if that key is not the primary one any more.
    ///
    /// The record should then be [rewrapped](crate::seal::Keyring::rewrap).
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("tombstone", &self.is_tombstone())
            .field("revision", &self.revision)
            .field("key_id", &self.key_id)
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

/// A text in the buffer that it was decrypted into, wiped on drop.
struct Text(String);

impl Text {
    fn new(doc: WipedBytes) -> Result<Self, OpenError> {
        match String::from_utf8(doc.into_bytes()) {
            Ok(text) => Ok(Self(text)),
            Err(error) => {
                // The error owns the buffer, and would free it unwiped.
                drop(WipedBytes(error.into_bytes()));
                Err(OpenError::BadPayload)
            }
        }
    }

    /// Returns the buffer unwiped. The caller takes over wiping it.
    fn into_string(mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        drop(WipedBytes(std::mem::take(&mut self.0).into_bytes()));
    }
}
