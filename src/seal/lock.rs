//! A keyring at rest: its keys sealed under one key, with what says how to come by that key.

use std::fmt;
use std::fmt::Write as _;

use base64ct::{Base64, Encoding};

use crate::document::Document;
use crate::document::error::ParseError;
use crate::seal::derive::Material;
use crate::seal::keyring::Keyring;
use crate::seal::passphrase::{PassphraseCost, PassphraseCostError};
use crate::seal::random::{Random, random};
use crate::seal::record::{Draft, Kind, OpenError, Record, Revision, SealError, Sealed};
use crate::seal::scope::{KEYRING, Scope};
use crate::value::Table;

/// The longest text of a locked keyring, in bytes: half as much again as the most keys under the
/// longest KMS fields take.
pub const MAX_LOCKED_LEN: usize = 64 * 1024;

const MAX_PROVIDER: usize = 64;
const MAX_KEY_REF: usize = 2048;
const MAX_WRAPPED: usize = 4096;

impl Keyring {
    /// The keyring as a text in TOML, with its keys sealed; [`LockedKeyring`] reads it. It counts
    /// one more [generation](Self::generation). Where the text is kept is the caller's; in a file,
    /// give it mode 0600.
    ///
    /// # Errors
    ///
    /// [`LockError`] where the passphrase is empty, a field of a KMS is empty or too long, or the
    /// operating system gives no randomness or not enough memory. The keyring is unchanged then.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::{Keyring, LockedKeyring, Protection, Unlock};
    ///
    /// # let kek = [7; 32];
    /// let mut keyring = Keyring::generate()?;
    /// let text = keyring.lock(Protection::raw(&kek))?;
    ///
    /// let again = LockedKeyring::parse(&text)?.unlock(Unlock::Kek(&kek))?;
    /// assert_eq!((again.primary(), again.generation()), (keyring.primary(), 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lock(&mut self, protection: Protection<'_>) -> Result<String, LockError> {
        let generation = Revision::new(self.generation() + 1).ok_or(SealError::LastRevision)?;
        let random = || random().map_err(SealError::from);
        let outer;
        let kek = match protection.0 {
            Means::Raw(kek) => {
                outer = Outer::Raw;
                Material::copy_of(kek)
            }
            #[cfg(feature = "passphrase")]
            Means::Passphrase(passphrase, cost) => {
                if passphrase.is_empty() {
                    return Err(LockError::EmptyPassphrase);
                }
                let salt = *random()?.first_chunk().expect("16 of 32 bytes");
                outer = Outer::Argon2id { cost, salt };
                Material::copy_of(&*cost.derive(passphrase, &salt).ok_or(LockError::OutOfMemory)?)
            }
            Means::Kms { key, wrapped, kek } => {
                if !(1..=MAX_WRAPPED).contains(&wrapped.len()) {
                    return Err(LockError::Field { field: "wrapped", max: MAX_WRAPPED });
                }
                outer = Outer::Kms { key: key.clone(), wrapped: wrapped.to_vec() };
                Material::copy_of(kek)
            }
        };
        let text = self.lock_with(&outer, &kek, generation, &random()?)?;
        self.set_generation(generation);
        Ok(text)
    }

    /// The text, as a function of its arguments.
    pub(super) fn lock_with(
        &self,
        outer: &Outer,
        kek: &Material,
        generation: Revision,
        random: &Random,
    ) -> Result<String, SealError> {
        let scope = &outer.scope();
        let scope_key = &kek.scope_key(scope);
        let key_id = kek.key_id();
        let draft = Draft { kind: Kind::Keyring, revision: generation, key_id, scope, scope_key };
        Ok(outer.text(&draft.seal(&self.encode().0, random)?))
    }
}

/// What a keyring is to be locked with.
///
/// `Debug` shows which of the three.
#[derive(Clone, Copy)]
pub struct Protection<'a>(Means<'a>);

