//! The types that an implementation of [`Store`] or [`AsyncStore`] needs.
//!
//! [`Store`] states the contract. The suite in `store::conformance`, with the feature `conformance`,
//! checks it; run it over your store.
//!
//! # Examples
//!
//! A complete store, in memory. [`fence_holds`] decides each batch and [`Write::holds`] each write,
//! [`past()`] tells which rows are purged with a record, and [`Fetch::of`] cuts off what a scan does not
//! ask for.
//!
//! ```
//! use std::collections::{BTreeMap, HashSet};
//! use std::sync::Mutex;
//!
//! use secrets_toml::store::backend::{
//!     Fetch, KEYRING_ROW, MAX_PAGE_LEN, Outcome, Row, Write, fence_holds, past,
//! };
//! use secrets_toml::store::{Store, StoreError};
//!
//! #[derive(Default)]
//! struct MyStore(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);
//!
//! impl Store for MyStore {
//!     fn get(&self, scope: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
//!         Ok(self.0.lock().unwrap().get(scope).cloned())
//!     }
//!
//!     fn apply(
//!         &self,
//!         fence: Option<&[u8; 32]>,
//!         writes: &[Write],
//!     ) -> Result<Vec<Outcome>, StoreError> {
//!         let mut scopes = HashSet::new();
//!         if !writes.iter().all(|write| scopes.insert(write.scope())) {
//!             return Err(StoreError::Repeated);
//!         }
//!         // The lock makes checking and writing one step, for the whole batch.
//!         let mut records = self.0.lock().unwrap();
//!         if !fence_holds(fence, records.get(KEYRING_ROW).map(Vec::as_slice)) {
//!             return Ok(vec![Outcome::Fenced; writes.len()]);
//!         }
//!         let mut outcomes = Vec::new();
//!         for write in writes {
//!             if !write.holds(records.get(write.scope()).map(Vec::as_slice)) {
//!                 outcomes.push(Outcome::Conflict);
//!                 continue;
//!             }
//!             records.insert(write.scope().to_vec(), write.record().to_vec());
//!             records.retain(|key, _| !write.removed().iter().any(|range| range.contains(key)));
//!             for past in write.past() {
//!                 records.insert(past.scope().to_vec(), past.record().to_vec());
//!             }
//!             outcomes.push(Outcome::Applied);
//!         }
//!         Ok(outcomes)
//!     }
//!
//!     fn scan(
//!         &self,
//!         prefix: &[u8],
//!         after: Option<&[u8]>,
//!         limit: usize,
//!         fetch: Fetch,
//!     ) -> Result<Vec<Row>, StoreError> {
//!         let records = self.0.lock().unwrap();
//!         let (mut page, mut len) = (Vec::new(), 0);
//!         for (scope, record) in records.iter() {
//!             if !scope.starts_with(prefix) || after.is_some_and(|after| scope.as_slice() <= after) {
//!                 continue;
//!             }
//!             let record = fetch.of(record);
//!             len += scope.len() + record.len();
//!             if page.len() == limit || len > MAX_PAGE_LEN && !page.is_empty() {
//!                 break;
//!             }
//!             page.push(Row::new(scope.clone(), record.to_vec()));
//!         }
//!         Ok(page)
//!     }
//!
//!     fn purge(&self, scope: &[u8]) -> Result<bool, StoreError> {
//!         let mut records = self.0.lock().unwrap();
//!         records.retain(|key, _| !past(scope).contains(key));
//!         Ok(records.remove(scope).is_some())
//!     }
//! }
//!
//! use secrets_toml::Document;
//! use secrets_toml::seal::{Keyring, Scope};
//! use secrets_toml::vault::{Expected, Vault};
//!
//! let vault = Vault::new(MyStore::default(), Keyring::generate()?);
//! let scope = Scope::module("chat")?;
//! let secrets = Document::parse("TOKEN = 'hunter2'")?.validate()?;
//! vault.put(&scope, &secrets, Expected::Absent)?;
//! assert!(vault.get(&scope)?.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Store`]: crate::store::Store
//! [`AsyncStore`]: crate::store::AsyncStore

use crate::seal::format;
pub use crate::store::row::{Fetch, Row};
pub use crate::store::write::{Outcome, Write, commitment, fence_holds, past};

/// The key of the row that holds the locked keyring, in a store that a vault keeps its keyring in.
///
/// It is not the encoding of a scope. The [fence](fence_holds) of a batch is about this row.
pub const KEYRING_ROW: &[u8] = format::KEYRING_ROW;

/// The length of a record's head, in bytes.
///
/// The head is everything before the ciphertext: version, revision, key ID and
/// [commitment](commitment()).
pub const HEAD_LEN: usize = format::HEAD_LEN;

/// The maximum length of one page of a scan: 4 MiB of scopes and records.
///
/// It bounds the memory that a scan takes, in the store and in the vault. The longest record has
/// 2 MiB and 120 bytes, so a page always has room for one.
pub const MAX_PAGE_LEN: usize = 4 << 20;
