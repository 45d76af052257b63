//! The numbers and labels of the format. `format.md` describes them; no other file spells them out.

use std::ops::{Range, RangeInclusive};

// The header of a record, in bytes from its start.

pub(crate) const MAGIC: [u8; 4] = *b"\x89SLD";
pub(super) const VERSION_AT: usize = 4;
pub(super) const SUITE_AT: usize = 5;
pub(super) const KIND_AT: usize = 6;
pub(super) const RESERVED_AT: usize = 7;
pub(super) const REVISION: Range<usize> = 8..16;
pub(super) const REWRAPS: Range<usize> = 16..20;
pub(super) const KEY_ID: Range<usize> = 20..36;
pub(super) const SALT: Range<usize> = 36..68;
pub(super) const BODY_LEN: Range<usize> = 68..72;
pub(crate) const COMMITMENT: Range<usize> = 72..104;

/// The length of the header. The ciphertext starts here.
pub(crate) const HEAD_LEN: usize = COMMITMENT.end;
/// The length of the part of the header that the commitment covers: all of it but itself.
pub(super) const BOUND_LEN: usize = COMMITMENT.start;
/// The length of the part of the header that the salt depends on: all of it before the salt.
pub(super) const BEFORE_SALT_LEN: usize = SALT.start;

pub(super) const VERSION: u8 = 1;
pub(super) const SUITE: u8 = 1;

pub(super) const KIND_DOCUMENT: u8 = 1;
pub(super) const KIND_TOMBSTONE: u8 = 2;
pub(super) const KIND_PAST_DOCUMENT: u8 = 3;
pub(super) const KIND_PAST_TOMBSTONE: u8 = 4;
pub(super) const KIND_KEYRING: u8 = 5;
pub(super) const KIND_LOCK: u8 = 6;
pub(super) const KIND_MANIFEST: u8 = 7;

// The fields of a record.

pub(super) const TAG_DOCUMENT: u8 = 1;
pub(super) const TAG_TEMPLATE: u8 = 2;
pub(super) const TAG_AUTHOR: u8 = 3;
pub(super) const TAG_TIME: u8 = 4;
pub(super) const TAG_KEYRING: u8 = 5;
pub(super) const TAG_RING_KEY: u8 = 6;
pub(super) const TAG_MANIFEST: u8 = 7;
pub(super) const TAG_ORIGIN: u8 = 8;

/// The length of what precedes the bytes of a field: its tag, and their length.
pub(super) const FIELD_HEAD_LEN: usize = 1 + 4;
/// The longest document that is sealed.
pub(super) const MAX_DOC_LEN: usize = 1_000_000;
/// The longest template that is sealed. The longest one of a real module has a tenth of this.
pub(super) const MAX_TEMPLATE_LEN: usize = 65_536;
/// The length of a manifest's field: the number of entries, and the hash of their list.
pub(super) const MANIFEST_LEN: usize = 8 + 32;

// The body of a record.

/// The length of the authentication tag at the end of the body.
pub(super) const TAG_LEN: usize = 16;
/// The shortest padded plaintext. Most files of credentials are no longer, so all of these have
/// one size.
pub(super) const MIN_PADDED_LEN: usize = 1024;
/// The longest plaintext, 2 MiB: the power of two that the longest document fits in with the longest
/// template.
pub(super) const MAX_PLAINTEXT_LEN: usize = 1 << 21;
/// The lengths of a body: ciphertext and tag.
pub(super) const BODY_LENS: RangeInclusive<usize> = TAG_LEN..=MAX_PLAINTEXT_LEN + TAG_LEN;
/// The shortest record.
pub(super) const MIN_RECORD_LEN: usize = HEAD_LEN + *BODY_LENS.start();
/// The longest record.
pub(crate) const MAX_RECORD_LEN: usize = HEAD_LEN + *BODY_LENS.end();

// The derivation of keys.

pub(super) const LABEL_KEY_ID: &[u8] = b"secrets-toml/v1 key-id";
pub(super) const LABEL_SCOPE: &[u8] = b"secrets-toml/v1 scope\0";
pub(super) const LABEL_SALT: &[u8] = b"salt";
pub(super) const LABEL_COMMIT: &[u8] = b"commit";
pub(super) const LABEL_ENCRYPT: &[u8] = b"encrypt";

