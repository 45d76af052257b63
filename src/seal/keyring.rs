//! The keys that seal and open, and what becomes of them.

use std::fmt;

use zeroize::Zeroize;

use crate::seal::derive::{Material, ScopeKey};
use crate::seal::key_id::KeyId;
use crate::seal::random::{Random, RandomnessError, random};
use crate::seal::record::{
    Draft, Header, Kind, OpenError, Opened, Record, Revision, SealError, Sealed, WipedBytes,
};
use crate::seal::scope::Scope;
use crate::validate::Secrets;

/// How many keys a keyring holds, destroyed ones included: a key a month for 21 years.
pub const MAX_KEYS: usize = 256;

/// One key in a keyring's sealed document: state, id, material.
const ENTRY: usize = 1 + 16 + 32;

/// What a key of a keyring may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyState {
    /// It seals and opens; one key of the keyring is primary.
    Primary,
    /// It opens.
    Active,
    /// It refuses to open, until it is enabled again.
    Disabled,
    /// It is gone. Its id stays, so that a record under it can say so.
    Destroyed,
}

/// The proof that no record needs a key any more: it names that key.
///
/// Only a complete scan of a store makes one, begun while the key was disabled, without a record
/// that could not be read. It speaks for that store alone: other stores, processes, exports and
/// [`ScopeKeyring`]s in use are the host's to think of.
#[derive(Debug)]
pub struct Unused(KeyId);

impl Unused {
    /// To be called with what such a scan found, and nowhere else.
    pub(crate) fn of(id: KeyId) -> Self {
        Self(id)
    }
}

/// The keys that seal and open records. One is primary; the others open what was sealed under them.
///
/// There is no `Clone` and no `Serialize`: to keep a keyring, [lock](Self::lock) it. `Debug` shows
/// ids and states. Keys lie in place on the heap and are wiped on drop; copies that the compiler
/// makes on the stack are wiped on best effort only.
///
/// # Changing the primary key
///
/// In this order no process ever meets a record that it cannot open:
///
/// 1. [`add`](Self::add) a key: it only opens. [Lock](Self::lock) and keep the keyring, and load it
///    in every process.
/// 2. [`promote`](Self::promote) the key, lock and keep the keyring again, load it everywhere.
/// 3. [`rewrap`](Self::rewrap) what is stale.
/// 4. When nothing is under the old key any more, [`disable`](Self::disable) it, look once more,
///    and [`destroy`](Self::destroy) it.
///
/// # Examples
///
/// ```
/// use secrets_toml::Document;
/// use secrets_toml::seal::{Keyring, Revision, Scope};
///
/// let keyring = Keyring::generate()?;
/// let scope = Scope::module("chat")?.version("1.2.0")?;
/// let secrets = Document::parse("CLARIFAI_PAT = 'hunter2'")?.validate()?;
///
/// let record = keyring.seal(&scope, Revision::FIRST, &secrets)?;
/// let opened = keyring.open(&scope, record.as_bytes())?.into_secrets()?;
/// assert_eq!(opened.expose_text(), secrets.expose_text());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Keyring {
    entries: Vec<Entry>,
    generation: u64,
}

impl Keyring {
    /// A keyring with one new key.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no randomness.
    pub fn generate() -> Result<Self, RandomnessError> {
        Ok(Self::of(&*random()?))
    }

