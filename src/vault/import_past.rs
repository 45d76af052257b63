//! The past rows of an export, written below the present records of a store.

use crate::seal::{Keyring, Record, Revision, Scope};
use crate::store::AsyncStore;
use crate::store::backend::{MAX_PAGE_LEN, Outcome};
use crate::vault::asynchronous::AsyncVault;
use crate::vault::decide::{self, ATTEMPTS, Current};
use crate::vault::error::VaultError;
use crate::vault::report::Report;

/// The most records that an import writes in one commit.
pub(super) const BATCH: usize = 1000;

/// The most bytes of scopes and records that an import writes in one commit, as many as a page of a
/// scan has. It bounds the memory that an import takes. The longest record fits.
pub(super) const MAX_BATCH_LEN: usize = MAX_PAGE_LEN;

/// Past rows of one scope that are written in one commit.
pub(super) struct PastRows {
    scope: Scope,
    rows: Vec<(Revision, Record)>,
    len: usize,
}

impl PastRows {
    pub(super) fn new(scope: Scope, revision: Revision, record: Record) -> Self {
        let mut rows = Self { scope, rows: Vec::new(), len: 0 };
        rows.push(revision, record);
        rows
    }

    /// Returns `true` if a row of this scope and length can be added.
    pub(super) fn has_room(&self, scope: &Scope, len: usize) -> bool {
        self.scope == *scope && self.rows.len() < BATCH && self.len + len <= MAX_BATCH_LEN
    }

    pub(super) fn push(&mut self, revision: Revision, record: Record) {
        self.len += self.scope.past(revision).len() + record.as_bytes().len();
        self.rows.push((revision, record));
    }
}

/// The decision about one row.
enum Decision {
    Put,
    Kept,
    Failed(VaultError),
}

impl<S: AsyncStore> AsyncVault<S> {
    /// Writes the present record over itself, and the past rows with it. So they become past of
    /// exactly the record that was read. If it changes meanwhile, all is decided anew.
    pub(super) async fn write_past(
        &self,
        keyring: &Keyring,
        past: &PastRows,
        report: &mut Report,
    ) -> Result<(), VaultError> {
        let scope = &past.scope;
        let mut revision_now = None;
        for _ in 0..ATTEMPTS {
            let mut current = None;
            let mut decisions = Vec::with_capacity(past.rows.len());
            for (revision, record) in &past.rows {
                if current.is_none() {
                    match self.read(keyring, scope).await {
                        Ok((now, _)) => current = Some(now),
                        Err(error) if error.ends_the_call() => return Err(error),
                        Err(error) => {
                            decisions.push(Decision::Failed(error));
                            continue;
                        }
                    }
                }
                let now = current.as_ref().and_then(Option::as_ref);
                match self.decide_past(keyring, scope, now, *revision, record).await {
                    Err(error) if error.ends_the_call() => return Err(error),
                    decision => decisions.push(decision.unwrap_or_else(Decision::Failed)),
                }
            }
            let put =
                || past.rows.iter().zip(&decisions).filter(|(_, is)| matches!(is, Decision::Put));
            if let Some(current) = current.flatten().filter(|_| put().next().is_some()) {
                let write = put()
                    .fold(current.over_itself(scope), |write, ((revision, record), _)| {
                        write.put_past(*revision, record.clone())
                    });
                // The present has the same commitment afterwards. So if the store does not confirm the
                // write, the second attempt applies whether the first one did or not.
                if self.apply_again(&[write]).await?[0] != Outcome::Applied {
                    revision_now = Some(current.revision());
                    continue;
                }
            }
            for ((revision, _), decision) in past.rows.iter().zip(decisions) {
                match decision {
                    Decision::Put => report.written += 1,
                    Decision::Kept => report.kept += 1,
                    Decision::Failed(error) => report.fail(&scope.past(*revision), error),
                }
            }
            return Ok(());
        }
        for (revision, _) in &past.rows {
            let current = revision_now;
            report.fail(&scope.past(*revision), VaultError::Conflict { current });
        }
        Ok(())
    }

    /// Decides about one row. One that is not below the present is ignored, as it would be in the
    /// store.
    async fn decide_past(
        &self,
        keyring: &Keyring,
        scope: &Scope,
        current: Option<&Current>,
        revision: Revision,
        record: &Record,
    ) -> Result<Decision, VaultError> {
        let opened = keyring.open_past(scope, revision, record.as_bytes())?;
        if current.map(Current::revision) <= Some(revision) {
            return Ok(Decision::Kept);
        }
        match self.store.get(&scope.past(revision)).await? {
            None => Ok(Decision::Put),
            Some(ours) => {
                let ours = keyring.open_past(scope, revision, &ours)?;
                decide::is_kept(&ours, &opened).map(|()| Decision::Kept)
            }
        }
    }
}
