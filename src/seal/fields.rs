//! The fields of a record: what is sealed in it, each with its tag.

use crate::seal::format::{
    FIELD_HEAD_LEN, MANIFEST_LEN, MAX_COMPONENT_LEN, MAX_DOC_LEN, MAX_TEMPLATE_LEN, TAG_AUTHOR,
    TAG_DOCUMENT, TAG_KEYRING, TAG_MANIFEST, TAG_ORIGIN, TAG_RING_KEY, TAG_TEMPLATE, TAG_TIME,
};
use crate::seal::header::Kind;
use crate::seal::scope;

/// The number of tags. The lowest is 1.
const TAGS: usize = TAG_ORIGIN as usize;

/// The bytes of each field that a record has, by its tag.
#[derive(Clone, Copy, Default)]
pub(super) struct Fields<'a>([Option<&'a [u8]>; TAGS]);

impl<'a> Fields<'a> {
    /// Adds a field, if there are bytes for it.
    pub(super) fn with(mut self, tag: u8, bytes: impl Into<Option<&'a [u8]>>) -> Self {
        self.0[usize::from(tag) - 1] = bytes.into();
        self
    }

    pub(super) fn get(&self, tag: u8) -> Option<&'a [u8]> {
        self.0[usize::from(tag) - 1]
    }

    /// The length of all fields, with their tags and lengths.
    pub(super) fn len(&self) -> usize {
        self.0.iter().flatten().map(|bytes| FIELD_HEAD_LEN + bytes.len()).sum()
    }

    /// Appends the fields in the order of their tags. The buffer has room for them.
    pub(super) fn write(&self, plaintext: &mut Vec<u8>) {
        for (tag, bytes) in (1_u8..).zip(&self.0) {
            let Some(bytes) = bytes else { continue };
            let len = u32::try_from(bytes.len()).expect("a field is shorter than a record");
            plaintext.push(tag);
            plaintext.extend_from_slice(&len.to_be_bytes());
            plaintext.extend_from_slice(bytes);
        }
    }

    /// Reads the fields of a plaintext, or returns `None` if it breaks the format.
    ///
    /// The caller checks that a document is UTF-8 and that a keyring is well-formed.
    pub(super) fn read(plaintext: &'a [u8], kind: Kind, rewraps: u32) -> Option<Self> {
        let mut fields = Self::default();
        let (mut rest, mut last) = (plaintext, 0);
        while let Some((&tag, after)) = rest.split_first() {
            if tag == 0 {
                break;
            }
            let (len, after) = after.split_first_chunk::<4>()?;
            let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
            let (bytes, after) = after.split_at_checked(len)?;
            if tag <= last || usize::from(tag) > TAGS || !is_valid(tag, bytes) {
                return None;
            }
            fields = fields.with(tag, bytes);
            (rest, last) = (after, tag);
        }
        // Without an early exit, the loop compiles to wide instructions.
        if rest.iter().fold(0, |all, byte| all | byte) != 0 {
            return None;
        }
        let present =
            (1_u8..).zip(&fields.0).all(|(tag, bytes)| match presence(tag, kind, rewraps) {
                Presence::Always => bytes.is_some(),
                Presence::Never => bytes.is_none(),
                Presence::Maybe => true,
            });
        present.then_some(fields)
    }
}

/// The records that have a field.
enum Presence {
    Always,
    Maybe,
    Never,
}

fn presence(tag: u8, kind: Kind, rewraps: u32) -> Presence {
    let is_past = Kind::PAST.contains(&kind);
    let (always, maybe) = match tag {
        TAG_DOCUMENT => (kind.has_document(), false),
        TAG_TEMPLATE => (false, kind.has_document()),
        TAG_AUTHOR | TAG_TIME => (false, kind.is_rewrapped()),
        TAG_KEYRING => (kind == Kind::Keyring, false),
        TAG_RING_KEY => (kind == Kind::Lock, false),
        TAG_MANIFEST => (kind == Kind::Manifest, false),
        _ => (is_past || rewraps > 0, false),
    };
    match (always, maybe) {
        (true, _) => Presence::Always,
        (false, true) => Presence::Maybe,
        (false, false) => Presence::Never,
    }
}

fn is_valid(tag: u8, bytes: &[u8]) -> bool {
    match tag {
        TAG_DOCUMENT => bytes.len() <= MAX_DOC_LEN,
        TAG_TEMPLATE => bytes.len() <= MAX_TEMPLATE_LEN && str::from_utf8(bytes).is_ok(),
        TAG_AUTHOR => str::from_utf8(bytes)
            .is_ok_and(|author| scope::check("author", author, MAX_COMPONENT_LEN).is_ok()),
        TAG_TIME => bytes.len() == 8,
        TAG_KEYRING => true,
        TAG_MANIFEST => bytes.len() == MANIFEST_LEN,
        _ => bytes.len() == 32,
    }
}
