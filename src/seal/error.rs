//! The errors of this module. None of them holds a key, a passphrase or any text of a document.

use std::io;

use crate::document::error::ParseError;
use crate::seal::format::{MAX_KEYS, MAX_LOCKED_LEN, MAX_LOCKS};
use crate::seal::key_id::KeyId;
use crate::seal::scope::ScopeError;

/// The reason why a record did not open, or gave no secrets.
///
/// The variants are the steps of opening, in their order. An error tells which step failed, and no
/// more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bytes do not start as a record does.
    #[error("these bytes are not a sealed record")]
    NotARecord,
    /// The end of the record is missing.
    #[error("the record is cut off")]
    Truncated,
    /// The record has a version of the format that this library does not read.
    #[error("the record has a format version that this library does not know")]
    UnsupportedVersion,
    /// The record has a cipher suite that this library does not use.
    #[error("the record has a cipher suite that this library does not know")]
    UnsupportedSuite,
    /// The record is of a kind that is not opened here.
    #[error("the record holds another kind of content than is opened here")]
    UnknownKind,
    /// The header breaks the format.
    #[error("the record's header is malformed")]
    Malformed,
    /// More bytes follow the end of the record.
    #[error("the record is followed by further bytes")]
    TrailingBytes,
    /// The key is not in the keyring.
    ///
    /// For a locked keyring: the passphrase or key is wrong, or somebody edited the salt or the
    /// cost of the passphrase.
    #[error("the record is under key {0}, which is not in the keyring")]
    UnknownKey(KeyId),
    /// The key was [disabled](crate::seal::Keyring::disable).
    #[error("the record is under key {0}, which is disabled")]
    KeyDisabled(KeyId),
    /// The key was [destroyed](crate::seal::Keyring::destroy). The record can never be opened
    /// again.
    #[error("the record is under key {0}, which was destroyed")]
    KeyDestroyed(KeyId),
    /// The commitment does not match the key, the scope and the header.
    #[error("the record belongs to another scope, or its header was altered")]
    Mismatch,
    /// The authentication tag does not match the ciphertext.
    #[error("the record's content was altered")]
    Tampered,
    /// The content is authentic but breaks the format, or is not a document. A faulty writer made
    /// it.
    #[error("the record was opened, and what it holds is malformed")]
    BadPayload,
    /// The record is a tombstone, which holds no secrets. Only
    /// [`Opened::into_secrets`](crate::seal::Opened::into_secrets) returns this.
    #[error("the document was deleted")]
    Deleted,
}

impl OpenError {
    /// Returns `true` if the keyring does not open a record, and another one may.
    pub(crate) fn is_of_a_key(&self) -> bool {
        matches!(self, Self::UnknownKey(_) | Self::KeyDisabled(_) | Self::KeyDestroyed(_))
    }
}

