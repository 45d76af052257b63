//! The bytes of one file, in one wiped buffer of known size.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::path::Path;

use zeroize::Zeroizing;

use crate::document::MAX_LEN;
use crate::files::error::{ATTEMPTS, FilesError, MAX_ENTRIES, MAX_READ_LEN, Problem};

/// The number of entries and bytes that one read may still take.
#[derive(Clone, Copy)]
pub(super) struct Budget {
    pub(super) entries: usize,
    bytes: usize,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { entries: MAX_ENTRIES, bytes: MAX_READ_LEN }
    }

    /// Reads a file of length `len`, which may change meanwhile.
    ///
    /// The buffer never grows: what is freed would hold a part of a secret. If the file has another
    /// length than expected, it is read again from its start.
    pub(super) fn read(
        &mut self,
        path: &Path,
        mut file: File,
        mut len: u64,
    ) -> Result<Zeroizing<Vec<u8>>, FilesError> {
        let refuse = |problem| FilesError::new(path, problem);
        for _ in 0..ATTEMPTS {
            if len > MAX_LEN as u64 {
                return Err(refuse(Problem::FileTooLong));
            }
            if len > self.bytes as u64 {
                return Err(refuse(Problem::TooManyBytes));
            }
            let (bytes, ended) =
                fill(&mut file, len as usize).map_err(|error| refuse(Problem::Read(error)))?;
            if ended && bytes.len() as u64 == len {
                self.bytes -= bytes.len();
                return Ok(bytes);
            }
            let metadata = file.metadata().and_then(|metadata| file.rewind().map(|()| metadata));
            let now = metadata.map_err(|error| refuse(Problem::Read(error)))?.len();
            len = match now {
                _ if ended => bytes.len() as u64,
                now if now > len => now,
                _ if len == MAX_LEN as u64 => return Err(refuse(Problem::FileTooLong)),
                // Some file systems give no length in advance.
                _ => (2 * len + 4096).min(MAX_LEN as u64),
            };
        }
        Err(refuse(Problem::Growing))
    }
}

/// Reads at most `len` bytes. Returns `true` with them if the file has no more.
fn fill(file: &mut File, len: usize) -> std::io::Result<(Zeroizing<Vec<u8>>, bool)> {
    // One byte more, which shows that the file ends.
    let mut bytes = Zeroizing::new(vec![0; len + 1]);
    let mut filled = 0;
    while filled <= len {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            // The length is as expected, and the read was short: a regular file has no more.
            Ok(more) if filled + more == len => {
                filled = len;
                break;
            }
            Ok(more) => filled += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok((bytes, filled <= len))
}
