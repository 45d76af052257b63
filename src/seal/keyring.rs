//! The keyring: the keys that seal and open records.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use zeroize::Zeroize;

use crate::seal::contents::{By, Contents};
use crate::seal::derive::Material;
use crate::seal::entry::{Entry, KeyState, find, open};
use crate::seal::error::{KeyringError, OpenError};
use crate::seal::fields::Fields;
use crate::seal::format::{ENTRY_LEN, MAX_DESTROYED, MAX_KEYS};
use crate::seal::header::{Kind, Revision};
use crate::seal::key_id::KeyId;
use crate::seal::opened::Opened;
use crate::seal::random::{Random, random};
use crate::seal::record::{Draft, Place, Record, Sealed, WipedBytes};
use crate::seal::ring::Ring;
use crate::seal::scope::Scope;
use crate::seal::scope_keyring::ScopeKeyring;

/// The keys that seal and open records.
///
/// One key is primary: it seals. The other keys open what was sealed under them.
///
/// A keyring is neither `Clone` nor `Serialize`. To store it, [lock](Self::lock) it. `Debug` shows
/// IDs and states only. Each key has one place on the heap and is wiped on drop; copies that the
/// compiler leaves on the stack are wiped on a best-effort basis.
///
/// # Rotating keys
///
/// Take these steps in this order, and no process ever meets a record that it cannot open:
///
/// 1. [`add`](Self::add) a key, which only opens. [Lock](Self::lock) and store the keyring, and
///    load it in every process.
/// 2. [`promote`](Self::promote) the key. Lock and store the keyring again, and load it everywhere.
/// 3. [`rewrap`](Self::rewrap) the records that are under the old key.
/// 4. [`disable`](Self::disable) the old key. If [every record still opens](Self::prove_unused),
///    [`destroy`](Self::destroy) it.
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
    /// `None` if the keyring was neither locked nor unlocked.
    ///
    /// It is in a box, so that a keyring has no unused bytes. They would take copies of keys, which the
    /// stack had in their place, to the heap.
    ring: Option<Box<Ring>>,
}

impl Keyring {
    /// Generates a keyring with one key.
    ///
    /// # Errors
    ///
    /// Returns [`KeyringError::Randomness`] if the operating system gives no randomness.
    pub fn generate() -> Result<Self, KeyringError> {
        Ok(Self::of(&*fresh()?))
    }

