//! Key rotation, and how far it is.

use std::ops::ControlFlow;
use std::sync::{MutexGuard, PoisonError};

use secrets_toml::vault::RotateError;

use crate::host::Host;

/// The progress of a rotation.
#[derive(Clone, Default)]
pub enum Status {
    /// No rotation was started since the server was.
    #[default]
    Idle,
    /// A step has `done` of `total` records.
    Running { step: &'static str, done: u64, total: u64 },
    /// All `moved` records are sealed under the new key, and the old keys are destroyed.
    Done { moved: u64 },
    /// It stopped with this error. Every record can still be opened; start again to go on.
    Failed(String),
}

impl Host {
    /// Returns the progress of the rotation.
    pub fn rotation(&self) -> Status {
        self.status().clone()
    }

    /// Marks a rotation as running. Returns `false` if one is running already.
    pub fn begin_rotation(&self) -> bool {
        let mut status = self.status();
        let idle = !matches!(*status, Status::Running { .. });
        if idle {
            *status = Status::Running { step: "adding a key", done: 0, total: 0 };
        }
        idle
    }

    /// Rotates the keys, after [`begin_rotation`](Self::begin_rotation) returned `true`. Reseals
    /// every record, so it can take long.
    pub fn rotate(&self) {
        self.rotate_watched(|| {});
    }

    /// Same as [`rotate`](Self::rotate). Calls `watch` after each batch, when the progress has it.
    pub fn rotate_watched(&self, watch: impl FnMut()) {
        let end = match self.try_rotate(watch) {
            Ok(moved) => Status::Done { moved },
            Err(error) => {
                let text = crate::web::chain(&error);
                tracing::error!("the rotation stopped: {text}");
                Status::Failed(text)
            }
        };
        *self.status() = end;
    }

    fn try_rotate(&self, mut watch: impl FnMut()) -> Result<u64, RotateError> {
        let mut total = self.vault().usage()?.by_key().map(|(_, records)| records).sum();
        let report = self.vault().rotate(|now| {
            let opened = now.documents() + now.tombstones() + now.past();
            let (step, done) = match opened {
                0 => ("encrypting", now.written() + now.kept()),
                opened => ("opening what was encrypted", opened),
            };
            // Records that were stored after the count are counted here.
            total = done.max(total);
            *self.status() = Status::Running { step, done, total };
            watch();
            ControlFlow::Continue(())
        })?;
        Ok(report.written())
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.rotation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
