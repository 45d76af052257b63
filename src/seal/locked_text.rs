//! The text of a locked keyring: its deployment, its locks, and the sealed records.

use std::fmt::{self, Write as _};

use base64ct::{Base64, Encoding};

use crate::document::Document;
use crate::seal::error::{LockFault, OpenError};
use crate::seal::format::{
    LOCKED_FORMAT, MAX_COMPONENT_LEN, MAX_LOCK_NAME_LEN, MAX_LOCK_RECORD_LEN, MAX_LOCKED_LEN,
    MAX_LOCKS, MAX_WRAPPED_LEN, PROTECTION_ARGON2ID, PROTECTION_KMS, PROTECTION_RAW, SCOPE_KEYRING,
    SCOPE_LOCK,
};
use crate::seal::header::{Header, Kind};
use crate::seal::kms_key::KmsKey;
use crate::seal::scope::{check, encode, push};
use crate::value::Table;

/// The text of a locked keyring. Nothing in it is secret, and nothing is authenticated yet.
#[derive(Clone)]
pub(super) struct LockedText {
    pub(super) deployment: String,
    pub(super) locks: Vec<LockText>,
    /// The record of the keys, under the ring key.
    pub(super) sealed: Vec<u8>,
}

/// One lock of the text.
#[derive(Clone)]
pub(super) struct LockText {
    pub(super) name: String,
    pub(super) protection: Protection,
    /// The record of the ring key, under this lock's key.
    pub(super) sealed: Vec<u8>,
}

/// The fields of a lock that its protection needs. They are in clear, and the records are bound to
/// them. The cost of a passphrase is checked when it is used.
#[derive(Clone)]
pub(super) enum Protection {
    Raw,
    Argon2id { m_kib: u32, t: u32, p: u32, salt: [u8; 16] },
    Kms { key: KmsKey, wrapped: Vec<u8> },
}

impl LockedText {
    /// Reads a text, and the headers of its records.
    pub(super) fn parse(text: &str) -> Result<Self, LockFault> {
        if text.len() > MAX_LOCKED_LEN {
            return Err(LockFault::TooLong);
        }
        if text.starts_with('\u{feff}') {
            return Err(LockFault::ByteOrderMark);
        }
        let document = Document::parse(text).map_err(LockFault::Syntax)?;
        let root = Fields(document.root());
        if root.integer("format")? != LOCKED_FORMAT {
            return Err(LockFault::UnsupportedFormat);
        }
        root.only(&["format", "deployment", "sealed", "lock"])?;
        let deployment = root.name("deployment", "deployment", MAX_COMPONENT_LEN)?;
        let sealed = root.base64("sealed")?;
        let locks = root.locks()?;
        let text = Self { deployment: deployment.to_owned(), locks, sealed };
        text.check_records()?;
        Ok(text)
    }

    /// Checks the header of each record, and that their revisions fit together.
    fn check_records(&self) -> Result<(), LockFault> {
        let mut set = None;
        for lock in &self.locks {
            let header = Header::of_record(&lock.sealed, &[Kind::Lock]);
            let revision = header.map_err(LockFault::Record)?.revision();
            if *set.get_or_insert(revision) != revision {
                return Err(LockFault::Record(OpenError::Mismatch));
            }
        }
        let header = Header::of_record(&self.sealed, &[Kind::Keyring]);
        if set > Some(header.map_err(LockFault::Record)?.revision()) {
            return Err(LockFault::Record(OpenError::Mismatch));
        }
        Ok(())
    }

    /// The header of the keys' record.
    pub(super) fn header(&self) -> Header {
        let header = Header::of_record(&self.sealed, &[Kind::Keyring]);
        header.expect("it was read when the text was, or written")
    }

    /// The revisions of the set of locks and of the keys.
    pub(super) fn place(&self) -> (u64, u64) {
        let set = Header::of_record(&self.locks[0].sealed, &[Kind::Lock]);
        let set = set.expect("it was read when the text was, or written");
        (set.revision().get(), self.header().revision().get())
    }

    /// The scope of the keys' record. It contains every lock with its record, so that the keys do
    /// not open if a lock is added, dropped, moved or edited.
    pub(super) fn scope(&self) -> Vec<u8> {
        let mut scope = encode(SCOPE_KEYRING, &[self.deployment.as_bytes()]);
        for lock in &self.locks {
            push(&mut scope, &lock.fields());
            push(&mut scope, &lock.sealed);
        }
        scope
    }

    pub(super) fn write(&self) -> String {
        let (deployment, sealed) = (quoted(&self.deployment), Base64::encode_string(&self.sealed));
        let mut text =
            format!("format = {LOCKED_FORMAT}\ndeployment = {deployment}\nsealed = \"{sealed}\"\n");
        self.locks.iter().for_each(|lock| text += &lock.write());
        text
    }
}

impl LockText {
    fn read(fields: &Fields<'_>) -> Result<Self, LockFault> {
        let name = fields.name("name", "name of a lock", MAX_LOCK_NAME_LEN)?.to_owned();
        let (own, protection): (&[_], _) = match fields.string("protection")? {
            PROTECTION_RAW => (&[], Protection::Raw),
            PROTECTION_ARGON2ID => (&["m_kib", "t", "p", "salt"], Protection::argon2id(fields)?),
            PROTECTION_KMS => (&["provider", "key_ref", "wrapped"], Protection::kms(fields)?),
            _ => return Err(LockFault::UnsupportedProtection),
        };
        fields.only(&[&["name", "protection", "sealed"], own].concat())?;
        let sealed = fields.base64("sealed")?;
        if sealed.len() > MAX_LOCK_RECORD_LEN {
            return Err(LockFault::Length { field: "sealed" });
        }
        Ok(Self { name, protection, sealed })
    }