    /// Makes a keyring of one key that was generated elsewhere.
    ///
    /// The bytes must be uniformly random and secret. A passphrase is neither; see [`Lock`]. This
    /// function wipes its argument, and the caller wipes its own copies.
    ///
    /// [`Lock`]: crate::seal::Lock
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let keyring = Self::of(&bytes);
        bytes.as_mut_slice().zeroize();
        keyring
    }

    fn of(bytes: &[u8; 32]) -> Self {
        let entry = Entry::new(Material::copy_of(bytes), KeyState::Primary);
        Self { entries: vec![entry], ring: None }
    }

    /// Generates another key and returns its ID.
    ///
    /// The key is active: it opens, but does not seal until it is [promoted](Self::promote).
    ///
    /// # Errors
    ///
    /// - Returns [`KeyringError::Full`] if the keyring has 256 keys already, of which at most 128 are
    ///   destroyed. If more are, the first of these are forgotten.
    /// - Returns [`KeyringError::Randomness`] if the operating system gives no randomness.
    pub fn add(&mut self) -> Result<KeyId, KeyringError> {
        if self.entries.len() >= MAX_KEYS && self.surplus() == 0 {
            return Err(KeyringError::Full);
        }
        let entry = Entry::new(Material::copy_of(&*fresh()?), KeyState::Active);
        let id = entry.id;
        if self.entries.len() >= MAX_KEYS {
            self.forget_destroyed();
        }
        self.entries.push(entry);
        Ok(id)
    }

    /// Makes an active key the primary one. The previous primary key becomes active.
    ///
    /// # Errors
    ///
    /// Returns [`KeyringError::Unknown`], [`Disabled`](KeyringError::Disabled) or
    /// [`Destroyed`](KeyringError::Destroyed) if that is the state of the key.
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

    /// Disables a key: it opens nothing until it is [enabled](Self::enable) again.
    ///
    /// # Errors
    ///
    /// Returns [`KeyringError::Unknown`], [`Primary`](KeyringError::Primary) or
    /// [`Destroyed`](KeyringError::Destroyed) if that is the state of the key.
    pub fn disable(&mut self, id: &KeyId) -> Result<(), KeyringError> {
        let entry = self.entry_mut(id)?;
        match entry.state {
            KeyState::Active | KeyState::Disabled => entry.state = KeyState::Disabled,
            KeyState::Primary => return Err(KeyringError::Primary(*id)),
            KeyState::Destroyed => return Err(KeyringError::Destroyed(*id)),
        }
        Ok(())
    }

    /// Makes a disabled key active again.
    ///
    /// # Errors
    ///
    /// Returns [`KeyringError::Unknown`] or [`Destroyed`](KeyringError::Destroyed) if that is the
    /// state of the key.
    pub fn enable(&mut self, id: &KeyId) -> Result<(), KeyringError> {
        let entry = self.entry_mut(id)?;
        match entry.state {
            KeyState::Disabled => entry.state = KeyState::Active,
            KeyState::Primary | KeyState::Active => {}
            KeyState::Destroyed => return Err(KeyringError::Destroyed(*id)),
        }
        Ok(())
    }

    /// Proves that no record needs a disabled key, by opening every record without it.
    ///
    /// This is for hosts that store records without a [`Vault`](crate::vault::Vault), which makes
    /// the proof from a scan of its store. **The caller vouches that these are all records** under
    /// this keyring: those in other stores, in exports and in backups included. Nothing can be
    /// proven about a record that is not given.
    ///
    /// # Errors
    ///
    /// - Returns [`KeyringError::Unknown`] or [`Destroyed`](KeyringError::Destroyed) if the key is
    ///   absent or gone, and [`NotDisabled`](KeyringError::NotDisabled) if it is primary or active.
    /// - Returns [`KeyringError::Open`] if a record does not open, for whatever reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    /// use secrets_toml::seal::{Keyring, Revision, Scope};
    ///
    /// let scope = Scope::module("chat")?;
    /// let mut keyring = Keyring::generate()?;
    /// let old = keyring.primary();
    /// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
    /// let record = keyring.seal(&scope, Revision::FIRST, &secrets)?;
    ///
    /// let new = keyring.add()?;
    /// keyring.promote(&new)?;
    /// let rewrapped = keyring.rewrap(&scope, record.as_bytes())?.expect("it is under the old key");
    /// keyring.disable(&old)?;
    /// assert!(keyring.prove_unused(&old, [(&scope, &record)]).is_err());
    /// let unused = keyring.prove_unused(&old, [(&scope, &rewrapped)])?;
    /// keyring.destroy(unused)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn prove_unused(
        &self,
        id: &KeyId,
        records: impl IntoIterator<Item = (impl Borrow<Scope>, impl AsRef<[u8]>)>,
    ) -> Result<Unused, KeyringError> {
        self.check_disabled(id)?;
        for (scope, record) in records {
            self.open(scope.borrow(), record.as_ref())?;
        }
        Ok(Unused::of(*id))
    }

    /// Destroys the key that is proven unused. Its material is wiped, and only its ID stays.
    ///
    /// # Errors
    ///
    /// Returns [`KeyringError::Unknown`], [`NotDisabled`](KeyringError::NotDisabled) or
    /// [`Destroyed`](KeyringError::Destroyed) if that is the state of the key.
    pub fn destroy(&mut self, unused: Unused) -> Result<(), KeyringError> {
        let Unused(id) = unused;
        self.check_disabled(&id)?;
        let entry = self.entry_mut(&id)?;
        entry.state = KeyState::Destroyed;
        entry.material = None;
        Ok(())
    }

    fn check_disabled(&self, id: &KeyId) -> Result<(), KeyringError> {
        match self.entries[self.position(id)?].state {
            KeyState::Disabled => Ok(()),
            KeyState::Destroyed => Err(KeyringError::Destroyed(*id)),
            KeyState::Primary | KeyState::Active => Err(KeyringError::NotDisabled(*id)),
        }
    }

    /// Returns the keys with their states, in the order in which they were added.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (KeyId, KeyState)> {
        self.entries.iter().map(|entry| (entry.id, entry.state))
    }

    /// Returns the ID of the primary key.
    #[must_use]
    pub fn primary(&self) -> KeyId {
        self.primary_entry().id
    }

    /// Returns the generation: how often the keyring has been locked, [anew](Self::lock) or
    /// [again](Self::lock_again), and 0 if it never was.
    ///
    /// A host that also keeps this number elsewhere notices if somebody puts an old keyring back: see
    /// [`Custody::at_least`](crate::seal::Custody::at_least).
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.ring.as_ref().map_or(0, |ring| ring.text.place().1)
    }

    /// Returns the set: the generation in which the present set of locks was [written](Self::lock),
    /// or 0 if the keyring was never locked.
    #[must_use]
    pub fn set(&self) -> u64 {
        self.ring.as_ref().map_or(0, |ring| ring.text.place().0)
    }

    /// Seals a document for a scope under the primary key.
    ///
    /// The contents are `&secrets`, or [`Contents`] with a template and an author beside it.
    ///
    /// # Errors
    ///
    /// Returns [`KeyringError::Randomness`] if the operating system gives no randomness.
    pub fn seal<'a>(
        &self,
        scope: &Scope,
        revision: Revision,
        contents: impl Into<Contents<'a>>,
    ) -> Result<Record, KeyringError> {
        self.seal_contents(scope, revision, &contents.into())
    }

    /// Seals a tombstone, which records that the document of a scope was deleted, and by whom.
    ///
    /// # Errors
    ///
    /// Returns [`KeyringError::Randomness`] if the operating system gives no randomness.
    pub fn seal_tombstone(
        &self,
        scope: &Scope,
        revision: Revision,
        by: impl Into<Option<By>>,
    ) -> Result<Record, KeyringError> {
        self.seal_deletion(scope, revision, by.into().as_ref())
    }

    /// Opens a record that was sealed for this scope.
    ///
    /// No key is ever tried but the one that the record names.
    ///
    /// # Errors
    ///
    /// Returns the [`OpenError`] of the first step that fails. Nothing of the content is returned
    /// then, and what was decrypted is wiped.
    pub fn open(&self, scope: &Scope, record: &[u8]) -> Result<Opened, OpenError> {
        open(&self.entries, Place::present(scope), record, |key| key.scope_key(scope.as_bytes()))
    }

    /// Seals the content of a record again under the primary key.
    ///
    /// The revision, the content and the [origin](Opened::origin) stay, and the number of
    /// [rewraps](Opened::rewraps) is one more. Returns `None` if the record names the primary key
    /// already. It is not decrypted then, so `None` does not tell if the record is intact.
    ///
    /// # Errors
    ///
    /// - Returns [`KeyringError::Open`] if the record does not open.
    /// - Returns [`KeyringError::LastRevision`] if the record was rewrapped 2^32 - 1 times.
    /// - Returns [`KeyringError::Randomness`] if the operating system gives no randomness.
    pub fn rewrap(&self, scope: &Scope, record: &[u8]) -> Result<Option<Record>, KeyringError> {
        if self.is_under_primary(Place::present(scope), record)? {
            return Ok(None);
        }
        Ok(Some(self.reseal(scope, &self.open(scope, record)?)?))
    }

    /// Derives the keys that open this one scope, as a snapshot.
    ///
    /// Later changes of this keyring do not reach the snapshot.
    #[must_use]
    pub fn for_scope(&self, scope: &Scope) -> ScopeKeyring {
        ScopeKeyring::of(&self.entries, scope)
    }

    pub(crate) fn seal_contents(
        &self,
        scope: &Scope,
        revision: Revision,
        contents: &Contents<'_>,
    ) -> Result<Record, KeyringError> {
        self.seal_fields(Kind::Document, scope.as_bytes(), revision, 0, &contents.fields())
    }

    pub(crate) fn seal_deletion(
        &self,
        scope: &Scope,
        revision: Revision,
        by: Option<&By>,
    ) -> Result<Record, KeyringError> {
        let fields = By::add(by, Fields::default());
        self.seal_fields(Kind::Tombstone, scope.as_bytes(), revision, 0, &fields)
    }

    /// Seals an opened record of this scope again, at the same revision.
    pub(crate) fn reseal(&self, scope: &Scope, opened: &Opened) -> Result<Record, KeyringError> {
        let kind = Kind::of_content(!opened.is_tombstone(), false);
        let rewraps = opened.rewraps().checked_add(1).ok_or(KeyringError::LastRevision)?;
        let fields = opened.fields();
        self.seal_fields(kind, scope.as_bytes(), opened.revision(), rewraps, &fields)
    }

    /// Seals the document and the template of an opened record as a new revision of a scope.
    pub(crate) fn seal_copy(
        &self,
        scope: &Scope,
        revision: Revision,
        opened: &Opened,
        by: Option<&By>,
    ) -> Result<Record, KeyringError> {
        let fields = By::add(by, opened.document());
        self.seal_fields(Kind::Document, scope.as_bytes(), revision, 0, &fields)
    }

    /// Seals fields under the primary key, with fresh randomness.
    pub(super) fn seal_fields(
        &self,
        kind: Kind,
        scope: &[u8],
        revision: Revision,
        rewraps: u32,
        fields: &Fields<'_>,
    ) -> Result<Record, KeyringError> {
        let primary = self.primary_entry();
        let material = primary.material.as_ref().expect("the primary key is never destroyed");
        let (key_id, scope_key) = (primary.id, &material.scope_key(scope));
        let draft = Draft { kind, revision, rewraps, key_id, scope, scope_key };
        Ok(draft.seal(fields, &fresh()?))
    }

    /// Returns `true` if a record names the primary key. Fails if its header is malformed.
    pub(super) fn is_under_primary(
        &self,
        place: Place<'_>,
        record: &[u8],
    ) -> Result<bool, OpenError> {
        Ok(Sealed::parse(record, place)?.header.key_id() == self.primary())
    }

    /// Authenticates and decrypts a record that is not a document.
    pub(super) fn open_plain<'a>(
        &self,
        place: Place<'a>,
        record: &'a [u8],
    ) -> Result<(Sealed<'a>, WipedBytes), OpenError> {
        let sealed = Sealed::parse(record, place)?;
        let material = find(&self.entries, sealed.header.key_id())?.usable()?;
        let plaintext = sealed.open(&material.scope_key(place.scope()))?;
        Ok((sealed, plaintext))
    }

    /// Returns the first key that is not destroyed in an earlier keyring, that this one does not have,
    /// and that is not one of `but`.
    pub(crate) fn lacks(&self, earlier: &Self, but: &[KeyId]) -> Option<KeyId> {
        let mut needed = earlier.entries.iter().filter(|entry| entry.material.is_some());
        let here = |id| self.position(&id).is_ok() || but.contains(&id);
        needed.find(|entry| !here(entry.id)).map(|entry| entry.id)
    }

    pub(super) fn keys(&self) -> &[Entry] {
        &self.entries
    }

    /// Encodes the keys as the record of a locked keyring holds them.
    ///
    /// Of many destroyed keys, the last [`MAX_DESTROYED`] are kept.
    pub(super) fn encode(&self) -> WipedBytes {
        let mut dropped = self.surplus();
        let mut doc = WipedBytes(Vec::with_capacity(2 + ENTRY_LEN * self.entries.len()));
        let count = u16::try_from(self.entries.len() - dropped).expect("at most 256 keys");
        doc.0.extend_from_slice(&count.to_be_bytes());
        for entry in &self.entries {
            if dropped > 0 && entry.state == KeyState::Destroyed {
                dropped -= 1;
            } else {
                entry.encode(&mut doc);
            }
        }
        doc
    }

    /// Reads what [`encode`](Self::encode) wrote, or returns `None` if it breaks the format.
    pub(super) fn decode(doc: &[u8]) -> Option<Self> {
        let (count, rest) = doc.split_first_chunk::<2>()?;
        let count = usize::from(u16::from_be_bytes(*count));
        if !(1..=MAX_KEYS).contains(&count) || rest.len() != count * ENTRY_LEN {
            return None;
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        for bytes in rest.chunks_exact(ENTRY_LEN) {
            let entry = Entry::decode(bytes)?;
            if entries.iter().any(|earlier| earlier.id == entry.id) {
                return None;
            }
            entries.push(entry);
        }
        let primaries = entries.iter().filter(|entry| entry.state == KeyState::Primary).count();
        (primaries == 1).then_some(Self { entries, ring: None })
    }

    pub(super) fn ring(&self) -> Option<&Ring> {
        self.ring.as_deref()
    }

    pub(super) fn set_ring(&mut self, ring: Ring) {
        self.ring = Some(Box::new(ring));
    }

    /// Counts the destroyed keys beyond [`MAX_DESTROYED`].
    fn surplus(&self) -> usize {
        let is_destroyed = |entry: &&Entry| entry.state == KeyState::Destroyed;
        self.entries.iter().filter(is_destroyed).count().saturating_sub(MAX_DESTROYED)
    }

    /// Forgets the first destroyed keys beyond [`MAX_DESTROYED`].
    fn forget_destroyed(&mut self) {
        let mut surplus = self.surplus();
        self.entries.retain(|entry| {
            let forgotten = surplus > 0 && entry.state == KeyState::Destroyed;
            surplus -= usize::from(forgotten);
            !forgotten
        });
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
            .field("generation", &self.generation())
            .field("entries", &self.entries)
            .finish()
    }
}