#[derive(Clone, Copy)]
enum Means<'a> {
    Raw(&'a [u8; 32]),
    #[cfg(feature = "passphrase")]
    Passphrase(&'a [u8], PassphraseCost),
    Kms {
        key: &'a KmsKey,
        wrapped: &'a [u8],
        kek: &'a [u8; 32],
    },
}

impl<'a> Protection<'a> {
    /// A key of 32 uniformly random bytes that the host keeps.
    #[must_use]
    pub fn raw(kek: &'a [u8; 32]) -> Self {
        Self(Means::Raw(kek))
    }

    /// A passphrase, byte for byte as given, at the default cost: 64 MiB of memory while it is
    /// worked on, and the better part of a second.
    #[cfg(feature = "passphrase")]
    #[must_use]
    pub fn passphrase(passphrase: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self::passphrase_at(passphrase, PassphraseCost::default())
    }

    /// A passphrase, byte for byte as given, at another cost.
    #[cfg(feature = "passphrase")]
    #[must_use]
    pub fn passphrase_at(
        passphrase: &'a (impl AsRef<[u8]> + ?Sized),
        cost: PassphraseCost,
    ) -> Self {
        Self(Means::Passphrase(passphrase.as_ref(), cost))
    }

    /// A key of 32 uniformly random bytes that a key management service has wrapped, under the
    /// [context](KmsKey::context) of its key: `wrapped` is kept, `kek` is not.
    #[must_use]
    pub fn kms(key: &'a KmsKey, wrapped: &'a [u8], kek: &'a [u8; 32]) -> Self {
        Self(Means::Kms { key, wrapped, kek })
    }
}

impl fmt::Debug for Protection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Means::Raw(_) => "Protection(raw)",
            #[cfg(feature = "passphrase")]
            Means::Passphrase(..) => "Protection(argon2id)",
            Means::Kms { .. } => "Protection(kms)",
        })
    }
}

/// A key at a key management service, which wraps and unwraps the key of a keyring. Nothing here
/// calls the service: that is the caller's, once for a keyring and never for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsKey {
    provider: String,
    key_ref: String,
}

impl KmsKey {
    /// The key that a service, such as `aws`, knows under a reference.
    ///
    /// # Errors
    ///
    /// Where the provider is not 1 to 64 bytes long, or the reference not 1 to 2048.
    pub fn new(provider: &str, key_ref: &str) -> Result<Self, LockError> {
        for (field, value, max) in
            [("provider", provider, MAX_PROVIDER), ("key_ref", key_ref, MAX_KEY_REF)]
        {
            if !(1..=max).contains(&value.len()) {
                return Err(LockError::Field { field, max });
            }
        }
        Ok(Self { provider: provider.to_owned(), key_ref: key_ref.to_owned() })
    }

    /// Which service.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Which of its keys.
    #[must_use]
    pub fn key_ref(&self) -> &str {
        &self.key_ref
    }

    /// What to pass to the service as additional authenticated data (an "encryption context"), when
    /// wrapping and when unwrapping, so that what it wrapped here is of no use elsewhere.
    #[must_use]
    pub fn context(&self) -> Vec<u8> {
        let (provider, key_ref) = (self.provider.as_bytes(), self.key_ref.as_bytes());
        Scope::encode(KEYRING, &[b"kms", provider, key_ref]).as_bytes().to_vec()
    }
}

/// The text of a locked keyring that has been read: well-formed, and still locked.
///
/// Nothing of it is authenticated before it is unlocked.
pub struct LockedKeyring {
    outer: Outer,
    generation: Revision,
    record: Vec<u8>,
}