/// The reason why a keyring was not changed, or sealed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The keyring does not have this key.
    #[error("key {0} is not in the keyring")]
    Unknown(KeyId),
    /// The key is disabled.
    #[error("key {0} is disabled: enable it first")]
    Disabled(KeyId),
    /// The key was destroyed.
    #[error("key {0} was destroyed")]
    Destroyed(KeyId),
    /// The key is the primary one.
    #[error("key {0} is the primary one: promote another first")]
    Primary(KeyId),
    /// The key is primary or active.
    #[error("key {0} is in use: disable it first")]
    NotDisabled(KeyId),
    /// The keyring has 256 keys already, and at most 128 of them are destroyed, so none is forgotten.
    #[error("the keyring has {MAX_KEYS} keys, which is the most it can hold")]
    Full,
    /// The vault's keyring is kept in its store, so the host cannot replace it.
    #[error("the vault's keyring is in its store: rotate it there, with `Vault::rotate`")]
    InStore,
    /// The keyring has a lower generation than the one that it would replace.
    #[error("the keyring is older than the vault's: load the newest one")]
    Older,
    /// The keyring does not have a key that the one has that it would replace, and that is not destroyed
    /// there.
    #[error("the keyring lacks key {0}, which the vault's has: records may be under it")]
    Lacks(KeyId),
    /// The record has the last revision, 2^63 - 1, or was rewrapped 2^32 - 1 times.
    #[error("the record has the last revision, so no other can follow it")]
    LastRevision,
    /// The text is not a [`KeyId`].
    #[error("a key ID consists of 32 hexadecimal digits")]
    MalformedId,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    Randomness(#[source] io::Error),
    /// A record did not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// The reason why a keyring could not be locked, read or unlocked.
///
/// [`PassphraseCost::new`](crate::seal::PassphraseCost::new),
/// [`KmsKey::new`](crate::seal::KmsKey::new) and [`Custody`](crate::seal::Custody) return it, too.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct LockError(#[from] pub(super) LockFault);

impl From<ScopeError> for LockError {
    fn from(error: ScopeError) -> Self {
        Self(LockFault::Name(error))
    }
}

impl LockError {
    /// Returns the reason why the sealed keys could not be read or opened, if that is the error.
    ///
    /// It tells a wrong key from an edited text:
    ///
    /// - [`OpenError::UnknownKey`] if the key or the passphrase is wrong. An edited salt or cost of a
    ///   passphrase looks the same.
    /// - Another error if the sealed keys, or the KMS fields beside them, were edited.
    ///
    /// ```
    /// use secrets_toml::seal::{Custody, Keyring, Lock, LockedKeyring, OpenError};
    ///
    /// let ours = Custody::new("production")?.lock("host", Lock::raw(&[7; 32]))?;
    /// let theirs = Custody::new("production")?.lock("host", Lock::raw(&[8; 32]))?;
    /// let text = Keyring::generate()?.lock(&ours)?;
    /// let error = LockedKeyring::parse(&text)?.unlock(&theirs).unwrap_err();
    /// assert!(matches!(error.open_error(), Some(OpenError::UnknownKey(_))));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn open_error(&self) -> Option<&OpenError> {
        match &self.0 {
            LockFault::Open(error) | LockFault::Record(error) | LockFault::Row(error) => {
                Some(error)
            }
            LockFault::WrongKey { error, .. } => Some(error),
            _ => None,
        }
    }

    /// A row of a store that does not hold a locked keyring.
    pub(crate) fn of_row(error: OpenError) -> Self {
        LockFault::Row(error).into()
    }

    /// Returns `true` if the text is under another ring key than the keyring keeps, so that it has to
    /// be unlocked by one of its locks.
    #[must_use]
    pub fn is_other_set(&self) -> bool {
        matches!(self.0, LockFault::OtherSet)
    }

    /// Returns `true` if the keyring is older than one that was seen before, or below the floor: an
    /// old copy was put back.
    #[must_use]
    pub fn is_rolled_back(&self) -> bool {
        matches!(self.0, LockFault::RolledBack { .. } | LockFault::BelowFloor { .. })
    }

    /// Returns `true` if the keyring has the set and the generation of one that was seen before, and
    /// another write made it: one of the two is forged, or replaced the other unseen.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        matches!(self.0, LockFault::Forked { .. })
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LockFault {
    // The arguments of a custody and of its locks.
    #[error(transparent)]
    Name(ScopeError),
    #[error("two locks have the same name")]
    RepeatedName,
    #[error("a keyring has 1 to {MAX_LOCKS} locks")]
    LockCount,
    #[cfg(feature = "passphrase")]
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    #[error("`{field}` has to be 1 to {max} bytes long")]
    Field { field: &'static str, max: usize },
    #[error(transparent)]
    Cost(CostFault),

    // Locking and unlocking.
    #[cfg(feature = "passphrase")]
    #[error("there is not enough memory for the cost of the passphrase")]
    OutOfMemory,
    #[error("the operating system gave no randomness")]
    Randomness(#[source] io::Error),
    #[error("the keyring has been locked as often as it can be")]
    LastGeneration,
    #[error("the keyring belongs to another deployment")]
    OtherDeployment,
    #[error("the keyring has no lock of this name")]
    NoSuchLock,
    #[error("the keyring is locked with {expected}, not with {given}")]
    OtherKind { expected: &'static str, given: &'static str },
    #[error("the keyring is locked with another KMS key than the expected one")]
    OtherKmsKey,
    #[error("the wrapped key is not the one in the keyring's text")]
    OtherWrapped,
    #[error("the {kind} of the lock `{name}` is wrong")]
    WrongKey { kind: &'static str, name: String, error: OpenError },
    #[error("the sealed keys were not opened")]
    Open(#[from] OpenError),

    // The order of sets and generations. A place is both numbers.
    #[error("the keyring was neither locked nor unlocked: lock it under a custody first")]
    NeverLocked,
    #[error("the keyring was locked under other locks: unlock it by one of these")]
    OtherSet,
    #[error("the keyring is older than before: it has {}, after {}", at(.found), at(.seen))]
    RolledBack { seen: (u64, u64), found: (u64, u64) },
    #[error("the keyring is older than the floor: it has {}, below {}", at(.found), at(.floor))]
    BelowFloor { floor: (u64, u64), found: (u64, u64) },
    #[error("forked: {} of the keyring was written by another write than before", at(.found))]
    Forked { found: (u64, u64) },

    // The row of a store, and the text of a locked keyring.
    #[error("the store's row of the keyring is damaged")]
    Row(#[source] OpenError),
    #[error("the keyring's text is longer than {MAX_LOCKED_LEN} bytes")]
    TooLong,
    #[error("the keyring's text begins with a byte order mark")]
    ByteOrderMark,
    #[error("the keyring's text is not TOML")]
    Syntax(#[source] ParseError),
    #[error("the keyring has a format that this library does not know")]
    UnsupportedFormat,
    #[error("the keyring has a protection that this library does not know")]
    UnsupportedProtection,
    #[error("the keyring's text lacks `{0}`")]
    Missing(&'static str),
    #[error("the keyring's text has a field that does not belong there")]
    UnknownField,
    #[error("the keyring's `{field}` is not {expected}")]
    Type { field: &'static str, expected: &'static str },
    #[error("the keyring's `{0}` is not canonical base64")]
    Base64(&'static str),
    #[error("in the keyring's text, {0}")]
    NameInText(ScopeError),
    #[error("the keyring's `{field}` has a length that is not allowed")]
    Length { field: &'static str },
    #[cfg(feature = "passphrase")]
    #[error("the keyring's {0}")]
    CostInText(CostFault),
    #[error("the keyring's `sealed` is not a sealed keyring")]
    Record(#[source] OpenError),
}

/// A cost of a passphrase that is too low, or too high.
#[derive(Debug, thiserror::Error)]
pub(super) enum CostFault {
    #[error("{field} is {value}; it has to be {min} to {max}")]
    Range { field: &'static str, value: u32, min: u32, max: u32 },
    #[error("t times m_kib exceed 4 GiB")]
    Work,
}

fn at((set, generation): &(u64, u64)) -> String {
    format!("set {set}, generation {generation}")
}