    /// A keyring with one key that was made elsewhere. The bytes must be uniformly random and
    /// secret: a passphrase is neither, see [`Protection::passphrase`](crate::seal::Protection).
    ///
    /// The array is wiped here; the caller's own copies are the caller's.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let keyring = Self::of(&bytes);
        bytes.as_mut_slice().zeroize();
        keyring
    }

    fn of(bytes: &[u8; 32]) -> Self {
        let entry = Entry::new(Material::copy_of(bytes), KeyState::Primary);
        Self { entries: vec![entry], generation: 0 }
    }

    /// Adds a new key, which opens and does not seal until it is [promoted](Self::promote).
    ///
    /// # Errors
    ///
    /// [`KeyringError::Full`] at [`MAX_KEYS`] keys, and where the operating system gives no
    /// randomness.
    pub fn add(&mut self) -> Result<KeyId, KeyringError> {
        if self.entries.len() == MAX_KEYS {
            return Err(KeyringError::Full);
        }
        let entry = Entry::new(Material::copy_of(&*random()?), KeyState::Active);
        let id = entry.id;
        self.entries.push(entry);
        Ok(id)
    }

    /// Makes an active key the primary one; the primary one until now stays active.
    ///
    /// # Errors
    ///
    /// Where the key is not in the keyring, is disabled, or is destroyed.
    pub fn promote(&mut self, id: &KeyId) -> Result<(), KeyringError> {
        let new = self.position(id)?;
        match self.entries[new].state {
            KeyState::Primary | KeyState::Active => {}
            KeyState::Disabled => return Err(KeyringError::Disabled(*id)),
            KeyState::Destroyed => return Err(KeyringError::Destroyed(*id)),
        }
        for entry in &mut self.entries {
            if entry.state == KeyState::Primary {
                entry.state = KeyState::Active;
            }
        }
        self.entries[new].state = KeyState::Primary;
        Ok(())
    }

    /// Makes a key refuse to open, until it is [enabled](Self::enable) again.
    ///
    /// # Errors
    ///
    /// Where the key is not in the keyring, is primary, or is destroyed.
    pub fn disable(&mut self, id: &KeyId) -> Result<(), KeyringError> {
        let entry = self.entry_mut(id)?;
        match entry.state {
            KeyState::Active | KeyState::Disabled => entry.state = KeyState::Disabled,
            KeyState::Primary => return Err(KeyringError::Primary(*id)),
            KeyState::Destroyed => return Err(KeyringError::Destroyed(*id)),
        }
        Ok(())
    }

    /// Lets a disabled key open again.
    ///
    /// # Errors
    ///
    /// Where the key is not in the keyring, or is destroyed.
    pub fn enable(&mut self, id: &KeyId) -> Result<(), KeyringError> {
        let entry = self.entry_mut(id)?;
        match entry.state {
            KeyState::Disabled => entry.state = KeyState::Active,
            KeyState::Primary | KeyState::Active => {}
            KeyState::Destroyed => return Err(KeyringError::Destroyed(*id)),
        }
        Ok(())
    }

    /// Wipes a disabled key for good. Its id stays, so that a record under it can say so.
    ///
    /// # Errors
    ///
    /// Where the key is not in the keyring or is not disabled, and where the proof is for another
    /// key.
    pub fn destroy(&mut self, id: &KeyId, unused: Unused) -> Result<(), KeyringError> {
        let Unused(proven) = unused;
        let entry = self.entry_mut(id)?;
        if proven != *id {
            return Err(KeyringError::OtherKey(proven));
        }
        match entry.state {
            KeyState::Disabled => {}
            KeyState::Destroyed => return Err(KeyringError::Destroyed(*id)),
            KeyState::Primary | KeyState::Active => return Err(KeyringError::NotDisabled(*id)),
        }
        entry.state = KeyState::Destroyed;
        entry.material = None;
        Ok(())
    }

    /// The keys with their states, in the order in which they were added.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (KeyId, KeyState)> {
        self.entries.iter().map(|entry| (entry.id, entry.state))
    }

    /// The id of the primary key.
    #[must_use]
    pub fn primary(&self) -> KeyId {
        self.primary_entry().id
    }

    /// How often the keyring was locked: 0 of one that never was. A host that keeps the number
    /// elsewhere notices when an old keyring is put back.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Seals a document for a scope, under the primary key.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no randomness. A document that was read is never too long.
    pub fn seal(
        &self,
        scope: &Scope,
        revision: Revision,
        secrets: &Secrets,
    ) -> Result<Record, SealError> {
        let text = secrets.expose_text().as_bytes();
        self.seal_with(Kind::Document, scope, revision, text, &random()?)
    }

    /// Seals the word that the document of a scope was deleted, under the primary key.
    ///
    /// # Errors
    ///
    /// Where the operating system gives no randomness.
    pub fn seal_tombstone(&self, scope: &Scope, revision: Revision) -> Result<Record, SealError> {
        self.seal_with(Kind::Tombstone, scope, revision, &[], &random()?)
    }

    /// Opens a record that was sealed for this scope.
    ///
    /// # Errors
    ///
    /// [`OpenError`], by the first step that failed. Nothing of the content is returned then, and
    /// what was decrypted is wiped. No second key is ever tried.
    pub fn open(&self, scope: &Scope, record: &[u8]) -> Result<Opened, OpenError> {
        open(&self.entries, scope, record, |material| material.scope_key(scope))
    }

    /// Seals what a record holds again, under the primary key and at the next revision.
    ///
    /// `None`: the record says that it is under the primary key already. It was not decrypted then,
    /// so this tells nothing about whether it is intact.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`OpenError::Reseal`] after the last revision, or where the
    /// operating system gives no randomness.
    pub fn rewrap(&self, scope: &Scope, record: &[u8]) -> Result<Option<Record>, OpenError> {
        let sealed = Sealed::parse(record, &[Kind::Document, Kind::Tombstone])?;
        if sealed.header.key_id() == self.primary() {
            return Ok(None);
        }
        let opened = self.open(scope, record)?;
        let next = opened.revision().next().ok_or(SealError::LastRevision)?;
        Ok(Some(self.reseal(scope, next, &opened)?))
    }

    /// The keys that open this one scope and nothing else, as they are now: what may be handed to
    /// whoever runs one module. Later changes of the keyring do not reach it.
    #[must_use]
    pub fn for_scope(&self, scope: &Scope) -> ScopeKeyring {
        let entries = self.entries.iter().map(|entry| {
            let usable = matches!(entry.state, KeyState::Primary | KeyState::Active);
            let material = entry.material.as_ref().filter(|_| usable);
            let material = material.map(|material| material.scope_material(scope));
            Entry { id: entry.id, state: entry.state, material }
        });
        ScopeKeyring { scope: scope.clone(), entries: entries.collect() }
    }

    /// Seals what was opened for a scope, under the primary key.
    pub(crate) fn reseal(
        &self,
        scope: &Scope,
        revision: Revision,
        opened: &Opened,
    ) -> Result<Record, SealError> {
        let (kind, text) = match opened.expose_text() {
            Some(text) => (Kind::Document, text),
            None => (Kind::Tombstone, ""),
        };
        self.seal_with(kind, scope, revision, text.as_bytes(), &random()?)
    }

    /// Seals anything under the primary key: a function of its arguments.
    pub(super) fn seal_with(
        &self,
        kind: Kind,
        scope: &Scope,
        revision: Revision,
        doc: &[u8],
        random: &Random,
    ) -> Result<Record, SealError> {
        let primary = self.primary_entry();
        let material = primary.material.as_ref().expect("the primary key is never destroyed");
        let scope_key = &material.scope_key(scope);
        Draft { kind, revision, key_id: primary.id, scope, scope_key }.seal(doc, random)
    }

    /// Opens a record of one kind, and gives its header and what it holds.
    pub(super) fn open_kind(
        &self,
        kind: Kind,
        scope: &Scope,
        record: &[u8],
    ) -> Result<(Header, WipedBytes), OpenError> {
        let sealed = Sealed::parse(record, &[kind])?;
        let id = sealed.header.key_id();
        let entry = self.entries.iter().find(|entry| entry.id == id);
        let material = entry.ok_or(OpenError::UnknownKey(id))?.usable()?;
        let content = sealed.open(scope, &material.scope_key(scope))?;
        Ok((sealed.header, content.doc))
    }

    /// The content of the record that a locked keyring holds.
    pub(super) fn encode(&self) -> WipedBytes {
        let mut doc = WipedBytes(Vec::with_capacity(2 + ENTRY * self.entries.len()));
        let count = u16::try_from(self.entries.len()).expect("a keyring has at most 256 keys");
        doc.0.extend_from_slice(&count.to_be_bytes());
        for entry in &self.entries {
            doc.0.push(match entry.state {
                KeyState::Primary => 1,
                KeyState::Active => 2,
                KeyState::Disabled => 3,
                KeyState::Destroyed => 4,
            });
            doc.0.extend_from_slice(entry.id.as_bytes());
            match &entry.material {
                Some(material) => doc.0.extend_from_slice(material.expose()),
                None => doc.0.extend_from_slice(&[0; 32]),
            }
        }
        doc
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` where it breaks the format.
    pub(super) fn decode(doc: &[u8], generation: u64) -> Option<Self> {
        let (count, rest) = doc.split_first_chunk::<2>()?;
        let count = usize::from(u16::from_be_bytes(*count));
        if !(1..=MAX_KEYS).contains(&count) || rest.len() != count * ENTRY {
            return None;
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        for bytes in rest.chunks_exact(ENTRY) {
            let entry = Entry::decode(bytes)?;
            if entries.iter().any(|earlier| earlier.id == entry.id) {
                return None;
            }
            entries.push(entry);
        }
        let primaries = entries.iter().filter(|entry| entry.state == KeyState::Primary).count();
        (primaries == 1).then_some(Self { entries, generation })
    }

    pub(super) fn set_generation(&mut self, generation: Revision) {
        self.generation = generation.get();
    }

    fn primary_entry(&self) -> &Entry {
        let primary = self.entries.iter().find(|entry| entry.state == KeyState::Primary);
        primary.expect("a keyring has exactly one primary key")
    }

    fn position(&self, id: &KeyId) -> Result<usize, KeyringError> {
        let position = self.entries.iter().position(|entry| entry.id == *id);
        position.ok_or(KeyringError::Unknown(*id))
    }

    fn entry_mut(&mut self, id: &KeyId) -> Result<&mut Entry, KeyringError> {
        let position = self.position(id)?;
        Ok(&mut self.entries[position])
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("generation", &self.generation)
            .field("entries", &self.entries)
            .finish()
    }
}

/// The keys that open the records of one scope: a snapshot, which seals nothing.
///
/// It holds keys that are derived for that scope. Neither the keyring's keys nor those of another
/// scope can be worked out from them.
///
/// ```
/// use secrets_toml::Document;
/// use secrets_toml::seal::{Keyring, OpenError, Revision, Scope};
///
/// let version = Scope::module("chat")?.version("1.2.0")?;
/// let (acme, other) = (version.install("acme")?, version.install("other")?);
/// let keyring = Keyring::generate()?;
/// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
///
/// let acme_only = keyring.for_scope(&acme);
/// let record = keyring.seal(&acme, Revision::FIRST, &secrets)?;
/// assert!(acme_only.open(record.as_bytes()).is_ok());
/// let record = keyring.seal(&other, Revision::FIRST, &secrets)?;
/// assert_eq!(acme_only.open(record.as_bytes()).unwrap_err(), OpenError::Mismatch);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ScopeKeyring {
    scope: Scope,
    entries: Vec<Entry>,
}