impl LockedKeyring {
    /// Reads a text that [`Keyring::lock`] wrote. It costs little whatever the text asks for: the
    /// limits on the work for a passphrase are checked here.
    ///
    /// # Errors
    ///
    /// [`LockedKeyringError`] where the text is longer than [`MAX_LOCKED_LEN`], is no TOML, lacks a
    /// field or has one too many, or asks for too much work or too little.
    pub fn parse(text: &str) -> Result<Self, LockedKeyringError> {
        if text.len() > MAX_LOCKED_LEN {
            return Err(Fault::TooLong.into());
        }
        let document = Document::parse(text).map_err(Fault::Syntax)?;
        let root = Fields(document.root());
        if root.integer("format")? != 1 {
            return Err(Fault::UnsupportedFormat.into());
        }
        let outer = match root.string("protection")? {
            "raw" => Outer::Raw,
            "argon2id" => Outer::argon2id(&root.section("argon2id")?)?,
            "kms" => Outer::kms(&root.section("kms")?)?,
            _ => return Err(Fault::UnsupportedProtection.into()),
        };
        root.only(&[&["format", "protection", "sealed"], outer.sections()].concat())?;
        let record = root.base64("sealed")?;
        let sealed = Sealed::parse(&record, &[Kind::Keyring]).map_err(Fault::Record)?;
        let generation = sealed.header.revision();
        Ok(Self { outer, generation, record })
    }

    /// What [`unlock`](Self::unlock) has to be given.
    #[must_use]
    pub fn needs(&self) -> Needs<'_> {
        match &self.outer {
            Outer::Raw => Needs::Kek,
            Outer::Argon2id { cost, .. } => Needs::Passphrase { cost: *cost },
            Outer::Kms { key, wrapped } => Needs::Kms { key, wrapped },
        }
    }

    /// How often the keyring had been locked, as the text says: 1 or more.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// The keyring. A passphrase takes as long as its cost says, and blocks.
    ///
    /// # Errors
    ///
    /// [`UnlockError::Open`] with [`OpenError::UnknownKey`] where the passphrase or key is wrong, or
    /// the salt or the cost beside it was edited, and with another [`OpenError`] where something else
    /// of the text was; [`UnlockError::Means`] where something else is needed than was given;
    /// [`UnlockError::OutOfMemory`].
    pub fn unlock(&self, unlock: Unlock<'_>) -> Result<Keyring, UnlockError> {
        let kek = match (&self.outer, unlock) {
            (Outer::Raw | Outer::Kms { .. }, Unlock::Kek(kek)) => Material::copy_of(kek),
            #[cfg(feature = "passphrase")]
            (Outer::Argon2id { cost, salt }, Unlock::Passphrase(passphrase)) => {
                let kek = cost.derive(passphrase, salt).ok_or(UnlockError::OutOfMemory)?;
                Material::copy_of(&kek)
            }
            (Outer::Argon2id { .. }, _) => return Err(UnlockError::Means(PASSPHRASE)),
            #[cfg(feature = "passphrase")]
            (_, Unlock::Passphrase(_)) => return Err(UnlockError::Means("a key")),
        };
        let sealed = Sealed::parse(&self.record, &[Kind::Keyring])?;
        if kek.key_id() != sealed.header.key_id() {
            return Err(OpenError::UnknownKey(sealed.header.key_id()).into());
        }
        let scope = self.outer.scope();
        let content = sealed.open(&scope, &kek.scope_key(&scope))?;
        let keyring = Keyring::decode(&content.doc.0, self.generation());
        keyring.ok_or(UnlockError::Open(OpenError::BadPayload))
    }
}

#[cfg(test)]
impl LockedKeyring {
    pub(super) fn outer(&self) -> &Outer {
        &self.outer
    }
}

impl fmt::Debug for LockedKeyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedKeyring")
            .field("outer", &self.outer)
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

/// What a locked keyring needs to be unlocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Needs<'a> {
    /// The key that it was locked with: [`Unlock::Kek`].
    Kek,
    /// The passphrase that it was locked with: `Unlock::Passphrase`, of the feature `passphrase`.
    Passphrase {
        /// What trying one costs.
        cost: PassphraseCost,
    },
    /// What a key management service unwraps: call it with the wrapped bytes and with the
    /// [context](KmsKey::context) of the key, and give what it returns to [`Unlock::Kek`].
    Kms {
        /// Which key of which service.
        key: &'a KmsKey,
        /// What it has to unwrap.
        wrapped: &'a [u8],
    },
}

