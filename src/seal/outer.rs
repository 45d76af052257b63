//! The text of a locked keyring, and the fields of it that are in clear.

use std::fmt;
use std::fmt::Write as _;

use base64ct::{Base64, Encoding};

use crate::document::Document;
use crate::seal::error::LockFault;
use crate::seal::format::{
    LOCKED_FORMAT, MAX_LOCKED_LEN, MAX_WRAPPED_LEN, PROTECTION_ARGON2ID, PROTECTION_KMS,
    PROTECTION_RAW, SCOPE_KEYRING,
};
use crate::seal::kms_key::KmsKey;
use crate::seal::passphrase::PassphraseCost;
use crate::seal::record::Record;
use crate::seal::scope::Scope;
use crate::value::Table;

/// The fields beside the sealed keys. They are in clear, and the sealed keys are bound to them.
pub(super) enum Outer {
    Raw,
    Argon2id { cost: PassphraseCost, salt: [u8; 16] },
    Kms { key: KmsKey, wrapped: Vec<u8> },
}

/// Reads the text of a locked keyring, and returns its fields and the sealed record.
pub(super) fn parse(text: &str) -> Result<(Outer, Vec<u8>), LockFault> {
    if text.len() > MAX_LOCKED_LEN {
        return Err(LockFault::TooLong);
    }
    let document = Document::parse(text).map_err(LockFault::Syntax)?;
    let root = Fields(document.root());
    if root.integer("format")? != LOCKED_FORMAT {
        return Err(LockFault::UnsupportedFormat);
    }
    let outer = match root.string("protection")? {
        PROTECTION_RAW => Outer::Raw,
        PROTECTION_ARGON2ID => Outer::argon2id(&root.section(PROTECTION_ARGON2ID)?)?,
        PROTECTION_KMS => Outer::kms(&root.section(PROTECTION_KMS)?)?,
        _ => return Err(LockFault::UnsupportedProtection),
    };
    root.only(&[&["format", "protection", "sealed"], outer.sections()].concat())?;
    Ok((outer, root.base64("sealed")?))
}

impl Outer {
    fn argon2id(fields: &Fields<'_>) -> Result<Self, LockFault> {
        fields.only(&["m_kib", "t", "p", "salt"])?;
        let (m_kib, t, p) = (fields.number("m_kib")?, fields.number("t")?, fields.number("p")?);
        let cost = PassphraseCost::checked(m_kib, t, p).map_err(LockFault::CostInText)?;
        let salt = fields.base64("salt")?;
        let salt = salt.try_into().map_err(|_| LockFault::Length { field: "salt" })?;
        Ok(Self::Argon2id { cost, salt })
    }

    fn kms(fields: &Fields<'_>) -> Result<Self, LockFault> {
        fields.only(&["provider", "key_ref", "wrapped"])?;
        let key = KmsKey::checked(fields.string("provider")?, fields.string("key_ref")?);
        let key = key.map_err(|(field, _)| LockFault::Length { field })?;
        let wrapped = fields.base64("wrapped")?;
        if !(1..=MAX_WRAPPED_LEN).contains(&wrapped.len()) {
            return Err(LockFault::Length { field: "wrapped" });
        }
        Ok(Self::Kms { key, wrapped })
    }

    pub(super) fn protection(&self) -> &'static str {
        match self {
            Self::Raw => PROTECTION_RAW,
            Self::Argon2id { .. } => PROTECTION_ARGON2ID,
            Self::Kms { .. } => PROTECTION_KMS,
        }
    }

    /// The sections that the text has.
    fn sections(&self) -> &'static [&'static str] {
        match self {
            Self::Raw => &[],
            Self::Argon2id { .. } => &[PROTECTION_ARGON2ID],
            Self::Kms { .. } => &[PROTECTION_KMS],
        }
    }

    /// The scope that the keys are sealed for. It contains every field, so that the keys do not
    /// open if one of them is edited.
    pub(super) fn scope(&self) -> Scope {
        let protection = self.protection().as_bytes();
        match self {
            Self::Raw => Scope::encode(SCOPE_KEYRING, &[protection]),
            Self::Argon2id { cost, salt } => {
                let [m_kib, t, p] = [cost.m_kib(), cost.t(), cost.p()].map(u32::to_be_bytes);
                Scope::encode(SCOPE_KEYRING, &[protection, &m_kib, &t, &p, salt])
            }
            Self::Kms { key, wrapped } => {
                let (provider, key_ref) = (key.provider().as_bytes(), key.key_ref().as_bytes());
                Scope::encode(SCOPE_KEYRING, &[protection, provider, key_ref, wrapped])
            }
        }
    }

    /// Writes the text of a locked keyring.
    pub(super) fn text(&self, record: &Record) -> String {
        let protection = self.protection();
        let sealed = Base64::encode_string(record.as_bytes());
        let fields = match self {
            Self::Raw => String::new(),
            Self::Argon2id { cost, salt } => {
                let (m_kib, t, p) = (cost.m_kib(), cost.t(), cost.p());
                let salt = Base64::encode_string(salt);
                format!("m_kib = {m_kib}\nt = {t}\np = {p}\nsalt = \"{salt}\"\n")
            }
            Self::Kms { key, wrapped } => {
                let (provider, key_ref) = (quoted(key.provider()), quoted(key.key_ref()));
                let wrapped = Base64::encode_string(wrapped);
                format!("provider = {provider}\nkey_ref = {key_ref}\nwrapped = \"{wrapped}\"\n")
            }
        };
        let mut text = format!(
            "format = {LOCKED_FORMAT}\nprotection = \"{protection}\"\nsealed = \"{sealed}\"\n"
        );
        if !fields.is_empty() {
            text += &format!("\n[{protection}]\n{fields}");
        }
        text
    }
}

impl fmt::Debug for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.write_str(PROTECTION_RAW),
            Self::Argon2id { cost, .. } => cost.fmt(f),
            Self::Kms { key, .. } => key.fmt(f),
        }
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

    fn section(&self, field: &'static str) -> Result<Self, LockFault> {
        let value = self.0.get(field).ok_or(LockFault::Missing(field))?;
        value.as_table().map(Self).ok_or(LockFault::Type { field, expected: "a table" })
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
