//! A writer that masks what is written to it.

use std::fmt;
use std::io::{self, Write};

use crate::mask::masking::Masking;

/// The most bytes that one call of `write` takes, so that the output does not become large.
const MOST: usize = 64 * 1024;

/// A writer that masks values and writes the rest to another writer.
///
/// [`Masker::writer`](crate::mask::Masker::writer) makes it. `flush` writes all but the
/// [bytes that wait](crate::mask::Masking#bytes-that-wait). Only [`finish`](Self::finish) writes these.
/// Dropping a writer does what `finish` does, and ignores errors.
///
/// # Errors
///
/// If the other writer fails, what is already masked is kept, and is written by the next call. No byte
/// is written twice. Errors are those of the other writer.
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// use secrets_toml::Document;
/// use secrets_toml::mask::Masker;
///
/// let masker = Masker::new(&[&Document::parse("PAT = 'hunter2'")?])?;
/// let mut writer = masker.writer(Vec::new());
/// writer.write_all(b"hun")?;
/// writer.write_all(b"ter2\n")?;
/// assert_eq!(writer.finish()?, b"***\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MaskingWriter<W: Write> {
    masking: Masking,
    /// `None` after `finish`.
    inner: Option<W>,
    /// The output that is not written yet.
    masked: Vec<u8>,
    /// The number of its first bytes that are written.
    written: usize,
    /// `true` while the other writer is called. If it panics, it is not called again.
    is_inside: bool,
}

impl<W: Write> MaskingWriter<W> {
    pub(super) fn new(masking: Masking, inner: W) -> Self {
        Self { masking, inner: Some(inner), masked: Vec::new(), written: 0, is_inside: false }
    }

    /// Ends the text, writes the rest of the output, flushes, and returns the other writer.
    ///
    /// # Errors
    ///
    /// Returns the error of the other writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.end()?;
        self.inner.take().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    fn end(&mut self) -> io::Result<()> {
        self.masking.finish(&mut self.masked);
        self.flush()
    }

    /// Calls the other writer.
    fn inside<T>(&mut self, call: impl FnOnce(&mut W, &[u8]) -> io::Result<T>) -> io::Result<T> {
        let Some(inner) = &mut self.inner else { return Err(io::ErrorKind::BrokenPipe.into()) };
        self.is_inside = true;
        let result = call(inner, &self.masked[self.written..]);
        self.is_inside = false;
        result
    }

    /// Writes the output that is not written yet.
    fn write_masked(&mut self) -> io::Result<()> {
        while self.written < self.masked.len() {
            match self.inside(|inner, masked| inner.write(masked)) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => self.written += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.masked.clear();
        self.written = 0;
        Ok(())
    }
}

impl<W: Write> Write for MaskingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An error means that nothing of `bytes` was taken. So it comes before they are, or from the
        // next call.
        self.write_masked()?;
        let taken = &bytes[..bytes.len().min(MOST)];
        self.masking.push(taken, &mut self.masked);
        let _ = self.write_masked();
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_masked()?;
        self.inside(|inner, _| inner.flush())
    }
}

impl<W: Write> Drop for MaskingWriter<W> {
    fn drop(&mut self) {
        if self.inner.is_some() && !self.is_inside {
            let _ = self.end();
        }
    }
}

impl<W: Write> fmt::Debug for MaskingWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskingWriter").finish_non_exhaustive()
    }
}
