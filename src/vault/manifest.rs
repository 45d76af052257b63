//! Manifests: a sealed list of all records, against which a store is checked later.
//!
//! ```text
//! line     u16 length of the scope, the scope, u64 revision, 32 bytes commitment
//! …
//! end      a record that seals the number of lines and the SHA-256 of all lines
//! ```
//!
//! The lines are in the order of their scopes. Numbers are big-endian.

use std::io::{Read, Write};
use std::iter::Peekable;
use std::vec;

use crate::seal::format::{HEAD_LEN, MAGIC, MIN_PADDED_LEN, TAG_LEN};
use crate::seal::{Keyring, ManifestList, Revision, Scope};
use crate::store::backend::{Fetch, Row, commitment};
use crate::store::{AsyncStore, Scan};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::error::{TransferError, VaultError};
use crate::vault::export_format::fill;
use crate::vault::report::Report;

/// The most rows that are held in memory at a time.
const PAGE: usize = 4096;

/// The length of what follows the scope in a line: a revision and a commitment.
const LINE_END_LEN: usize = 8 + 32;

/// The first two bytes of a record. No scope is as long as this number says.
const RECORD: u16 = u16::from_be_bytes([MAGIC[0], MAGIC[1]]);

/// The length of the record at the end. Its content has 40 bytes, and is padded.
const SEALED_LEN: usize = HEAD_LEN + MIN_PADDED_LEN + TAG_LEN;

impl<S: AsyncStore> AsyncVault<S> {
    /// Writes a manifest. Same as [`Vault::manifest`](crate::vault::Vault::manifest).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::manifest`](crate::vault::Vault::manifest).
    pub async fn manifest(
        &self,
        revision: Revision,
        mut out: impl Write,
    ) -> Result<u64, TransferError> {
        let keyring = self.keyring();
        let mut list = ManifestList::default();
        let mut scan = Scan::new(&self.store, Vec::new(), PAGE, Fetch::Records);
        loop {
            let page = scan.next_page().await.map_err(VaultError::from)?;
            if page.is_empty() {
                break;
            }
            for row in page {
                let scope = Scope::from_bytes(row.scope()).map_err(VaultError::from)?;
                let opened = keyring.open(&scope, row.record()).map_err(VaultError::from)?;
                let commitment =
                    *commitment(row.record()).expect("a record that opened has a commitment");
                let line = Line { scope, revision: opened.revision(), commitment }.encode();
                list.add(&line);
                out.write_all(&line)?;
            }
        }
        let count = list.count();
        let sealed = keyring.seal_manifest(revision, list).map_err(VaultError::from)?;
        out.write_all(sealed.as_bytes())?;
        out.flush()?;
        Ok(count)
    }

    /// Compares the store with a manifest. Same as
    /// [`Vault::verify_against`](crate::vault::Vault::verify_against).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::verify_against`](crate::vault::Vault::verify_against).
    pub async fn verify_against(&self, mut manifest: impl Read) -> Result<Report, TransferError> {
        // Both the manifest and the store are in the order of scopes, so one pass over both compares
        // them:
        //
        //     lines   a     c     e  f
        //     rows      a  b  c  d     f
        //               =  +  =  +  -  =      (= compared, + newer, - lost)
        //
        // The record at the end authenticates the lines. Until it has opened, a line may be
        // forged, so the report is not returned before.
        let keyring = self.keyring();
        let mut report = Report::default();
        let mut list = ManifestList::default();
        let mut rows = Rows::new(&self.store);
        let mut previous: Option<Scope> = None;
        loop {
            let line = match Part::read(&mut manifest)? {
                Part::Line(line) => line,
                Part::Sealed(record) => {
                    let revision =
                        keyring.open_manifest(&record, list).map_err(TransferError::Open)?;
                    report.manifest_revision = Some(revision.ok_or(TransferError::Malformed)?);
                    if manifest.read(&mut [0])? != 0 {
                        return Err(TransferError::TrailingBytes);
                    }
                    report.newer += rows.skip_while(|_| true).await?;
                    report.complete = true;
                    return Ok(report);
                }
            };
            list.add(&line.encode());
            // Entries out of order would compare with rows that were skipped already.
            if previous.as_ref() >= Some(&line.scope) {
                return Err(TransferError::Malformed);
            }
            let scope = line.scope.as_bytes();
            report.newer += rows.skip_while(|row| row.scope() < scope).await?;
            let row = rows.next_if(|row| row.scope() == scope);
            match compare(&keyring, &line, row.as_ref()) {
                Ok(Compared::Unchanged) => report.unchanged += 1,
                Ok(Compared::Newer) => report.newer += 1,
                Err(error) => report.fail(scope, error),
            }
            previous = Some(line.scope);
        }
    }
}

