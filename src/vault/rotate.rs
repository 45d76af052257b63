//! Rotation: another key, all records under it, and the end of the old keys, in one call.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::seal::{KeyId, Unused};
use crate::store::AsyncStore;
use crate::vault::asynchronous::AsyncVault;
use crate::vault::beside::Beside;
use crate::vault::call::Call;
use crate::vault::custody::kept_changing;
use crate::vault::decide::ATTEMPTS;
use crate::vault::error::VaultError;
use crate::vault::held::Held;
use crate::vault::list::Scopes;
use crate::vault::operation::Operation;
use crate::vault::report::Report;
use crate::vault::rewrap::{Pass, UpToDate};

/// The reason why a [rotation](crate::vault::Vault::rotate) did not complete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// Records did not open, or `progress` stopped the rotation. No key was destroyed.
    ///
    /// A further call goes on. It adds no key while records are under the old ones.
    #[error("{}", unfinished(.0))]
    Unfinished(Box<Report>),
    /// The store or the keyring failed.
    ///
    /// A further call goes on.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

fn unfinished(report: &Report) -> String {
    match report.failed() {
        0 => "the rotation was stopped; call it again to go on".to_owned(),
        1 => "the rotation is unfinished: a record failed, and its key is kept".to_owned(),
        failed => {
            format!("the rotation is unfinished: {failed} records failed, and the keys are kept")
        }
    }
}

/// The outcome of moving all records to the primary key.
enum Moved {
    /// Every record is under the primary key, and opens.
    All,
    /// The store has another keyring by now.
    Rotated,
    /// The caller stopped it, or records failed.
    Unfinished,
}

impl<S: AsyncStore> AsyncVault<S> {
    /// Rotates the keys. Same as [`Vault::rotate`](crate::vault::Vault::rotate).
    ///
    /// # Errors
    ///
    /// Same as [`Vault::rotate`](crate::vault::Vault::rotate).
    pub async fn rotate(
        &self,
        progress: impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<Report, RotateError> {
        let call = self.call(Operation::Rotate, None)?;
        let rotated = call.rotate(Beside::Task, progress).await;
        call.end(rotated)
    }
}

impl<S: AsyncStore> Call<'_, AsyncVault<S>> {
    pub(super) async fn rotate<'env>(
        &'env self,
        beside: Beside<'_, 'env>,
        mut progress: impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<Report, RotateError> {
        let (mut held, mut report) = (self.held_in_store()?, Report::default());
        self.reload(&mut held).await?;
        let goal = held.living();
        for _ in 0..ATTEMPTS {
            let (old, mut moved) = (old_keys(&held), Report::default());
            if !old.is_empty() {
                match self.move_all(beside, &mut held, &mut moved, &mut progress).await? {
                    Moved::All => {}
                    Moved::Rotated => continue,
                    Moved::Unfinished => return Err(RotateError::Unfinished(Box::new(moved))),
                }
            } else if !goal.contains(&held.primary()) {
                report.complete = true;
                return Ok(report);
            }
            // Every write since the pass over the records began is under the primary key, if the store
            // still has the keyring of that time. That is the condition of this write.
            let mut next = held.copy()?;
            if old.is_empty() {
                let id = next.add().map_err(VaultError::from)?;
                next.promote(&id).map_err(VaultError::from)?;
            }
            for id in old {
                next.disable(&id).map_err(VaultError::from)?;
                next.destroy(Unused::of(id)).map_err(VaultError::from)?;
            }
            let text = next.lock_again().map_err(VaultError::from)?;
            if self.write_keyring(&mut held, next, &text).await? {
                report = moved;
            } else {
                self.reload(&mut held).await?;
            }
        }
        Err(kept_changing().into())
    }

    /// Seals all records again under the primary key, until a pass finds none under another. That pass
    /// opens those that it finds under the primary key: nothing else has looked into them.
    async fn move_all<'env>(
        &'env self,
        beside: Beside<'_, 'env>,
        held: &mut Arc<Held>,
        report: &mut Report,
        progress: &mut impl FnMut(&Report) -> ControlFlow<()>,
    ) -> Result<Moved, VaultError> {
        let begun = held.clone();
        let pass = Pass::new(self, Scopes::All, UpToDate::Kept)?;
        let mut stopped = pass.run(beside, held, report, progress).await?.is_break();
        stopped = stopped || progress(report).is_break();
        let mut written = None;
        for _ in 0..ATTEMPTS {
            if stopped {
                break;
            }
            if !Arc::ptr_eq(held, &begun) {
                return Ok(Moved::Rotated);
            }
            if report.failed() > 0 {
                break;
            }
            if written == Some(report.written) {
                return Ok(Moved::All);
            }
            written = Some(report.written);
            (report.documents, report.tombstones, report.past) = (0, 0, 0);
            let pass = Pass::new(self, Scopes::All, UpToDate::Opened)?;
            stopped = pass.run(beside, held, report, progress).await?.is_break();
        }
        Ok(Moved::Unfinished)
    }
}

/// The keys that open records and do not seal.
fn old_keys(held: &Held) -> Vec<KeyId> {
    let mut keys = held.living();
    keys.retain(|id| *id != held.primary());
    keys
}
