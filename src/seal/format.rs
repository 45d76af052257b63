//! The numbers and labels of the format. `format.md` describes them; no other file spells them out.

use std::ops::{Range, RangeInclusive};

// The header of a record, in bytes from its start.

pub(crate) const MAGIC: [u8; 4] = *b"\x89SLD";
pub(super) const VERSION_AT: usize = 4;
pub(super) const SUITE_AT: usize = 5;
pub(super) const KIND_AT: usize = 6;
pub(super) const RESERVED_AT: usize = 7;
pub(super) const REVISION: Range<usize> = 8..16;
pub(super) const KEY_ID: Range<usize> = 16..32;
pub(super) const SALT: Range<usize> = 32..64;
pub(super) const BODY_LEN: Range<usize> = 64..68;
pub(crate) const COMMITMENT: Range<usize> = 68..100;

/// The length of the header. The ciphertext starts here.
pub(crate) const HEAD_LEN: usize = COMMITMENT.end;
/// The length of the part of the header that the keys of a record are derived from, and that is
/// authenticated: all of it but the commitment.
pub(super) const BOUND_LEN: usize = COMMITMENT.start;

pub(super) const VERSION: u8 = 1;
pub(super) const SUITE: u8 = 1;

pub(super) const KIND_DOCUMENT: u8 = 1;
pub(super) const KIND_TOMBSTONE: u8 = 2;
pub(super) const KIND_KEYRING: u8 = 3;
pub(super) const KIND_MANIFEST: u8 = 4;

// The body of a record.

/// The length of the authentication tag at the end of the body.
pub(crate) const TAG_LEN: usize = 16;
/// The length of the number at the start of the plaintext, which is the length of the document.
pub(super) const DOC_LEN: usize = 4;
/// The shortest padded plaintext. Most files of credentials are no longer, so all of these have
/// one size.
pub(crate) const MIN_PADDED_LEN: usize = 1024;
/// The longest plaintext, 1 MiB: as much as a text area holds, and as much as one record makes its
/// reader allocate.
pub(crate) const MAX_PLAINTEXT_LEN: usize = 1 << 20;
/// The longest document.
pub(super) const MAX_DOC_LEN: usize = MAX_PLAINTEXT_LEN - DOC_LEN;
/// The lengths of a body: ciphertext and tag.
pub(super) const BODY_LENS: RangeInclusive<usize> = DOC_LEN + TAG_LEN..=MAX_PLAINTEXT_LEN + TAG_LEN;
/// The shortest record.
pub(super) const MIN_RECORD_LEN: usize = HEAD_LEN + *BODY_LENS.start();

// The keys of a record.

pub(super) const LABEL_KEY_ID: &[u8] = b"secrets-toml/v1 key-id";
pub(super) const LABEL_SCOPE: &[u8] = b"secrets-toml/v1 scope\0";
pub(super) const LABEL_SALT: &[u8] = b"secrets-toml/v1 salt";
pub(super) const LABEL_RECORD: &[u8] = b"secrets-toml/v1 record\0";

/// The length of the output that holds the commitment, the cipher's key and its nonce, in this
/// order.
pub(super) const OKM_LEN: usize = 76;
pub(super) const OKM_COMMITMENT: Range<usize> = 0..32;
pub(super) const OKM_AEAD_KEY: Range<usize> = 32..64;
pub(super) const OKM_NONCE: Range<usize> = 64..OKM_LEN;

// The first byte of a scope.

pub(super) const SCOPE_MODULE: u8 = 0x01;
pub(super) const SCOPE_VERSION: u8 = 0x02;
pub(super) const SCOPE_INSTALL: u8 = 0x03;
/// The scope of manifests, which has no components.
pub(super) const SCOPE_MANIFEST: u8 = 0x7E;
/// The scope of a locked keyring. Its components are the fields that its text holds in clear.
pub(super) const SCOPE_KEYRING: u8 = 0x7F;

// A keyring.

/// How many keys a keyring holds, destroyed ones included: a new one every month for 21 years.
pub(super) const MAX_KEYS: usize = 256;
/// The length of one key in a sealed keyring: state, ID and material.
pub(super) const ENTRY_LEN: usize = 1 + 16 + 32;

pub(super) const STATE_PRIMARY: u8 = 1;
pub(super) const STATE_ACTIVE: u8 = 2;
pub(super) const STATE_DISABLED: u8 = 3;
pub(super) const STATE_DESTROYED: u8 = 4;

/// The `format` of a locked keyring's text.
pub(super) const LOCKED_FORMAT: i64 = 1;
/// The longest text of a locked keyring: half as much again as the most keys take with the longest
/// KMS fields.
pub(super) const MAX_LOCKED_LEN: usize = 64 * 1024;

pub(super) const PROTECTION_RAW: &str = "raw";
pub(super) const PROTECTION_ARGON2ID: &str = "argon2id";
pub(super) const PROTECTION_KMS: &str = "kms";

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
