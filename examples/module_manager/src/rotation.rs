//! Key rotation, in the order that the documentation of `Vault` gives.

use std::ops::ControlFlow;
use std::sync::{MutexGuard, PoisonError};

use secrets_toml::seal::{KeyId, KeyState, KeyringError};
use secrets_toml::vault::VaultError;

use crate::host::{Host, HostError};

/// The progress of a rotation.
#[derive(Clone, Default)]
pub enum Status {
    /// No rotation was started since the server was.
    #[default]
    Idle,
    /// `done` of `total` records are sealed under the new key.
    Running { step: &'static str, done: u64, total: u64 },
    /// All `moved` records are sealed under the new key, and the old keys are destroyed.
    Done { moved: u64, destroyed: usize },
    /// It stopped with this error. Every record can still be opened; start again to finish.
    Failed(String),
}

/// An error that stopped a rotation.
#[derive(Debug, thiserror::Error)]
enum RotationError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("{0} records could not be opened, so the old keys were not destroyed")]
    Unreadable(u64),
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

    /// Rotates the key, after [`begin_rotation`](Self::begin_rotation) returned `true`. Reseals
    /// every record, so it can take long.
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

        let total = self.vault().usage()?.by_key().map(|(_, records)| records).sum();
        let step = "resealing";
        *self.status() = Status::Running { step, done: 0, total };
        let moved = self.vault().rewrap_all(|now| {
            *self.status() = Status::Running { step, done: now.written() + now.kept(), total };
            ControlFlow::Continue(())
        })?;
        if moved.failed() > 0 {
            return Err(RotationError::Unreadable(moved.failed()));
        }

        // Every older key, including those that an interrupted rotation left.
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
            keyring.destroy(unused)?;
        }
        self.set_keyring(keyring)?;
        Ok(Status::Done { moved: moved.written(), destroyed: old.len() })
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.rotation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
