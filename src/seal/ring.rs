//! The ring key that an unlocked keyring keeps, with its locks and its place in the order of
//! generations.

use crate::seal::derive::Material;
use crate::seal::error::{LockFault, OpenError};
use crate::seal::format::TAG_KEYRING;
use crate::seal::header::Kind;
use crate::seal::locked_text::LockedText;
use crate::seal::record::{Place, Sealed, WipedBytes};

/// The ring key, and the text whose keys it opens. The key is wiped on drop.
///
/// The text is authentic: it was opened with the ring key, or written with it.
pub(super) struct Ring {
    pub(super) key: Material,
    pub(super) text: LockedText,
}

impl Ring {
    /// Decrypts the keys of the text and reads them.
    pub(super) fn open<T>(&self, read: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, OpenError> {
        let scope = self.text.scope();
        let (sealed, plaintext) = open_under(&self.key, &scope, &Kind::Keyring, &self.text.sealed)?;
        let keys = sealed.fields(&plaintext)?.get(TAG_KEYRING);
        keys.and_then(read).ok_or(OpenError::BadPayload)
    }

    /// Returns `true` if the ring key is the one that sealed the keys of a text, as its header says.
    pub(super) fn sealed(&self, text: &LockedText) -> bool {
        text.header().key_id() == self.key.key_id()
    }

    /// Refuses a text that is older than this one, or a fork of it.
    ///
    /// # Errors
    ///
    /// - Returns [`LockFault::RolledBack`] if the set or the generation is lower.
    /// - Returns [`LockFault::Forked`] if both are the same, and the keys were sealed by another
    ///   write.
    pub(super) fn check_later(&self, text: &LockedText) -> Result<(), LockFault> {
        let (seen, found) = (self.text.place(), text.place());
        if is_below(found, seen) {
            return Err(LockFault::RolledBack { seen, found });
        }
        if found == seen && text.header().commitment() != self.text.header().commitment() {
            return Err(LockFault::Forked { found });
        }
        Ok(())
    }
}

/// Returns `true` if the set or the generation is lower than another, each number on its own.
pub(super) fn is_below(place: (u64, u64), least: (u64, u64)) -> bool {
    place.0 < least.0 || place.1 < least.1
}

/// Opens a record that may be under this one key only.
pub(super) fn open_under<'a>(
    key: &Material,
    scope: &'a [u8],
    kind: &'a Kind,
    record: &'a [u8],
) -> Result<(Sealed<'a>, WipedBytes), OpenError> {
    let sealed = Sealed::parse(record, Place::of_kind(scope, kind))?;
    if key.key_id() != sealed.header.key_id() {
        return Err(OpenError::UnknownKey(sealed.header.key_id()));
    }
    let plaintext = sealed.open(&key.scope_key(scope))?;
    Ok((sealed, plaintext))
}