impl ScopeKeyring {
    /// Opens a record of its scope.
    ///
    /// # Errors
    ///
    /// As [`Keyring::open`].
    pub fn open(&self, record: &[u8]) -> Result<Opened, OpenError> {
        open(&self.entries, &self.scope, record, Material::as_scope_key)
    }

    /// The scope.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl fmt::Debug for ScopeKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeKeyring")
            .field("scope", &self.scope)
            .field("entries", &self.entries)
            .finish()
    }
}

/// Why a keyring was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// There is no such key.
    #[error("key {0} is not in the keyring")]
    Unknown(KeyId),
    /// The key is disabled.
    #[error("key {0} is disabled: enable it first")]
    Disabled(KeyId),
    /// The key is destroyed.
    #[error("key {0} was destroyed")]
    Destroyed(KeyId),
    /// The key is the primary one.
    #[error("key {0} is the primary one: promote another first")]
    Primary(KeyId),
    /// The key is not disabled.
    #[error("key {0} is in use: disable it first")]
    NotDisabled(KeyId),
    /// The proof is for this other key.
    #[error("the proof is for key {0}, which is another")]
    OtherKey(KeyId),
    /// There are [`MAX_KEYS`] keys already.
    #[error("the keyring has {MAX_KEYS} keys, which is as many as it holds")]
    Full,
    /// The operating system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
}

