//! Records on their way from one store to another: a file of sealed records, in the order of their
//! scopes.

use std::io::{self, Read, Write};

use crate::store::backend::{Fetch, Row};
use crate::store::blocking::{Blocking, now};
use crate::store::contract::{AsyncStore, Store};
use crate::store::error::StoreError;

/// The first bytes of an export.
const MAGIC: [u8; 5] = *b"\x89SLX\x01";

/// The longest encoding of a scope: its kind, and three components with their lengths.
const MAX_SCOPE: usize = 1 + 3 * (2 + 255);

/// The longest record: its header, 1 MiB and its tag.
const MAX_RECORD: usize = 100 + (1 << 20) + 16;

/// Writes all records of a store, sealed as they are, and tells how many. It takes no key.
///
/// [`Vault::import`](crate::vault::Vault::import) reads what is written. An export of a store that
/// is written to meanwhile is **no snapshot**: each record is one that stood at some moment of it.
///
/// # Errors
///
/// [`ExportError`] where the store cannot be read or `out` not written.
///
/// ```
/// use secrets_toml::Document;
/// use secrets_toml::seal::{Keyring, Scope};
/// use secrets_toml::store::{self, MemoryStore};
/// use secrets_toml::vault::{Expected, Vault};
///
/// let old = Vault::new(MemoryStore::new(), Keyring::from_bytes([7; 32]));
/// let scope = Scope::module("chat")?;
/// let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
/// old.put(&scope, &secrets, Expected::Absent)?;
///
/// let mut file = Vec::new();
/// assert_eq!(store::export(old.store(), &mut file)?, 1);
///
/// let new = Vault::new(MemoryStore::new(), Keyring::from_bytes([7; 32]));
/// let imported = new.import(std::io::Cursor::new(&file))?;
/// assert_eq!((imported.written(), imported.kept(), imported.failed()), (1, 0, 0));
/// assert!(new.get(&scope)?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn export<S: Store>(store: S, out: impl Write) -> Result<u64, ExportError> {
    now(export_async(&Blocking(store), out))
}

/// As [`export`], of a store that answers in its own time.
///
/// # Errors
///
/// As there.
pub async fn export_async<S: AsyncStore>(
    store: &S,
    mut out: impl Write,
) -> Result<u64, ExportError> {
    out.write_all(&MAGIC)?;
    let mut count: u64 = 0;
    let mut after = None;
    loop {
        let page = store.scan(&[], after.as_deref(), usize::MAX, Fetch::Records).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.scope().to_vec());
        count += page.len() as u64;
        for row in page {
            let scope_len = u16::try_from(row.scope().len()).map_err(|_| ExportError::NotOurs)?;
            let len = u32::try_from(row.record().len()).map_err(|_| ExportError::NotOurs)?;
            out.write_all(&scope_len.to_be_bytes())?;
            out.write_all(row.scope())?;
            out.write_all(&len.to_be_bytes())?;
            out.write_all(row.record())?;
        }
    }
    out.write_all(&[0; 2])?;
    out.write_all(&count.to_be_bytes())?;
    out.flush()?;
    Ok(count)
}

/// Why an export was not written or not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The file could not be written or read.
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is no export, or one of a later version, or it was altered.
    #[error("this is not an export of records")]
    NotOurs,
    /// The end is missing: the export was cut short.
    #[error("the export is cut off")]
    Truncated,
    /// Something follows the end.
    #[error("the export is followed by further bytes")]
    TrailingBytes,
}

/// The rows of an export. Of its end it is known at the end alone.
pub(crate) struct Import<R> {
    from: R,
    count: u64,
}

impl<R: Read> Import<R> {
    pub(crate) fn new(mut from: R) -> Result<Self, ExportError> {
        let magic: [u8; 5] = read(&mut from)?;
        if magic == MAGIC { Ok(Self { from, count: 0 }) } else { Err(ExportError::NotOurs) }
    }

    /// The next row; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, ExportError> {
        let scope_len = usize::from(u16::from_be_bytes(read(&mut self.from)?));
        if scope_len == 0 {
            return self.end();
        }
        if scope_len > MAX_SCOPE {
            return Err(ExportError::NotOurs);
        }
        let scope = read_vec(&mut self.from, scope_len)?;
        let len = u32::from_be_bytes(read(&mut self.from)?) as usize;
        if len > MAX_RECORD {
            return Err(ExportError::NotOurs);
        }
        self.count += 1;
        Ok(Some(Row::new(scope, read_vec(&mut self.from, len)?)))
    }

    fn end(&mut self) -> Result<Option<Row>, ExportError> {
        if u64::from_be_bytes(read(&mut self.from)?) != self.count {
            return Err(ExportError::NotOurs);
        }
        match self.from.read(&mut [0])? {
            0 => Ok(None),
            _ => Err(ExportError::TrailingBytes),
        }
    }
}

fn read<const N: usize>(from: &mut impl Read) -> Result<[u8; N], ExportError> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(cut_off)?;
    Ok(bytes)
}

fn read_vec(from: &mut impl Read, len: usize) -> Result<Vec<u8>, ExportError> {
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes).map_err(cut_off)?;
    Ok(bytes)
}

fn cut_off(error: io::Error) -> ExportError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ExportError::Truncated,
        _ => ExportError::Io(error),
    }
}
