//! The file format of an export: the rows of a store in the order of their scopes, and their number.
//!
//! ```text
//! magic    5 bytes
//! record   u16 length of the scope, the scope, u32 length of the record, the record
//! …
//! end      u16 zero, u64 number of records
//! ```
//!
//! Numbers are big-endian. The file itself is not authenticated: each record is, when it is imported.

use std::io::{self, Read, Write};

use crate::seal::format::{KEYRING_ROW, MAX_RECORD_LEN, MAX_SCOPE_LEN};
use crate::seal::{Header, KeyId, Scope, check_keyring_row};
use crate::store::backend::Row;
use crate::vault::error::{TransferError, VaultError};

/// The first bytes of an export.
const MAGIC: [u8; 5] = *b"\x89SLX\x01";

/// Writes an export.
pub(super) struct ExportWriter<W> {
    out: W,
    count: u64,
}

impl<W: Write> ExportWriter<W> {
    pub(super) fn new(mut out: W) -> Result<Self, TransferError> {
        out.write_all(&MAGIC)?;
        Ok(Self { out, count: 0 })
    }

    /// Writes a row, unless an import would refuse it. Returns the ID of its key.
    pub(super) fn write(&mut self, row: &Row) -> Result<KeyId, TransferError> {
        let header = check(row.scope(), row.record())?;
        self.write_unchecked(row.scope(), row.record())?;
        Ok(header.key_id())
    }

    /// Writes the row of the keyring, which is the last one.
    pub(super) fn write_keyring(&mut self, row: &[u8]) -> Result<(), TransferError> {
        self.write_unchecked(KEYRING_ROW, row)
    }

    fn write_unchecked(&mut self, scope: &[u8], record: &[u8]) -> Result<(), TransferError> {
        let scope_len = u16::try_from(scope.len()).map_err(|_| TransferError::Malformed)?;
        let record_len = u32::try_from(record.len()).map_err(|_| TransferError::Malformed)?;
        self.out.write_all(&scope_len.to_be_bytes())?;
        self.out.write_all(scope)?;
        self.out.write_all(&record_len.to_be_bytes())?;
        self.out.write_all(record)?;
        self.count += 1;
        Ok(())
    }

    /// Writes the end, and returns the number of records.
    pub(super) fn finish(mut self) -> Result<u64, TransferError> {
        self.out.write_all(&[0; 2])?;
        self.out.write_all(&self.count.to_be_bytes())?;
        self.out.flush()?;
        Ok(self.count)
    }
}

/// Reads an export, row by row. That the file is complete is known only when
/// [`next`](Self::next) returns `None`.
///
/// The rows are in the order of their scopes, and each is a record as far as that can be told
/// without a key. The row of a keyring is checked, and set aside.
pub(super) struct ExportReader<R> {
    from: R,
    count: u64,
    last: Vec<u8>,
    keyring: Option<Vec<u8>>,
}

impl<R: Read> ExportReader<R> {
    pub(super) fn new(mut from: R) -> Result<Self, TransferError> {
        check_magic(&mut from, &MAGIC)?;
        Ok(Self::within(from))
    }

    /// Reads on from a row inside an export. The number of rows at the end cannot be checked then.
    pub(super) fn within(from: R) -> Self {
        Self { from, count: 0, last: Vec::new(), keyring: None }
    }

    /// Returns the file, which is read row by row, and never ahead.
    pub(super) fn file(&mut self) -> &mut R {
        &mut self.from
    }

    /// The row of the keyring, if there is one. It is known when [`next`](Self::next) returns `None`.
    pub(super) fn into_keyring(self) -> Option<Vec<u8>> {
        self.keyring
    }

    /// Returns the next row of a record, or `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Row>, TransferError> {
        loop {
            let scope_len = usize::from(u16::from_be_bytes(read(&mut self.from)?));
            if scope_len == 0 {
                return self.end();
            }
            if scope_len > MAX_SCOPE_LEN {
                return Err(TransferError::Malformed);
            }
            let scope = read_vec(&mut self.from, scope_len)?;
            if scope <= self.last {
                return Err(TransferError::Malformed);
            }
            let record_len = u32::from_be_bytes(read(&mut self.from)?) as usize;
            if record_len > MAX_RECORD_LEN {
                return Err(TransferError::Malformed);
            }
            let record = read_vec(&mut self.from, record_len)?;
            self.count += 1;
            self.last.clone_from(&scope);
            if scope == KEYRING_ROW {
                check_keyring_row(&record).map_err(TransferError::Record)?;
                self.keyring = Some(record);
                continue;
            }
            check(&scope, &record).map_err(|error| match error {
                VaultError::Open(error) => TransferError::Record(error),
                _ => TransferError::Malformed,
            })?;
            return Ok(Some(Row::new(scope, record)));
        }
    }

    fn end(&mut self) -> Result<Option<Row>, TransferError> {
        if u64::from_be_bytes(read(&mut self.from)?) != self.count {
            return Err(TransferError::Malformed);
        }
        match self.from.read(&mut [0])? {
            0 => Ok(None),
            _ => Err(TransferError::TrailingBytes),
        }
    }
}

/// Checks that a row has a scope, and a record of a kind that belongs there. No key is needed.
fn check(scope: &[u8], record: &[u8]) -> Result<Header, VaultError> {
    Ok(Header::of_record(record, Scope::kinds(scope)?)?)
}

/// Reads the first bytes of a file, and compares them with its magic and its version.
pub(super) fn check_magic(from: &mut impl Read, magic: &[u8; 5]) -> Result<(), TransferError> {
    let found: [u8; 5] = read(from)?;
    if found[..4] != magic[..4] {
        return Err(TransferError::NotARecord);
    }
    if found != *magic {
        return Err(TransferError::UnsupportedVersion);
    }
    Ok(())
}

pub(super) fn read<const N: usize>(from: &mut impl Read) -> Result<[u8; N], TransferError> {
    let mut bytes = [0; N];
    fill(from, &mut bytes)?;
    Ok(bytes)
}

pub(super) fn read_vec(from: &mut impl Read, len: usize) -> Result<Vec<u8>, TransferError> {
    let mut bytes = vec![0; len];
    fill(from, &mut bytes)?;
    Ok(bytes)
}

/// Fills `bytes`. A file that ends earlier is [`TransferError::Truncated`].
fn fill(from: &mut impl Read, bytes: &mut [u8]) -> Result<(), TransferError> {
    from.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => TransferError::Truncated,
        _ => TransferError::Io(error),
    })
}
