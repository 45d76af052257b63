//! Stores that return rows twice, out of order, or of another prefix.

use std::io::Cursor;
use std::ops::ControlFlow::Continue;
use std::sync::{Arc, Mutex};

use secrets_toml::seal::{Lock, Revision, Scope};
use secrets_toml::store::backend::{Fetch, Outcome, Row, Write};
use secrets_toml::store::{MemoryStore, Store, StoreError};
use secrets_toml::vault::{Expected, Scopes, TransferError, Vault, VaultError};

use crate::chain;
use crate::seal::{custody, keyring, secrets};
use crate::vault::altered::Altered;

fn vault(change: fn(&MemoryStore, &mut Vec<Row>)) -> Vault<Altered> {
    let store = Altered::pages(move |store, _, page| change(store, page));
    let vault = Vault::new(store, keyring());
    for name in ["a", "b", "c", "d", "e", "f"] {
        vault.put(&Scope::module(name).unwrap(), &secrets(), Expected::Absent).unwrap();
    }
    vault
}

fn first_page(store: &MemoryStore) -> Vec<Row> {
    store.scan(&[], None, 3, Fetch::Records).unwrap()
}

type Hostility = (&'static str, fn(&MemoryStore, &mut Vec<Row>));

const OUT_OF_ORDER: [Hostility; 5] = [
    ("a row twice", |_, page| page.extend(page.last().cloned())),
    ("a page reversed", |_, page| page.reverse()),
    ("the first page again and again", |store, page| *page = first_page(store)),
    ("the first row again, on the second page", |store, page| {
        if page.first() != first_page(store).first() {
            page.truncate(0);
            page.extend(first_page(store).into_iter().take(1));
        }
    }),
    ("the last row of the page before", |store, page| {
        let last = first_page(store).pop().unwrap();
        if page.iter().all(|row| row.scope() > last.scope()) {
            page.insert(0, last);
        }
    }),
];

#[track_caller]
fn is_corrupt(error: &VaultError, what: &str, told: &str) {
    assert!(matches!(error, VaultError::Store(StoreError::Corrupt(_))), "{what}: {error:?}");
    let expected = format!("the store is damaged; restore it from a backup: {told}");
    assert_eq!(chain(error), expected, "{what}");
}

#[track_caller]
fn is_corrupt_transfer(error: TransferError, what: &str) {
    let TransferError::Vault(error) = error else { panic!("{what}: {error:?}") };
    is_corrupt(&error, what, "the rows of a scan are out of order");
}

#[test]
fn every_call_that_scans_refuses_rows_out_of_order() {
    let honest = vault(|_, _| {});
    let mut manifest = Vec::new();
    assert_eq!(honest.manifest(Revision::FIRST, &mut manifest).unwrap(), 6);
    assert_eq!(honest.verify_against(&manifest[..]).unwrap().unchanged(), 6);
    assert_eq!(honest.verify(Scopes::All).unwrap().documents(), 6);
    assert_eq!(honest.usage().unwrap().records(&keyring().primary()), 6);
    assert_eq!(honest.scopes(Scopes::All).unwrap().count(), 6);

    let told = "the rows of a scan are out of order";
    for (what, change) in OUT_OF_ORDER {
        let vault = vault(change);
        is_corrupt(&vault.verify(Scopes::All).unwrap_err(), what, told);
        is_corrupt(&vault.usage().unwrap_err(), what, told);
        is_corrupt(&vault.rewrap(Scopes::All, |_| Continue(())).unwrap_err(), what, told);
        is_corrupt_transfer(vault.manifest(Revision::FIRST, Vec::new()).unwrap_err(), what);
        is_corrupt_transfer(vault.verify_against(&manifest[..]).unwrap_err(), what);
        is_corrupt_transfer(vault.export(Vec::new()).unwrap_err(), what);
        let mut listing = vault.scopes(Scopes::Modules).unwrap();
        let error = listing.find_map(Result::err).unwrap();
        is_corrupt(&error, what, told);
        assert!(listing.next().is_none(), "{what}: the listing ends");
    }
}

#[test]
fn a_listing_refuses_rows_of_another_prefix() {
    let vault = vault(|store, page| *page = first_page(store));
    let mut listing = vault.scopes(Scopes::Versions("a")).unwrap();
    let error = listing.next().unwrap().unwrap_err();
    is_corrupt(&error, "a module among versions", "a scan has a row without its prefix");
    assert!(listing.next().is_none());
}

/// The file of an export with these rows.
fn export(rows: &[Row]) -> Vec<u8> {
    let mut file = b"\x89SLX\x01".to_vec();
    for row in rows {
        file.extend((row.scope().len() as u16).to_be_bytes());
        file.extend(row.scope());
        file.extend((row.record().len() as u32).to_be_bytes());
        file.extend(row.record());
    }
    file.extend([0; 2]);
    file.extend((rows.len() as u64).to_be_bytes());
    file
}

/// More rows than one batch has, and what is wrong is at the end.
#[test]
fn of_an_export_out_of_order_nothing_is_written() {
    let seal = |number: u32| {
        let scope = Scope::module(&format!("{number:04}")).unwrap();
        let record = keyring().seal_tombstone(&scope, Revision::FIRST, None).unwrap();
        Row::new(scope.as_bytes().to_vec(), record.into_bytes())
    };
    let rows: Vec<_> = (0..1_100).map(seal).collect();
    let fresh = || Vault::new(MemoryStore::new(), keyring());
    assert_eq!(fresh().import(Cursor::new(export(&rows))).unwrap().written(), 1_100);

    let last = rows.last().unwrap();
    let with = |row: Row| [&rows[..], &[row]].concat();
    let under = |scope: &[u8], record: &[u8]| with(Row::new(scope.to_vec(), record.to_vec()));
    let manifest = keyring().lock(&custody(Lock::raw(&[3; 32]))).unwrap();
    let mut swapped = rows.clone();
    swapped.swap(1_098, 1_099);
    let next = seal(1_100);
    let mut kind = next.record().to_vec();
    kind[6] = 3;
    for (what, rows) in [
        ("a scope twice", with(last.clone())),
        ("the first scope again", with(rows[0].clone())),
        ("two rows the other way round", swapped),
        ("no scope", under(b"\x04no scope", last.record())),
        ("a record that is too short", under(next.scope(), &next.record()[..400])),
        ("a record that is too long", under(next.scope(), &[next.record(), b"x"].concat())),
        ("no record", under(next.scope(), manifest.as_bytes())),
        ("a record of another kind", under(next.scope(), &kind)),
    ] {
        let vault = fresh();
        let error = vault.import(Cursor::new(export(&rows))).unwrap_err();
        let refused = matches!(error, TransferError::Malformed | TransferError::Record(_));
        assert!(refused, "{what}: {error:?}");
        assert_eq!(vault.store().scan(&[], None, 1, Fetch::Heads).unwrap(), [], "{what}");
    }
}

/// An export refuses the rows that an import would refuse.
#[test]
fn a_row_that_is_not_a_record_ends_an_export() {
    for (change, told) in [
        (
            (|_, page| page.insert(0, Row::new(b"\0no scope".to_vec(), Vec::new())))
                as fn(&MemoryStore, &mut Vec<Row>),
            "these bytes are not the encoding of a scope",
        ),
        (
            |_, page| {
                if let Some(row) = page.pop() {
                    page.push(Row::new(row.scope().to_vec(), b"no record".to_vec()));
                }
            },
            "these bytes are not a sealed record",
        ),
    ] {
        let error = vault(change).export(Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), told);
    }
}