    /// The encoding of the fields that are in clear.
    fn fields(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        push(&mut fields, self.name.as_bytes());
        push(&mut fields, self.protection.name().as_bytes());
        match &self.protection {
            Protection::Raw => {}
            Protection::Argon2id { m_kib, t, p, salt } => {
                [m_kib, t, p].iter().for_each(|number| push(&mut fields, &number.to_be_bytes()));
                push(&mut fields, salt);
            }
            Protection::Kms { key, wrapped } => {
                push(&mut fields, key.provider().as_bytes());
                push(&mut fields, key.key_ref().as_bytes());
                push(&mut fields, wrapped);
            }
        }
        fields
    }

    /// The scope of this lock's record.
    pub(super) fn scope(&self, deployment: &str) -> Vec<u8> {
        let mut scope = encode(SCOPE_LOCK, &[deployment.as_bytes()]);
        scope.extend_from_slice(&self.fields());
        scope
    }

    fn write(&self) -> String {
        let (name, protection) = (quoted(&self.name), self.protection.name());
        let sealed = Base64::encode_string(&self.sealed);
        let fields = match &self.protection {
            Protection::Raw => String::new(),
            Protection::Argon2id { m_kib, t, p, salt } => {
                let salt = Base64::encode_string(salt);
                format!("m_kib = {m_kib}\nt = {t}\np = {p}\nsalt = \"{salt}\"\n")
            }
            Protection::Kms { key, wrapped } => {
                let (provider, key_ref) = (quoted(key.provider()), quoted(key.key_ref()));
                let wrapped = Base64::encode_string(wrapped);
                format!("provider = {provider}\nkey_ref = {key_ref}\nwrapped = \"{wrapped}\"\n")
            }
        };
        format!(
            "\n[[lock]]\nname = {name}\nprotection = \"{protection}\"\nsealed = \"{sealed}\"\n{fields}"
        )
    }
}

impl Protection {
    fn argon2id(fields: &Fields<'_>) -> Result<Self, LockFault> {
        let (m_kib, t, p) = (fields.number("m_kib")?, fields.number("t")?, fields.number("p")?);
        let salt = fields.base64("salt")?;
        let salt = salt.try_into().map_err(|_| LockFault::Length { field: "salt" })?;
        Ok(Self::Argon2id { m_kib, t, p, salt })
    }

    fn kms(fields: &Fields<'_>) -> Result<Self, LockFault> {
        let key = KmsKey::checked(fields.string("provider")?, fields.string("key_ref")?);
        let key = key.map_err(LockFault::NameInText)?;
        let wrapped = fields.base64("wrapped")?;
        if !(1..=MAX_WRAPPED_LEN).contains(&wrapped.len()) {
            return Err(LockFault::Length { field: "wrapped" });
        }
        Ok(Self::Kms { key, wrapped })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Raw => PROTECTION_RAW,
            Self::Argon2id { .. } => PROTECTION_ARGON2ID,
            Self::Kms { .. } => PROTECTION_KMS,
        }
    }
}

impl fmt::Debug for LockText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.name, self.protection.name())
    }
}

/// A table of the text. Its fields are read by name and type.
struct Fields<'a>(Table<'a>);

impl<'a> Fields<'a> {
    fn only(&self, names: &[&str]) -> Result<(), LockFault> {
        let known = self.0.iter().all(|(name, _)| names.contains(&name));
        if known { Ok(()) } else { Err(LockFault::UnknownField) }
    }

    fn string(&self, field: &'static str) -> Result<&'a str, LockFault> {
        let value = self.0.get(field).ok_or(LockFault::Missing(field))?;
        value.as_str().ok_or(LockFault::Type { field, expected: "a string" })
    }

    fn integer(&self, field: &'static str) -> Result<i64, LockFault> {
        let value = self.0.get(field).ok_or(LockFault::Missing(field))?;
        value.as_integer().ok_or(LockFault::Type { field, expected: "an integer" })
    }

    /// Reads an unsigned integer of 32 bits.
    fn number(&self, field: &'static str) -> Result<u32, LockFault> {
        let expected = "an integer of 0 to 4294967295";
        self.integer(field)?.try_into().map_err(|_| LockFault::Type { field, expected })
    }

    /// Reads a name, by the rules of a scope's component. `what` is the noun that an error calls it.
    fn name(
        &self,
        field: &'static str,
        what: &'static str,
        max: usize,
    ) -> Result<&'a str, LockFault> {
        let name = self.string(field)?;
        check(what, name, max).map_err(LockFault::NameInText)?;
        Ok(name)
    }

    fn locks(&self) -> Result<Vec<LockText>, LockFault> {
        let field = "lock";
        let value = self.0.get(field).ok_or(LockFault::Missing(field))?;
        let not_tables = || LockFault::Type { field, expected: "an array of tables" };
        let tables = value.as_array().ok_or_else(not_tables)?;
        if !(1..=MAX_LOCKS).contains(&tables.len()) {
            return Err(LockFault::LockCount);
        }
        let mut locks: Vec<LockText> = Vec::with_capacity(tables.len());
        for table in tables {
            let lock = LockText::read(&Fields(table.as_table().ok_or_else(not_tables)?))?;
            if locks.iter().any(|earlier| earlier.name == lock.name) {
                return Err(LockFault::RepeatedName);
            }
            locks.push(lock);
        }
        Ok(locks)
    }

    fn base64(&self, field: &'static str) -> Result<Vec<u8>, LockFault> {
        Base64::decode_vec(self.string(field)?).map_err(|_| LockFault::Base64(field))
    }
}

/// Writes a text as a TOML basic string.
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
