//! Past revisions: records that were replaced, and are kept.

use crate::seal::entry::open;
use crate::seal::error::{KeyringError, OpenError};
use crate::seal::format::SCOPE_PAST;
use crate::seal::header::{Kind, Revision};
use crate::seal::keyring::Keyring;
use crate::seal::opened::Opened;
use crate::seal::record::{Place, Record};
use crate::seal::scope::{Scope, ScopeError};

impl Scope {
    /// The scope of a past revision of this one, under which a store keeps its record.
    pub(crate) fn past(&self, revision: Revision) -> Vec<u8> {
        past_key(self.as_bytes(), revision.get())
    }

    /// Reads the scope of a past revision, or returns `None` if these bytes are not one.
    pub(crate) fn of_past(bytes: &[u8]) -> Option<(Self, Revision)> {
        let (scope, revision) = bytes.split_last_chunk::<8>()?;
        let mut scope = scope.to_vec();
        let kind = scope.first_mut()?;
        *kind = kind.checked_sub(SCOPE_PAST)?;
        let revision = Revision::try_from(u64::from_be_bytes(*revision)).ok()?;
        Some((Self::from_bytes(&scope).ok()?, revision))
    }

    /// The kinds of a record in the scope of these bytes. Fails if they are not the scope of a
    /// document, present or past.
    pub(crate) fn kinds(bytes: &[u8]) -> Result<&'static [Kind], ScopeError> {
        match Self::from_bytes(bytes) {
            Ok(_) => Ok(&Kind::PRESENT),
            Err(error) => Self::of_past(bytes).map(|_| &Kind::PAST[..]).ok_or(error),
        }
    }
}

/// The scope of a past revision, of the scope with this encoding. It ends in the number, so the past
/// revisions of a scope are in the order of their numbers.
pub(crate) fn past_key(scope: &[u8], number: u64) -> Vec<u8> {
    past_prefix(&[scope, &number.to_be_bytes()].concat())
}

/// The prefix of the scopes of past revisions, of the scopes whose encodings begin with these bytes.
pub(crate) fn past_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut past = prefix.to_vec();
    past[0] += SCOPE_PAST;
    past
}

impl Keyring {
    /// Seals the content of a record again as a past revision, to be kept after it is replaced.
    ///
    /// The past record has the same revision, content and origin. It opens with
    /// [`open_past`](Self::open_past) only, so nobody can put it back in the present's place.
    ///
    /// # Errors
    ///
    /// - Returns [`KeyringError::Open`] if the record does not open.
    /// - Returns [`KeyringError::Randomness`] if the operating system gives no randomness.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, OpenError, Revision, Scope};
    ///
    /// let (keyring, scope) = (Keyring::generate()?, Scope::module("chat")?);
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// let record = keyring.seal(&scope, Revision::FIRST, &secrets)?;
    ///
    /// let past = keyring.seal_past(&scope, record.as_bytes())?;
    /// let opened = keyring.open_past(&scope, Revision::FIRST, past.as_bytes())?;
    /// assert_eq!(opened.expose_text(), Some("TOKEN = 'hunter2'"));
    /// let error = keyring.open(&scope, past.as_bytes()).unwrap_err();
    /// assert_eq!(error, OpenError::UnknownKind);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn seal_past(&self, scope: &Scope, record: &[u8]) -> Result<Record, KeyringError> {
        self.reseal_past(scope, &self.open(scope, record)?, 0)
    }

    /// Opens the record of a past revision of this scope.
    ///
    /// # Errors
    ///
    /// Returns the [`OpenError`] of the first step that fails, as [`open`](Self::open) does. A record
    /// of another revision is [`OpenError::Mismatch`].
    pub fn open_past(
        &self,
        scope: &Scope,
        revision: Revision,
        record: &[u8],
    ) -> Result<Opened, OpenError> {
        let past = scope.past(revision);
        open(self.keys(), Place::past(&past, revision), record, |key| key.scope_key(&past))
    }

    /// Seals a past revision again under the primary key. Same as [`rewrap`](Self::rewrap).
    ///
    /// # Errors
    ///
    /// Same as [`rewrap`](Self::rewrap).
    pub fn rewrap_past(
        &self,
        scope: &Scope,
        revision: Revision,
        record: &[u8],
    ) -> Result<Option<Record>, KeyringError> {
        let past = scope.past(revision);
        if self.is_under_primary(Place::past(&past, revision), record)? {
            return Ok(None);
        }
        let opened = self.open_past(scope, revision, record)?;
        let rewraps = opened.rewraps().checked_add(1).ok_or(KeyringError::LastRevision)?;
        Ok(Some(self.reseal_past(scope, &opened, rewraps)?))
    }

    /// Seals an opened record, present or past, as a past revision.
    pub(crate) fn reseal_past(
        &self,
        scope: &Scope,
        opened: &Opened,
        rewraps: u32,
    ) -> Result<Record, KeyringError> {
        let kind = Kind::of_content(!opened.is_tombstone(), true);
        let past = scope.past(opened.revision());
        self.seal_fields(kind, &past, opened.revision(), rewraps, &opened.fields())
    }
}