/// The state of a record that a manifest lists, if nothing is wrong with it.
enum Compared {
    Unchanged,
    Newer,
}

/// Compares a line with the row of its scope.
fn compare(keyring: &Keyring, line: &Line, row: Option<&Row>) -> Result<Compared, VaultError> {
    let highest = line.revision;
    let row = row.ok_or(VaultError::RolledBack { highest, found: None })?;
    let found = keyring.open(&line.scope, row.record())?.revision();
    if found > highest {
        return Ok(Compared::Newer);
    }
    if found < highest {
        return Err(VaultError::RolledBack { highest, found: Some(found) });
    }
    // Somebody with the key may have written this revision twice: once before the store was rolled
    // back, and once after. The commitment tells the two records apart.
    if commitment(row.record()) == Some(&line.commitment) {
        Ok(Compared::Unchanged)
    } else {
        Err(VaultError::Altered)
    }
}

/// The rows of a store, one by one.
struct Rows<'a, S> {
    scan: Scan<'a, S>,
    page: Peekable<vec::IntoIter<Row>>,
}

impl<'a, S: AsyncStore> Rows<'a, S> {
    fn new(store: &'a S) -> Self {
        let scan = Scan::new(store, Vec::new(), PAGE, Fetch::Records);
        Self { scan, page: Vec::new().into_iter().peekable() }
    }

    /// Skips the next rows while `skip` returns `true`, and returns their number. Afterwards the
    /// page has a next row, unless the store has none.
    async fn skip_while(&mut self, skip: impl Fn(&Row) -> bool) -> Result<u64, VaultError> {
        let mut skipped = 0;
        loop {
            while self.page.next_if(&skip).is_some() {
                skipped += 1;
            }
            if self.page.peek().is_some() {
                return Ok(skipped);
            }
            self.page = self.scan.next_page().await?.into_iter().peekable();
            if self.page.peek().is_none() {
                return Ok(skipped);
            }
        }
    }

    /// Returns the next row of the page if `take` returns `true`.
    fn next_if(&mut self, take: impl Fn(&Row) -> bool) -> Option<Row> {
        self.page.next_if(take)
    }
}

/// One record, as a manifest lists it.
struct Line {
    scope: Scope,
    revision: Revision,
    commitment: [u8; 32],
}

impl Line {
    fn encode(&self) -> Vec<u8> {
        let scope = self.scope.as_bytes();
        let len = u16::try_from(scope.len()).expect("a scope is shorter than 64 KiB");
        [&len.to_be_bytes()[..], scope, &self.revision.get().to_be_bytes(), &self.commitment]
            .concat()
    }
}

/// A part of a manifest: a line, or the record at the end.
enum Part {
    Line(Line),
    Sealed(Vec<u8>),
}

impl Part {
    fn read(from: &mut impl Read) -> Result<Self, TransferError> {
        let mut start = [0; 2];
        fill(from, &mut start)?;
        let len = u16::from_be_bytes(start);
        if len == RECORD {
            let mut record = vec![0; SEALED_LEN];
            record[..2].copy_from_slice(&start);
            fill(from, &mut record[2..])?;
            return Ok(Self::Sealed(record));
        }
        let mut scope = vec![0; usize::from(len)];
        fill(from, &mut scope)?;
        let mut rest = [0; LINE_END_LEN];
        fill(from, &mut rest)?;
        let (revision, commitment) = rest.split_first_chunk::<8>().expect("it has 40 bytes");
        let revision = Revision::try_from(u64::from_be_bytes(*revision));
        let revision = revision.map_err(|_| TransferError::Malformed)?;
        let scope = Scope::from_bytes(&scope).map_err(|_| TransferError::Malformed)?;
        let commitment = commitment.try_into().expect("it has 32 bytes");
        Ok(Self::Line(Line { scope, revision, commitment }))
    }
}
