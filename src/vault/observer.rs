//! Observers: an audit log or a counter that a vault tells of each call.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use crate::seal::{KeyId, Opened, Revision, Scope};
use crate::store::Cause;
use crate::vault::operation::Operation;

/// An observer of a vault's calls: an audit log, a counter, or a limit.
///
/// [`Vault::observed_by`] and [`AsyncVault::observed_by`] attach it. The vault then calls
/// [`before`](Self::before) and [`after`](Self::after) around each call of an [`Operation`], reads
/// included. One call of the host is one event, also if it takes many steps, as
/// [`restore`](crate::vault::Vault::restore) and [`rotate`](crate::vault::Vault::rotate) do.
///
/// Neither an [`Event`] nor an [`Outcome`] holds a value of a document.
///
/// - The vault holds no lock while it calls an observer. An observer may call a vault, but a call of the
///   observed one is observed, too.
/// - Calls of several threads overlap. [`Event::number`] tells which outcome belongs to which event.
/// - An observer runs in the thread of the caller and delays the call. In async code it should not block
///   for long.
/// - [`open`](crate::vault::Vault::open), [`create`](crate::vault::Vault::create) and
///   [`adopt`](crate::vault::Vault::adopt) make the vault, so they are not observed. Neither are calls that
///   ask the store nothing, such as [`accept_restore`](crate::vault::Vault::accept_restore).
///
/// # Examples
///
/// ```
#[doc = include_str!("example.txt")]
/// use secrets_toml::store::Cause;
/// use secrets_toml::vault::{Event, Observer, Operation};
///
/// /// Lets nobody purge.
/// struct NoPurge;
///
/// impl Observer for NoPurge {
///     fn before(&self, event: &Event<'_>) -> Result<(), Cause> {
///         if event.operation() == Operation::Purge {
///             return Err("ask an administrator".into());
///         }
///         Ok(())
///     }
/// }
///
/// let vault = vault.observed_by(NoPurge);
/// vault.put(&chat, &secrets, Expected::Absent)?;
/// assert!(matches!(vault.purge(&chat), Err(VaultError::Refused(_))));
/// assert!(vault.get(&chat)?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The example `observe` of the repository logs each call with `tracing`, and counts it.
///
/// [`Vault::observed_by`]: crate::vault::Vault::observed_by
/// [`AsyncVault::observed_by`]: crate::vault::AsyncVault::observed_by
pub trait Observer: Send + Sync {
    /// Permits a call, before the store is asked for anything. By default all calls are permitted.
    ///
    /// # Errors
    ///
    /// If this returns an error, nothing is done, and the call returns
    /// [`VaultError::Refused`](crate::vault::VaultError::Refused) with it. [`after`](Self::after) is not
    /// called then. So an audit log that cannot write stops the work.
    fn before(&self, event: &Event<'_>) -> Result<(), Cause> {
        let _ = event;
        Ok(())
    }

    /// Is told how a call ended: exactly once for each call that [`before`](Self::before) has permitted.
    /// By default it does nothing.
    ///
    /// The call is over, and this cannot change its result. If this panics, the caller sees the panic, and
    /// what the call wrote stays written. If the call was [abandoned](End::Abandoned), the panic is dropped.
    fn after(&self, event: &Event<'_>, outcome: &Outcome<'_>) {
        let _ = (event, outcome);
    }
}

/// The host keeps another reference, for example to read a counter.
impl<T: Observer + ?Sized> Observer for Arc<T> {
    fn before(&self, event: &Event<'_>) -> Result<(), Cause> {
        (**self).before(event)
    }

    fn after(&self, event: &Event<'_>, outcome: &Outcome<'_>) {
        (**self).after(event, outcome);
    }
}

/// One call of a vault, as an [`Observer`] is told.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    pub(super) number: u64,
    pub(super) operation: Operation,
    pub(super) scope: Option<Cow<'a, Scope>>,
    pub(super) source: Option<&'a Scope>,
    pub(super) key_id: KeyId,
}

impl Event<'_> {
    /// The number of the call. The calls of a vault are counted from 0, so
    /// [`after`](Observer::after) gets the number that [`before`](Observer::before) got.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The operation that the host called.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The scope that is read or written.
    ///
    /// - [`Copy`](Operation::Copy): the scope that is written. [`source`](Self::source) is the other one.
    /// - An operation on some [`Scopes`](crate::vault::Scopes): the module or the version that all of them
    ///   belong to. `None` if there is none.
    /// - `None` for an operation on the whole store or on the keyring.
    #[must_use]
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_deref()
    }

    /// The scope that is copied from. `None` for every operation except [`Copy`](Operation::Copy).
    #[must_use]
    pub fn source(&self) -> Option<&Scope> {
        self.source
    }

    /// The ID of the vault's primary key when the call began. A record that is read may be under another
    /// key, and the keys may be rotated during the call. [`Outcome::key_id`] is the key that was used.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }
}

/// The outcome of one call of a vault, as an [`Observer`] is told.
#[derive(Debug, Clone)]
pub struct Outcome<'a> {
    pub(super) end: End<'a>,
    pub(super) touched: Option<Touched>,
    pub(super) attempts: u32,
}

impl<'a> Outcome<'a> {
    /// The way in which the call ended.
    #[must_use]
    pub fn end(&self) -> End<'a> {
        self.end
    }

    /// The revision that the call wrote or returned. `None` if it wrote or returned no single one.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.touched.map(|touched| touched.revision)
    }

    /// The ID of the key of the record that the call wrote or returned. `None` if it wrote or returned
    /// no single one.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        self.touched.and_then(|touched| touched.key_id)
    }

    /// The number of writes that were sent to the store.
    ///
    /// A read sends none, and a write one. If the store does not confirm it, or if the keys were
    /// rotated meanwhile, it is sent again. An operation on many records sends one for each batch.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// The way in which a call ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum End<'a> {
    /// The call returned its result. An iterator came to its end.
    ///
    /// A [`Report`](crate::vault::Report) is a result, also if it has failures. So is an iterator that has
    /// returned errors about single items.
    Done,
    /// The call returned this error: a [`VaultError`](crate::vault::VaultError), a
    /// [`TransferError`](crate::vault::TransferError) or a [`RotateError`](crate::vault::RotateError).
    ///
    /// If it is [`VaultError::Unknown`](crate::vault::VaultError::Unknown), the write may have happened.
    Failed(&'a (dyn Error + Send + Sync + 'static)),
    /// The call did not return: its future was dropped, its iterator was dropped before the end, or
    /// the store or a function of the host panicked.
    ///
    /// If [writes were sent](Outcome::attempts), they may have happened, or may still happen.
    Abandoned,
}

impl End<'_> {
    /// The name, for a log: `done`, `failed` or `abandoned`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// The record that a call wrote or returned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touched {
    pub(super) revision: Revision,
    /// `None` if the record was not opened.
    pub(super) key_id: Option<KeyId>,
}

impl Touched {
    pub(super) fn of(opened: &Opened) -> Self {
        Self { revision: opened.revision(), key_id: Some(opened.key_id()) }
    }
}
