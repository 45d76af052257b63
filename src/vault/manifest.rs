//! Manifests: a sealed list of all present records, against which a store is checked later.
//!
//! ```text
//! magic    5 bytes
//! line     u16 length of the scope, the scope, u64 revision, 32 bytes origin
//! …
//! end      u16 zero, u32 length of the record, a record that seals the number of lines and their hash
//! ```
//!
//! The lines are in the order of their scopes. Numbers are big-endian.

use std::io::{Read, Write};
use std::iter::Peekable;
use std::sync::Arc;
use std::vec;

use crate::seal::format::{MAX_RECORD_LEN, MAX_SCOPE_LEN};
use crate::seal::{ManifestList, Revision, Scope};
use crate::store::backend::{Fetch, Row};
use crate::store::{AsyncStore, Scan};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::call::Call;
use crate::vault::error::{TransferError, VaultError};
use crate::vault::export_format::{check_magic, read, read_vec};
use crate::vault::held::Held;
use crate::vault::operation::Operation;
use crate::vault::report::Report;
use crate::vault::slices::Slices;

/// The most rows that are held in memory at a time.
const PAGE: usize = 4096;

/// The first bytes of a manifest.
const MAGIC: [u8; 5] = *b"\x89SLM\x01";

impl<S: AsyncStore> AsyncVault<S> {
    /// Writes a manifest. Same as [`Vault::manifest`](crate::vault::Vault::manifest).
    ///
    /// The store is awaited. Writing to `out` blocks the thread.
    ///
    /// # Errors
    ///
    /// Same as [`Vault::manifest`](crate::vault::Vault::manifest).
    pub async fn manifest_blocking(
        &self,
        revision: Revision,
        out: impl Write,
    ) -> Result<u64, TransferError> {
        let call = self.call(Operation::Manifest, None)?;
        let count = call.manifest(revision, out).await;
        call.end(count)
    }

    /// Compares the store with a manifest. Same as
    /// [`Vault::verify_against`](crate::vault::Vault::verify_against).
    ///
    /// The store is awaited. Reading `manifest` blocks the thread.
    ///
    /// # Errors
    ///
    /// Same as [`Vault::verify_against`](crate::vault::Vault::verify_against).
    pub async fn verify_against_blocking(
        &self,
        manifest: impl Read,
    ) -> Result<Report, TransferError> {
        let call = self.call(Operation::VerifyAgainst, None)?;
        let report = call.verify_against(manifest).await;
        call.end(report)
    }
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    async fn manifest(
        &self,
        revision: Revision,
        mut out: impl Write,
    ) -> Result<u64, TransferError> {
        let mut held = self.held();
        let (mut list, mut slices) = (ManifestList::default(), Slices::default());
        out.write_all(&MAGIC)?;
        let mut scan = Scan::new(&self.store, Vec::new(), PAGE, Fetch::Records).of_present();
        loop {
            let page = scan.next_page().await.map_err(VaultError::from)?;
            if page.is_empty() {
                break;
            }
            for row in page {
                let scope = Scope::from_bytes(row.scope()).map_err(VaultError::from)?;
                let opened = self.open_present(&mut held, &scope, row.record()).await?;
                slices.add(row.record().len()).await;
                // The record may have been purged since it was read in a page.
                let Some(opened) = opened else { continue };
                let (revision, origin) = (opened.revision(), *opened.origin());
                let line = Line { scope, revision, origin }.encode();
                list.add(&line);
                out.write_all(&line)?;
            }
        }
        let count = list.count();
        if held.fence().is_some() {
            // The primary key may have been replaced since the keyring was loaded.
            self.reload(&mut held).await?;
        }
        let sealed = held.seal_manifest(revision, list).map_err(VaultError::from)?;
        let len = u32::try_from(sealed.as_bytes().len()).expect("a record is at most 2 MiB");
        out.write_all(&[&[0; 2], &len.to_be_bytes()[..], sealed.as_bytes()].concat())?;
        out.flush()?;
        Ok(count)
    }

