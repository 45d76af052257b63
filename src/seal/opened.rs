//! The content of an opened record.

use std::fmt;

use zeroize::Zeroize;

use crate::document::Document;
use crate::seal::contents::By;
use crate::seal::error::OpenError;
use crate::seal::fields::Fields;
use crate::seal::format::{FIELD_HEAD_LEN, TAG_DOCUMENT, TAG_ORIGIN, TAG_TEMPLATE};
use crate::seal::header::{Header, Revision};
use crate::seal::key_id::KeyId;
use crate::seal::record::{Sealed, WipedBytes};
use crate::validate::Secrets;

/// The authenticated content of a record: a text that is wiped on drop, or a tombstone.
///
/// `Debug` shows no text.
pub struct Opened {
    text: Option<Text>,
    template: Option<String>,
    by: By,
    header: Header,
    origin: [u8; 32],
    stale: bool,
}

impl Opened {
    /// Reads the plaintext of a record.
    pub(super) fn new(
        sealed: &Sealed<'_>,
        plaintext: WipedBytes,
        stale: bool,
    ) -> Result<Self, OpenError> {
        let header = sealed.header.clone();
        let fields = sealed.fields(&plaintext)?;
        let template = fields.get(TAG_TEMPLATE).and_then(|text| str::from_utf8(text).ok());
        let template = template.map(str::to_owned); // it is public, so it need not be wiped
        let by = By::of(&fields);
        let origin = fields.get(TAG_ORIGIN).and_then(|origin| origin.try_into().ok());
        let origin = origin.unwrap_or(*header.commitment());
        let (document, len) = (fields.get(TAG_DOCUMENT).map(<[u8]>::len), fields.len());
        let text = match document {
            Some(document) => Some(Text::of(plaintext, document, len)?),
            None => None,
        };
        Ok(Self { text, template, by, header, origin, stale })
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

    /// Returns the text of the template that the document was accepted under, if it was sealed with
    /// one.
    ///
    /// [`Template::parse`](crate::Template::parse) reads it.
    #[must_use]
    pub fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }

    /// Returns the author of this revision, as the host named it.
    #[must_use]
    pub fn author(&self) -> Option<&str> {
        self.by.name()
    }

    /// Returns the time of this revision, as the host gave it, in seconds since 1970-01-01 00:00
    /// UTC.
    #[must_use]
    pub fn time(&self) -> Option<i64> {
        self.by.seconds()
    }

    /// Returns `true` if the document was deleted at this revision.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.text.is_none()
    }

    /// Returns the revision of the record.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.header.revision()
    }

    /// Returns how often the revision was [rewrapped](crate::seal::Keyring::rewrap).
    #[must_use]
    pub fn rewraps(&self) -> u32 {
        self.header.rewraps()
    }

    /// Returns the commitment under which the revision was first sealed.
    ///
    /// It names the write: rewraps and past records keep it. Two records of one scope that have the
    /// same revision and different origins are a fork: one of the two writes replaced the other
    /// unseen.
    #[must_use]
    pub fn origin(&self) -> &[u8; 32] {
        &self.origin
    }

    /// Returns the ID of the key that opened the record.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.header.key_id()
    }

    /// Returns `true` if that key is not the primary one any more.
    ///
    /// The record should then be [rewrapped](crate::seal::Keyring::rewrap).
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// Returns who wrote the revision, and when. The document is wiped.
    pub(crate) fn into_by(self) -> By {
        self.by
    }

    /// Returns the fields of the document alone: its text and its template.
    pub(super) fn document(&self) -> Fields<'_> {
        let (text, template) = (self.expose_text(), self.template());
        Fields::default()
            .with(TAG_DOCUMENT, text.map(str::as_bytes))
            .with(TAG_TEMPLATE, template.map(str::as_bytes))
    }

    /// Returns all fields, to be sealed again as the same revision.
    pub(super) fn fields(&self) -> Fields<'_> {
        By::add(Some(&self.by), self.document()).with(TAG_ORIGIN, self.origin.as_slice())
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("tombstone", &self.is_tombstone())
            .field("revision", &self.revision())
            .field("rewraps", &self.rewraps())
            .field("key_id", &self.key_id())
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

/// A text in the buffer that it was decrypted into, wiped on drop.
struct Text(String);

impl Text {
    /// Moves the document, which is the first field, to the start of its buffer, and cuts the rest
    /// off. `len` is the length of all fields.
    fn of(mut plaintext: WipedBytes, document: usize, len: usize) -> Result<Self, OpenError> {
        plaintext.0.copy_within(FIELD_HEAD_LEN..FIELD_HEAD_LEN + document, 0);
        // Wiped before they are cut off: a second copy of the document's last bytes, and the other
        // fields. The padding behind them is zero already.
        plaintext.0[document..len].zeroize();
        plaintext.0.truncate(document);
        match String::from_utf8(plaintext.into_bytes()) {
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