#[test]
fn a_batch_of_an_import_has_a_limit_in_bytes() {
    let vault = Vault::new(MemoryStore::new(), keyring());
    let long = crate::vault::document(&format!("A = '{}'", "x".repeat(500_000)));
    for number in 0..20 {
        let scope = Scope::module(&number.to_string()).unwrap();
        vault.put(&scope, &long, Expected::Absent).unwrap();
    }
    let mut file = Vec::new();
    vault.export(&mut file).unwrap();
    let batches = Arc::new(Mutex::new(Vec::new()));
    let counted = batches.clone();
    let counting = Altered::outcomes(MemoryStore::new(), move |writes, _| {
        let len = |write: &Write| write.scope().len() + write.record().len();
        counted.lock().unwrap().push(writes.iter().map(len).sum::<usize>());
    });
    let written = Vault::new(counting, keyring()).import(Cursor::new(&file)).unwrap().written();
    assert_eq!(written, 20);
    let batches = batches.lock().unwrap();
    assert_eq!(batches.len(), 3, "{batches:?}");
    assert!(batches.iter().all(|len| *len <= 4 << 20), "{batches:?}");
}

/// The store says that a part of a batch was fenced, which cannot be.
#[test]
fn a_batch_is_fenced_whole_or_not_at_all() {
    let mut file = Vec::new();
    vault(|_, _| {}).export(&mut file).unwrap();
    let fencing = Altered::outcomes(MemoryStore::new(), |_, outcomes| {
        outcomes[1] = Outcome::Fenced;
    });
    let error = Vault::new(fencing, keyring()).import(Cursor::new(&file)).unwrap_err();
    assert_eq!(
        chain(&error),
        "the store did not confirm the write: it may or may not have happened: the store did not \
         report whether the write happened: the store fenced a part of a batch"
    );
}