/// What a keyring is unlocked with.
///
/// `Debug` shows which of them.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Unlock<'a> {
    /// The key itself: what the host kept, or what a key management service unwrapped.
    Kek(&'a [u8; 32]),
    /// A passphrase, byte for byte as it was given.
    #[cfg(feature = "passphrase")]
    Passphrase(&'a [u8]),
}

impl fmt::Debug for Unlock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kek(_) => "Unlock(key)",
            #[cfg(feature = "passphrase")]
            Self::Passphrase(_) => "Unlock(passphrase)",
        })
    }
}

/// Why a keyring could not be locked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// What names a key of a KMS, or what it wrapped, is empty or too long.
    #[error("`{field}` has to be 1 to {max} bytes long")]
    #[non_exhaustive]
    Field {
        /// Which field.
        field: &'static str,
        /// How many bytes it may have.
        max: usize,
    },
    /// There is not enough memory for the cost of the passphrase.
    #[error("there is not enough memory for the cost of the passphrase")]
    OutOfMemory,
    /// The keys could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Why a keyring was not unlocked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// The keyring needs something else: see [`LockedKeyring::needs`].
    #[error("the keyring is unlocked with {0}")]
    Means(&'static str),
    /// There is not enough memory for the cost of the passphrase.
    #[error("there is not enough memory for the cost of the passphrase")]
    OutOfMemory,
    /// The sealed keys were not opened.
    #[error("{}", opening(.0))]
    Open(#[from] OpenError),
}

fn opening(error: &OpenError) -> &'static str {
    match error {
        OpenError::UnknownKey(_) => {
            "the passphrase or key is wrong, or the keyring's text was edited"
        }
        _ => "the sealed keys were not opened",
    }
}

/// What unlocks a keyring that is locked with a passphrase.
const PASSPHRASE: &str = if cfg!(feature = "passphrase") {
    "a passphrase"
} else {
    "a passphrase, for which the feature `passphrase` is needed"
};

/// A text that is not a locked keyring, or not one that this library unlocks.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct LockedKeyringError(#[from] Fault);