/// One key, of a keyring or derived for a scope.
struct Entry {
    id: KeyId,
    state: KeyState,
    /// Absent where the key is destroyed, and in a scope's keyring where it is disabled.
    material: Option<Material>,
}

impl Entry {
    fn new(material: Material, state: KeyState) -> Self {
        Self { id: material.key_id(), state, material: Some(material) }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[state], rest) = bytes.split_first_chunk::<1>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let material = rest.first_chunk::<32>()?;
        let id = KeyId::from_bytes(*id);
        let state = match state {
            1 => KeyState::Primary,
            2 => KeyState::Active,
            3 => KeyState::Disabled,
            4 if *material == [0; 32] => {
                return Some(Self { id, state: KeyState::Destroyed, material: None });
            }
            _ => return None,
        };
        let entry = Self::new(Material::copy_of(material), state);
        (entry.id == id).then_some(entry)
    }

    fn usable(&self) -> Result<&Material, OpenError> {
        match (self.state, &self.material) {
            (KeyState::Primary | KeyState::Active, Some(material)) => Ok(material),
            (KeyState::Disabled, _) => Err(OpenError::KeyDisabled(self.id)),
            _ => Err(OpenError::KeyDestroyed(self.id)),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.id, self.state)
    }
}

/// Opens a record of a scope: reads its header, finds its key among these, and uses no other.
fn open(
    entries: &[Entry],
    scope: &Scope,
    record: &[u8],
    scope_key: impl FnOnce(&Material) -> ScopeKey,
) -> Result<Opened, OpenError> {
    let sealed = Sealed::parse(record, &[Kind::Document, Kind::Tombstone])?;
    let id = sealed.header.key_id();
    let entry = entries.iter().find(|entry| entry.id == id).ok_or(OpenError::UnknownKey(id))?;
    let content = sealed.open(scope, &scope_key(entry.usable()?))?;
    Opened::new(content, sealed.header.revision(), id, entry.state != KeyState::Primary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_s_keyring_holds_no_key_that_it_may_not_use() {
        let mut keyring = Keyring::from_bytes([1; 32]);
        let id = keyring.add().unwrap();
        keyring.disable(&id).unwrap();
        let of_scope = keyring.for_scope(&Scope::module("chat").unwrap());
        let held: Vec<bool> = of_scope.entries.iter().map(|e| e.material.is_some()).collect();
        assert_eq!(held, [true, false]);
    }
}