    async fn verify_against(&self, mut manifest: impl Read) -> Result<Report, TransferError> {
        // Both the manifest and the store are in the order of scopes, so one pass over both compares
        // them:
        //
        //     lines   a     c     e  f
        //     rows      a  b  c  d     f
        //               =  +  =  +  -  =      (= compared, + newer, - lost)
        //
        // The record at the end authenticates the lines. Until it has opened, a line may be
        // forged, so the report is not returned before.
        let mut held = self.held();
        let mut report = Report::default();
        let (mut list, mut slices) = (ManifestList::default(), Slices::default());
        let mut rows = Rows::new(&self.store);
        let mut previous: Option<Scope> = None;
        check_magic(&mut manifest, &MAGIC)?;
        loop {
            let line = match Part::read(&mut manifest)? {
                Part::Line(line) => line,
                Part::Sealed(record) => {
                    let revision = self.open_manifest(&mut held, &record, list).await?;
                    report.manifest_revision = Some(revision);
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
            match self.compare(&mut held, &line, row.as_ref()).await {
                Ok(Compared::Unchanged) => report.unchanged += 1,
                Ok(Compared::Newer) => report.newer += 1,
                Err(error) if error.ends_the_call() => return Err(error.into()),
                Err(error) => report.fail(scope, error),
            }
            slices.add(row.map_or(0, |row| row.record().len())).await;
            previous = Some(line.scope);
        }
    }

    /// Opens the record at the end of a manifest, which may have been made under a later keyring.
    async fn open_manifest(
        &self,
        held: &mut Arc<Held>,
        record: &[u8],
        list: ManifestList,
    ) -> Result<Revision, TransferError> {
        match held.open_manifest(record, list.clone()) {
            Err(error) if held.fence().is_some() && error.is_of_a_key() => {
                self.reload(held).await?;
                held.open_manifest(record, list).map_err(TransferError::Open)
            }
            opened => opened.map_err(TransferError::Open),
        }
    }

    /// Compares a line with the row of its scope.
    async fn compare(
        &self,
        held: &mut Arc<Held>,
        line: &Line,
        row: Option<&Row>,
    ) -> Result<Compared, VaultError> {
        let highest = line.revision;
        let lost = || VaultError::RolledBack { highest, found: None };
        let row = row.ok_or_else(lost)?;
        let opened = self.open_present(held, &line.scope, row.record()).await?.ok_or_else(lost)?;
        let found = opened.revision();
        if found > highest {
            return Ok(Compared::Newer);
        }
        if found < highest {
            return Err(VaultError::RolledBack { highest, found: Some(found) });
        }
        // Somebody with the key may have written this revision twice: once before the store was rolled
        // back, and once after. The origin tells the two writes apart, however often they were rewrapped.
        if *opened.origin() == line.origin {
            Ok(Compared::Unchanged)
        } else {
            Err(VaultError::Forked { revision: highest })
        }
    }
}

/// The state of a record that a manifest lists, if nothing is wrong with it.
enum Compared {
    Unchanged,
    Newer,
}

/// The rows of a store, one by one.
struct Rows<'a, S> {
    scan: Scan<'a, S>,
    page: Peekable<vec::IntoIter<Row>>,
}

impl<'a, S: AsyncStore> Rows<'a, S> {
    fn new(store: &'a S) -> Self {
        let scan = Scan::new(store, Vec::new(), PAGE, Fetch::Records).of_present();
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
    origin: [u8; 32],
}

impl Line {
    fn encode(&self) -> Vec<u8> {
        let scope = self.scope.as_bytes();
        let len = u16::try_from(scope.len()).expect("a scope is shorter than 64 KiB");
        [&len.to_be_bytes()[..], scope, &self.revision.get().to_be_bytes(), &self.origin].concat()
    }
}

/// A part of a manifest: a line, or the record at the end.
enum Part {
    Line(Line),
    Sealed(Vec<u8>),
}

impl Part {
    fn read(from: &mut impl Read) -> Result<Self, TransferError> {
        let scope_len = usize::from(u16::from_be_bytes(read(from)?));
        if scope_len == 0 {
            let len = u32::from_be_bytes(read(from)?) as usize;
            if len > MAX_RECORD_LEN {
                return Err(TransferError::Malformed);
            }
            return Ok(Self::Sealed(read_vec(from, len)?));
        }
        if scope_len > MAX_SCOPE_LEN {
            return Err(TransferError::Malformed);
        }
        let scope = Scope::from_bytes(&read_vec(from, scope_len)?);
        let scope = scope.map_err(|_| TransferError::Malformed)?;
        let revision = Revision::try_from(u64::from_be_bytes(read(from)?));
        let revision = revision.map_err(|_| TransferError::Malformed)?;
        Ok(Self::Line(Line { scope, revision, origin: read(from)? }))
    }
}