#[derive(Debug, Clone, thiserror::Error)]
enum Fault {
    #[error("the keyring's text is longer than {MAX_LOCKED_LEN} bytes")]
    TooLong,
    #[error("the keyring's text is not TOML")]
    Syntax(#[source] ParseError),
    #[error("the keyring has a format that this library does not know")]
    UnsupportedFormat,
    #[error("the keyring has a protection that this library does not know")]
    UnsupportedProtection,
    #[error("the keyring's text lacks `{0}`")]
    Missing(&'static str),
    #[error("the keyring's text has a field that does not belong there")]
    Unknown,
    #[error("the keyring's `{field}` is not {expected}")]
    Type { field: &'static str, expected: &'static str },
    #[error("the keyring's `{0}` is not canonical base64")]
    Base64(&'static str),
    #[error("the keyring's `{field}` has a length that is not allowed")]
    Length { field: &'static str },
    #[error("the keyring's {0}")]
    Cost(PassphraseCostError),
    #[error("the keyring's `sealed` is not a sealed keyring")]
    Record(#[source] OpenError),
}

/// The fields that stand in clear beside the sealed keys, and that these are bound to.
pub(super) enum Outer {
    Raw,
    Argon2id { cost: PassphraseCost, salt: [u8; 16] },
    Kms { key: KmsKey, wrapped: Vec<u8> },
}

impl Outer {
    fn argon2id(fields: &Fields<'_>) -> Result<Self, Fault> {
        fields.only(&["m_kib", "t", "p", "salt"])?;
        let (m_kib, t, p) = (fields.number("m_kib")?, fields.number("t")?, fields.number("p")?);
        let cost = PassphraseCost::new(m_kib, t, p).map_err(Fault::Cost)?;
        let salt = fields.base64("salt")?;
        let salt = salt.try_into().map_err(|_| Fault::Length { field: "salt" })?;
        Ok(Self::Argon2id { cost, salt })
    }

    fn kms(fields: &Fields<'_>) -> Result<Self, Fault> {
        fields.only(&["provider", "key_ref", "wrapped"])?;
        let key = KmsKey::new(fields.string("provider")?, fields.string("key_ref")?);
        let key = key.map_err(|error| match error {
            LockError::Field { field, .. } => Fault::Length { field },
            _ => Fault::Unknown,
        })?;
        let wrapped = fields.base64("wrapped")?;
        if !(1..=MAX_WRAPPED).contains(&wrapped.len()) {
            return Err(Fault::Length { field: "wrapped" });
        }
        Ok(Self::Kms { key, wrapped })
    }

    /// The sections that the text has.
    fn sections(&self) -> &'static [&'static str] {
        match self {
            Self::Raw => &[],
            Self::Argon2id { .. } => &["argon2id"],
            Self::Kms { .. } => &["kms"],
        }
    }

    pub(super) fn scope(&self) -> Scope {
        match self {
            Self::Raw => Scope::encode(KEYRING, &[b"raw"]),
            Self::Argon2id { cost, salt } => {
                let [m_kib, t, p] = [cost.m_kib(), cost.t(), cost.p()].map(u32::to_be_bytes);
                Scope::encode(KEYRING, &[b"argon2id", &m_kib, &t, &p, salt])
            }
            Self::Kms { key, wrapped } => {
                let (provider, key_ref) = (key.provider.as_bytes(), key.key_ref.as_bytes());
                Scope::encode(KEYRING, &[b"kms", provider, key_ref, wrapped])
            }
        }
    }

    pub(super) fn text(&self, record: &Record) -> String {
        let sealed = Base64::encode_string(record.as_bytes());
        let (protection, section) = match self {
            Self::Raw => ("raw", String::new()),
            Self::Argon2id { cost, salt } => {
                let (m_kib, t, p) = (cost.m_kib(), cost.t(), cost.p());
                let salt = Base64::encode_string(salt);
                let fields = format!("m_kib = {m_kib}\nt = {t}\np = {p}\nsalt = \"{salt}\"\n");
                ("argon2id", format!("\n[argon2id]\n{fields}"))
            }
            Self::Kms { key, wrapped } => {
                let (provider, key_ref) = (quoted(&key.provider), quoted(&key.key_ref));
                let wrapped = Base64::encode_string(wrapped);
                let fields = format!(
                    "provider = {provider}\nkey_ref = {key_ref}\nwrapped = \"{wrapped}\"\n"
                );
                ("kms", format!("\n[kms]\n{fields}"))
            }
        };
        format!("format = 1\nprotection = \"{protection}\"\nsealed = \"{sealed}\"\n{section}")
    }
}

impl fmt::Debug for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.write_str("raw"),
            Self::Argon2id { cost, .. } => cost.fmt(f),
            Self::Kms { key, .. } => key.fmt(f),
        }
    }
}

/// A table of the text, whose fields are asked for by name and type.
struct Fields<'a>(Table<'a>);

impl<'a> Fields<'a> {
    fn only(&self, names: &[&str]) -> Result<(), Fault> {
        let known = self.0.iter().all(|(name, _)| names.contains(&name));
        if known { Ok(()) } else { Err(Fault::Unknown) }
    }

    fn string(&self, field: &'static str) -> Result<&'a str, Fault> {
        let value = self.0.get(field).ok_or(Fault::Missing(field))?;
        value.as_str().ok_or(Fault::Type { field, expected: "a string" })
    }

    fn integer(&self, field: &'static str) -> Result<i64, Fault> {
        let value = self.0.get(field).ok_or(Fault::Missing(field))?;
        value.as_integer().ok_or(Fault::Type { field, expected: "an integer" })
    }

    /// An integer of 32 bits without sign.
    fn number(&self, field: &'static str) -> Result<u32, Fault> {
        let expected = "an integer of 0 to 4294967295";
        self.integer(field)?.try_into().map_err(|_| Fault::Type { field, expected })
    }

    fn section(&self, field: &'static str) -> Result<Self, Fault> {
        let value = self.0.get(field).ok_or(Fault::Missing(field))?;
        value.as_table().map(Self).ok_or(Fault::Type { field, expected: "a table" })
    }

    fn base64(&self, field: &'static str) -> Result<Vec<u8>, Fault> {
        Base64::decode_vec(self.string(field)?).map_err(|_| Fault::Base64(field))
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(control)).expect("a String takes any text");
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