/// The proof that no record needs a key any more. It names that key.
///
/// [`Keyring::prove_unused`] makes one, and so does a vault's scan of its store. The proof covers
/// the records that were opened for it, at that moment. Other stores, other processes, exports,
/// backups and [`ScopeKeyring`]s in use are the host's responsibility.
///
/// Use it at once: a key that is enabled and promoted again may seal new records.
#[derive(Debug)]
pub struct Unused(KeyId);

impl Unused {
    /// Makes a proof. Call this only after every record has opened while the key was disabled.
    pub(crate) fn of(id: KeyId) -> Self {
        Self(id)
    }

    /// Returns the ID of the key that no record needs.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.0
    }
}

impl FromStr for KeyId {
    type Err = KeyringError;

    /// Reads 32 hexadecimal digits, upper-case or lower-case.
    ///
    /// # Errors
    ///
    /// Returns [`KeyringError::MalformedId`] for any other text.
    fn from_str(text: &str) -> Result<Self, KeyringError> {
        let mut id = [0; 16];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != id.len() || !rest.is_empty() {
            return Err(KeyringError::MalformedId);
        }
        for (byte, [high, low]) in id.iter_mut().zip(pairs) {
            let digit =
                |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
            let (high, low) = digit(*high).zip(digit(*low)).ok_or(KeyringError::MalformedId)?;
            *byte = high << 4 | low;
        }
        Ok(Self::from_bytes(id))
    }
}

pub(super) fn fresh() -> Result<Random, KeyringError> {
    random().map_err(KeyringError::Randomness)
}
