//! Changes the key, in the order that loses nothing: the runbook of `Vault`, in one process.

use std::ops::ControlFlow;
use std::sync::{MutexGuard, PoisonError};

use secrets_toml::seal::{KeyId, KeyState, KeyringError};
use secrets_toml::vault::VaultError;

use crate::host::{Host, HostError};

/// How far a rotation is.
#[derive(Clone, Default)]
pub enum Status {
    /// None was begun since the start.
    #[default]
    Idle,
    /// So many of so many records are under the new key.
    Running { step: &'static str, done: u64, total: u64 },
    /// All are, and so many old keys were destroyed.
    Done { moved: u64, destroyed: usize },
    /// It stopped, and may be begun again: nothing is lost.
    Failed(String),
}

/// Why a rotation stopped.
#[derive(Debug, thiserror::Error)]
enum RotationError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("{0} records could not be opened, so the old key is kept")]
    Unreadable(u64),
}

impl Host {
    /// How far the rotation is.
    pub fn rotation(&self) -> Status {
        self.status().clone()
    }

    /// Marks a rotation as begun; `false` where one is under way.
    pub fn begin_rotation(&self) -> bool {
        let mut status = self.status();
        let idle = !matches!(*status, Status::Running { .. });
        if idle {
            *status = Status::Running { step: "adding a key", done: 0, total: 0 };
        }
        idle
    }

    /// Rotates, after [`begin_rotation`](Self::begin_rotation) gave leave. It takes its time.
    pub fn rotate(&self) {
        let end = match self.try_rotate() {
            Ok(end) => end,
            Err(error) => {
                let text = crate::web::chain(&error);
                tracing::error!("the rotation stopped: {text}");
                Status::Failed(text)
            }
        };
        *self.status() = end;
    }

    fn try_rotate(&self) -> Result<Status, RotationError> {
        let mut keyring = self.keyring()?;
        let new = keyring.add()?;
        self.set_keyring(keyring)?;

        let mut keyring = self.keyring()?;
        keyring.promote(&new)?;
        self.set_keyring(keyring)?;

        let total = self.vault().usage()?.iter().map(|(_, records)| records).sum();
        let step = "sealing again";
        *self.status() = Status::Running { step, done: 0, total };
        let moved = self.vault().rewrap_all(|now| {
            *self.status() = Status::Running { step, done: now.done() + now.skipped(), total };
            ControlFlow::Continue(())
        })?;
        if moved.failed() > 0 {
            return Err(RotationError::Unreadable(moved.failed()));
        }

        // All that is older, what a rotation that was cut short left behind included.
        *self.status() = Status::Running { step: "destroying old keys", done: total, total };
        let mut keyring = self.keyring()?;
        let old: Vec<KeyId> = keyring
            .entries()
            .filter(|(id, state)| *id != new && *state != KeyState::Destroyed)
            .map(|(id, _)| id)
            .collect();
        for id in &old {
            keyring.disable(id)?;
        }
        self.set_keyring(keyring)?;

        let verified = self.vault().verify()?;
        let mut keyring = self.keyring()?;
        for id in &old {
            let unused = verified.unused(id).ok_or(RotationError::Unreadable(verified.failed()))?;
            keyring.destroy(id, unused)?;
        }
        self.set_keyring(keyring)?;
        Ok(Status::Done { moved: moved.done(), destroyed: old.len() })
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.rotation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