/// The nonce of every record. Each has a key of its own.
pub(super) const NONCE: [u8; 12] = [0; 12];

// The first byte of a scope.

pub(super) const SCOPE_MODULE: u8 = 0x01;
pub(super) const SCOPE_VERSION: u8 = 0x02;
pub(super) const SCOPE_INSTALL: u8 = 0x03;
/// A past revision's scope has the first byte of its scope, and this added.
pub(super) const SCOPE_PAST: u8 = 0x10;
/// The scope of a lock's record: the deployment, and the lock's fields.
pub(super) const SCOPE_LOCK: u8 = 0x7C;
/// The scope of a keyring's record: the deployment, and every lock with its record.
pub(super) const SCOPE_KEYRING: u8 = 0x7D;
/// The scope of manifests, which has no components.
pub(super) const SCOPE_MANIFEST: u8 = 0x7E;

/// The longest encoding of a scope: its kind, three components with their lengths, and the revision
/// of a past record.
pub(crate) const MAX_SCOPE_LEN: usize = 1 + 3 * (2 + MAX_COMPONENT_LEN) + 8;

/// The longest component of a [`Scope`](crate::seal::Scope) in bytes.
///
/// The name of a module, a version or an install is an identifier. A file system or a database
/// column takes 255 bytes as one.
pub const MAX_COMPONENT_LEN: usize = 255;

// A keyring.

/// How many keys a keyring holds. Destroyed ones beyond [`MAX_DESTROYED`] make room for new ones.
pub(super) const MAX_KEYS: usize = 256;
/// How many destroyed keys a keyring is written with. Older ones are forgotten.
pub(super) const MAX_DESTROYED: usize = 128;
/// The length of one key in a sealed keyring: state, ID and material.
pub(super) const ENTRY_LEN: usize = 1 + 16 + 32;

pub(super) const STATE_PRIMARY: u8 = 1;
pub(super) const STATE_ACTIVE: u8 = 2;
pub(super) const STATE_DISABLED: u8 = 3;
pub(super) const STATE_DESTROYED: u8 = 4;

/// The `format` of a locked keyring's text.
pub(super) const LOCKED_FORMAT: i64 = 1;
/// The longest text of a locked keyring: more than the most keys take with the most locks and the
/// longest fields of a KMS.
pub(super) const MAX_LOCKED_LEN: usize = 256 * 1024;
/// How many locks a keyring has. Each costs a call or a passphrase when the set is written.
pub(super) const MAX_LOCKS: usize = 16;
/// The longest record of a lock. A ring key needs a third of it.
pub(super) const MAX_LOCK_RECORD_LEN: usize = 4096;

pub(super) const PROTECTION_RAW: &str = "raw";
pub(super) const PROTECTION_ARGON2ID: &str = "argon2id";
pub(super) const PROTECTION_KMS: &str = "kms";

pub(super) const MAX_LOCK_NAME_LEN: usize = 64;
pub(super) const MAX_PROVIDER_LEN: usize = 64;
pub(super) const MAX_KEY_REF_LEN: usize = 2048;
pub(super) const MAX_WRAPPED_LEN: usize = 4096;

/// Memory in KiB: from OWASP's minimum for two passes to what a server can spare for one login.
pub(super) const M_KIB: RangeInclusive<u32> = 19 * 1024..=1024 * 1024;
pub(super) const T: RangeInclusive<u32> = 2..=16;
pub(super) const P: RangeInclusive<u32> = 1..=16;
/// The limit on passes times memory, in KiB. It is a few seconds of work, so that a text from a
/// stranger cannot ask for minutes.
pub(super) const MAX_WORK_KIB: u64 = 4 * 1024 * 1024;

// A keyring in a store.

/// The key of the row that holds a locked keyring. It is not the encoding of any scope.
pub(crate) const KEYRING_ROW: &[u8] = &[SCOPE_KEYRING];
pub(super) const KEYRING_ROW_MAGIC: [u8; 4] = *b"\x89SLK";
