//! Exports, and manifests: what they carry, notice and refuse.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use secrets_toml::seal::{Keyring, OpenError, Revision, Scope};
use secrets_toml::store::backend::{Fetch, Outcome, Row, Write, commitment};
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, Scopes, TransferError, Vault, VaultError};
use sha2::{Digest, Sha256};

use crate::faulty::Step;
use crate::seal::{install, keyring, revision, secrets, version};
use crate::vault::document;

fn fresh() -> Vault<MemoryStore> {
    Vault::new(MemoryStore::new(), keyring())
}

/// A vault with documents of several revisions, and a tombstone.
fn filled() -> Vault<MemoryStore> {
    let vault = fresh();
    for name in ["a", "b", "c", "longer"] {
        vault.put(&scope(name), &secrets(), Expected::Absent).unwrap();
    }
    vault.put(&scope("b"), &document("B = '2'"), Expected::Revision(Revision::FIRST)).unwrap();
    vault.delete(&scope("c"), Revision::FIRST, None).unwrap();
    vault.put(&install("acme"), &secrets(), Expected::Absent).unwrap();
    vault.put(&version(), &secrets(), Expected::Absent).unwrap();
    vault
}

fn scope(name: &str) -> Scope {
    Scope::module(name).unwrap()
}

fn exported(vault: &Vault<MemoryStore>) -> Vec<u8> {
    let mut file = Vec::new();
    vault.export(&mut file).unwrap();
    file
}

fn manifest(vault: &Vault<MemoryStore>) -> Vec<u8> {
    let mut file = Vec::new();
    assert_eq!(vault.manifest(revision(7), &mut file).unwrap(), 6);
    file
}

fn all(store: &impl Store) -> Vec<Row> {
    store.scan(&[], None, 100, Fetch::Records).unwrap()
}

#[test]
fn an_export_carries_every_record_as_it_is() {
    let old = filled();
    let file = exported(&old);
    let new = fresh();
    let imported = new.import(Cursor::new(&file)).unwrap();
    assert_eq!((imported.written(), imported.kept(), imported.failed()), (6, 0, 0));
    assert_eq!(all(new.store()), all(old.store()));
    assert_eq!(exported(&new), file);
    assert_eq!(new.export(&mut Vec::new()).unwrap(), 6);

    let again = new.import(Cursor::new(&file)).unwrap();
    assert_eq!((again.written(), again.kept(), again.failed()), (0, 6, 0));
    let into = new.put(&scope("b"), &secrets(), Expected::Revision(revision(2))).unwrap();
    assert_eq!(into, revision(3), "revisions go on");

    // The import begins at the reader's position.
    let mut cursor = Cursor::new([b"before", &file[..]].concat());
    cursor.set_position(6);
    assert_eq!(fresh().import(cursor).unwrap().written(), 6);
    assert_eq!(fresh().import(Cursor::new(exported(&fresh()))).unwrap().written(), 0);
}

#[test]
fn higher_revisions_are_kept_and_lower_ones_replaced() {
    let old = filled();
    let file = exported(&old);
    let new = fresh();
    // Lower there than here, equal, and higher.
    new.put(&scope("b"), &document("B = 'other'"), Expected::Absent).unwrap();
    new.put(&scope("a"), &document("A = 'other'"), Expected::Absent).unwrap();
    for number in 1..=3 {
        let expected = revision(number).get().checked_sub(1);
        let expected = expected.and_then(|number| Revision::try_from(number).ok());
        let expected = expected.map_or(Expected::Absent, Expected::Revision);
        new.put(&scope("longer"), &document("L = 'other'"), expected).unwrap();
    }
    let imported = new.import(Cursor::new(&file)).unwrap();
    assert_eq!((imported.written(), imported.kept(), imported.failed()), (4, 1, 1));
    let told = "a: forked: revision 1 of the scope was written by another write than before";
    assert_eq!(imported.failures()[0].to_string(), told);
    let text = |name| new.get(&scope(name)).unwrap().unwrap().expose_text().unwrap().to_owned();
    assert_eq!((text("a").as_str(), text("b").as_str()), ("A = 'other'", "B = '2'"));
    assert_eq!(text("longer"), "L = 'other'");
}

#[test]
fn what_does_not_open_is_reported_and_the_rest_is_imported() {
    let old = filled();
    let strange = Keyring::from_bytes([9; 32]);
    let record = strange.seal(&scope("strange"), Revision::FIRST, &secrets()).unwrap();
    let id = strange.primary();
    old.store().apply(None, &[Write::create(&scope("strange"), record)]).unwrap();
    // A record that is filed under another scope.
    let moved = keyring().seal(&scope("x"), Revision::FIRST, &secrets()).unwrap();
    old.store().apply(None, &[Write::create(&scope("y"), moved)]).unwrap();
    let new = fresh();
    let imported = new.import(Cursor::new(exported(&old))).unwrap();
    assert_eq!((imported.written(), imported.failed()), (6, 2));
    let told: Vec<_> = imported.failures().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "y: the record belongs to another scope, or its header was altered".to_owned(),
            format!("strange: the record is under key {id}, which is not in the keyring"),
        ]
    );
    assert!(new.get(&scope("strange")).unwrap().is_none());
}

/// A record that is gone may be imported again, but not at a lower revision than was seen.
#[test]
fn what_was_seen_and_is_gone_is_imported_as_high_as_it_was() {
    let old = filled();
    for (seen, written, failed) in [(1, 6, 0), (2, 5, 1), (3, 5, 1)] {
        let new = fresh();
        new.put(&scope("b"), &secrets(), Expected::Absent).unwrap();
        for number in 1..seen {
            let at = Expected::Revision(revision(number));
            new.put(&scope("b"), &secrets(), at).unwrap();
        }
        new.store().purge(scope("b").as_bytes()).unwrap();
        let imported = new.import(Cursor::new(exported(&old))).unwrap();
        assert_eq!((imported.written(), imported.failed()), (written, failed));
        if let [failure] = imported.failures() {
            let found = match failure.error() {
                VaultError::RolledBack { highest, found: None } => (*highest, "rolled back"),
                VaultError::Forked { revision } => (*revision, "forked"),
                error => panic!("{error:?}"),
            };
            assert_eq!(found, (revision(seen), if seen == 2 { "forked" } else { "rolled back" }));
        }
    }
}

#[test]
fn a_record_that_is_written_in_between_is_held_against_the_imported() {
    let old = filled();
    let import = |name: &'static str, number| {
        let new = crate::vault::vault();
        new.store().writes([Step::after(move |store: &MemoryStore| {
            let record = keyring().seal(&scope(name), revision(number), &secrets()).unwrap();
            store.apply(None, &[Write::create(&scope(name), record)]).unwrap();
        })]);
        let imported = new.import(Cursor::new(exported(&old))).unwrap();
        let told: Vec<_> = imported.failures().iter().map(ToString::to_string).collect();
        (imported.written(), imported.kept(), told)
    };
    let told = "b: forked: revision 2 of the scope was written by another write than before";
    assert_eq!(import("b", 2), (5, 0, vec![told.to_owned()]));
    assert_eq!(import("b", 3), (5, 1, vec![]));
    let told = "b: conflict: the current revision is 1, not the expected one";
    assert_eq!(import("b", 1), (5, 0, vec![told.to_owned()]));
}

#[test]
fn a_store_that_fails_ends_an_import() {
    let file = exported(&filled());
    let new = crate::vault::vault();
    new.store().reads([Step::Pass, Step::Unavailable]);
    let error = new.import(Cursor::new(&file)).unwrap_err();
    assert!(matches!(error, TransferError::Vault(VaultError::Store(_))), "{error:?}");
    assert_eq!(new.import(Cursor::new(&file)).unwrap().written(), 6);
}

/// Gives an error after some bytes.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::Error::other("broken")),
            read => Ok(read),
        }
    }
}

impl Seek for Broken<'_> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(0)
    }
}

#[test]
fn a_file_that_cannot_be_read_is_not_called_cut_off() {
    let vault = filled();
    let (file, manifest) = (exported(&vault), manifest(&vault));
    for end in [3, 100] {
        let error = fresh().import(Broken(&file[..end])).unwrap_err();
        assert!(matches!(error, TransferError::Io(_)), "{error:?}");
        let error = vault.verify_against(Broken(&manifest[..end])).unwrap_err();
        assert!(matches!(error, TransferError::Io(_)), "{error:?}");
    }
}

#[test]
fn of_a_damaged_export_nothing_is_written() {
    let file = exported(&filled());
    let import = |file: &[u8]| {
        let vault = fresh();
        let imported = vault.import(Cursor::new(file));
        (imported, all(vault.store()).len())
    };
    for end in 0..file.len() {
        let (imported, count) = import(&file[..end]);
        let error = imported.unwrap_err();
        assert!(matches!(error, TransferError::Truncated), "{end}: {error:?}");
        assert_eq!(count, 0, "{end}");
    }
    // Of a long one neither, though its first records could have been written.
    let long = fresh();
    let seal = |i: u32| {
        let scope = scope(&i.to_string());
        let record = keyring().seal_tombstone(&scope, Revision::FIRST, None).unwrap();
        Write::create(&scope, record)
    };
    long.store().apply(None, &(0..2_100).map(seal).collect::<Vec<_>>()).unwrap();
    let long = exported(&long);
    assert_eq!(fresh().import(Cursor::new(&long)).unwrap().written(), 2_100);
    let (imported, count) = import(&long[..long.len() - 1]);
    assert!(matches!(imported, Err(TransferError::Truncated)));
    assert_eq!(count, 0);

    let (imported, count) = import(&[&file[..], b"x"].concat());
    assert!(matches!(imported, Err(TransferError::TrailingBytes)));
    assert_eq!(count, 0);
    // The first bytes, the count, and lengths that are no lengths.
    let huge_scope = [&file[..5], &[0x10, 0], &[0; 5000][..]].concat();
    let huge_record = [&file[..5], &[0, 1, 1], &[0xFF; 4], &[0; 100][..]].concat();
    // A length that is one too many is refused before anything of that length is read.
    let scope = |len: u16| [&file[..5], &len.to_be_bytes()[..]].concat();
    let record = |len: u32| [&scope(1)[..], &[1], &len.to_be_bytes()].concat();
    for (start, refused) in [
        (scope(1 + 3 * 257 + 8), false),
        (scope(1 + 3 * 257 + 9), true),
        (record(104 + (1 << 21) + 16), false),
        (record(104 + (1 << 21) + 17), true),
    ] {
        let error = import(&start).0.unwrap_err();
        assert_eq!(matches!(error, TransferError::Malformed), refused, "{error:?}");
        assert_eq!(matches!(error, TransferError::Truncated), !refused, "{error:?}");
    }
    let mut counted = file.clone();
    *counted.last_mut().unwrap() += 1;
    for bad in [&huge_scope, &huge_record, &counted] {
        let (imported, count) = import(bad);
        assert!(matches!(imported, Err(TransferError::Malformed)), "{imported:?}");
        assert_eq!(count, 0);
    }
    for bad in [&b"another file"[..], b"\x89SLM\x01"] {
        let (imported, count) = import(bad);
        assert!(matches!(imported, Err(TransferError::NotARecord)), "{imported:?}");
        assert_eq!(count, 0);
    }
    let (imported, _) = import(b"\x89SLX\x02");
    assert!(matches!(imported, Err(TransferError::UnsupportedVersion)), "{imported:?}");
}

/// An export of these rows.
fn put_together(rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x89SLX\x01".to_vec();
    for (scope, record) in rows {
        file.extend((scope.len() as u16).to_be_bytes());
        file.extend(scope);
        file.extend((record.len() as u32).to_be_bytes());
        file.extend(record);
    }
    file.extend([0, 0]);
    file.extend((rows.len() as u64).to_be_bytes());
    file
}

#[test]
fn of_an_export_out_of_order_or_with_a_bad_row_nothing_is_written() {
    let old = filled();
    let rows: Vec<_> =
        all(old.store()).iter().map(|row| (row.scope().to_vec(), row.record().to_vec())).collect();
    let import = |rows: &[(Vec<u8>, Vec<u8>)]| {
        let vault = fresh();
        let imported = vault.import(Cursor::new(put_together(rows)));
        (imported, all(vault.store()).len())
    };
    assert_eq!(import(&rows).1, 6);
    let mut swapped = rows.clone();
    swapped.swap(3, 4);
    let mut twice = rows.clone();
    twice.insert(2, rows[2].clone());
    let mut scope = rows.clone();
    scope[5].0 = b"\x04\0\x01a\0\x01b\0\x01c\0\x01d".to_vec();
    for bad in [swapped, twice, scope] {
        let (imported, count) = import(&bad);
        assert!(matches!(imported, Err(TransferError::Malformed)), "{imported:?}");
        assert_eq!(count, 0);
    }
    let past = keyring().seal_past(&self::scope("a"), &rows[0].1).unwrap().into_bytes();
    let mut past_scope = [&rows[0].0[..], &1_u64.to_be_bytes()].concat();
    past_scope[0] = 0x11;
    let head = [&b"\x89SLK\x01"[..], &[0; 67]].concat();
    let row = |head: &[u8], text: &[u8]| [head, &Sha256::digest(b"text"), text].concat();
    let with = |scope: &[u8], record: &[u8]| {
        let mut rows = rows.clone();
        match rows.iter_mut().find(|row| row.0 == scope) {
            Some(row) => row.1 = record.to_vec(),
            None => rows.push((scope.to_vec(), record.to_vec())),
        }
        import(&rows)
    };
    for (scope, record, expected) in [
        (&rows[0].0[..], &rows[0].1[..1143], OpenError::Truncated),
        (&rows[0].0, &past, OpenError::UnknownKind),
        (&past_scope, &rows[0].1, OpenError::UnknownKind),
        (&rows[5].0, &[&rows[5].1[..], &[0]].concat(), OpenError::TrailingBytes),
        (b"\x7D", b"\x89SLD\x01", OpenError::NotARecord),
        (b"\x7D", &head, OpenError::Truncated),
        (b"\x7D", &row(b"\x89SLK\x02", &[0; 200]), OpenError::UnsupportedVersion),
        (b"\x7D", &row(&[&head[..71], &[1]].concat(), b"text"), OpenError::Malformed),
        (b"\x7D", &row(&head, &[b' '; 262_145]), OpenError::Malformed),
        (b"\x7D", &row(&head, b"Text"), OpenError::Mismatch),
    ] {
        let (imported, count) = with(scope, record);
        let error = imported.unwrap_err();
        assert!(matches!(&error, TransferError::Record(found) if *found == expected), "{error:?}");
        assert_eq!(count, 0);
    }
    // The row of a keyring is the last, and is never written.
    let (imported, count) = with(b"\x7D", &row(&head, b"text"));
    assert_eq!((imported.unwrap().written(), count), (6, 6));
    let mut first = rows.clone();
    first.insert(0, (b"\x7D".to_vec(), row(&head, b"text")));
    assert!(matches!(import(&first).0, Err(TransferError::Malformed)));
}

/// The present record of a past row may be batches behind the one of the row before, or missing.
#[test]
fn a_past_row_finds_its_present_or_none() {
    let old = fresh().keep_history(1).unwrap();
    let create = |number: u32| {
        let scope = scope(&format!("{number:04}"));
        Write::create(&scope, keyring().seal_tombstone(&scope, Revision::FIRST, None).unwrap())
    };
    old.store().apply(None, &(0..1_200).map(create).collect::<Vec<_>>()).unwrap();
    for name in ["aaaa", "bbbb", "cccc"] {
        old.put(&scope(name), &secrets(), Expected::Absent).unwrap();
        old.put(&scope(name), &secrets(), Expected::Revision(Revision::FIRST)).unwrap();
    }
    let missing = ["aaaa", "cccc"].map(scope);
    let is_missing = |row: &Row| missing.iter().any(|scope| scope.as_bytes() == row.scope());
    let rows = old.store().scan(&[], None, 2_000, Fetch::Records).unwrap();
    assert_eq!(rows.len(), 1_206);
    let rows = rows.iter().filter(|row| !is_missing(row));
    let rows: Vec<_> = rows.map(|row| (row.scope().to_vec(), row.record().to_vec())).collect();
    let imported = fresh().import(Cursor::new(put_together(&rows))).unwrap();
    assert_eq!((imported.written(), imported.kept(), imported.failed()), (1_202, 2, 0));
}

/// A bit anywhere in an export: an error, or a record that is reported, and never another text.
#[test]
fn an_altered_export_gives_no_other_record() {
    let old = filled();
    let file = exported(&old);
    let rows = all(old.store());
    for byte in (0..file.len()).step_by(23) {
        let mut altered = file.clone();
        altered[byte] ^= 1 << (byte % 8);
        let vault = fresh();
        let imported = vault.import(Cursor::new(&altered));
        assert!(!imported.is_ok_and(|imported| imported.failed() == 0), "byte {byte}");
        assert!(all(vault.store()).iter().all(|row| rows.contains(row)), "byte {byte}");
    }
}

#[test]
fn a_manifest_names_what_was_deleted_rolled_back_or_forked() {
    let vault = filled();
    let old = all(vault.store());
    vault.put(&scope("a"), &document("A = '2'"), Expected::Revision(Revision::FIRST)).unwrap();
    let manifest = manifest(&vault);
    let found = vault.verify_against(&manifest[..]).unwrap();
    assert_eq!((found.manifest_revision(), found.unchanged()), (Some(revision(7)), 6));
    assert_eq!((found.newer(), found.failed()), (0, 0));

    // Written since, at the start, in the middle and at the end.
    for name in ["A", "bb", "zzzzzzzz"] {
        vault.put(&scope(name), &secrets(), Expected::Absent).unwrap();
    }
    vault.put(&scope("longer"), &secrets(), Expected::Revision(Revision::FIRST)).unwrap();
    let found = vault.verify_against(&manifest[..]).unwrap();
    assert_eq!((found.unchanged(), found.newer(), found.failed()), (5, 4, 0));

    // Behind the vault's back: one put back, one deleted, one replaced, one that does not open.
    let store = vault.store();
    let replace = |name: &str, record| {
        let current = store.get(scope(name).as_bytes()).unwrap().unwrap();
        let write = Write::replace(&scope(name), *commitment(&current).unwrap(), record);
        assert!(matches!(store.apply(None, &[write]).unwrap()[..], [Outcome::Applied]));
    };
    let keyring = keyring();
    let first = keyring.seal(&scope("a"), Revision::FIRST, &secrets()).unwrap();
    assert_eq!(old[0].scope(), scope("a").as_bytes());
    replace("a", first);
    replace("b", keyring.seal(&scope("b"), revision(2), &secrets()).unwrap());
    replace("c", keyring.seal(&scope("another"), revision(9), &secrets()).unwrap());
    store.purge(version().as_bytes()).unwrap();
    let found = vault.verify_against(&manifest[..]).unwrap();
    let told: Vec<_> = found.failures().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "a: rolled back: the scope had revision 2 before; it has revision 1 now",
            "b: forked: revision 2 of the scope was written by another write than before",
            "c: the record belongs to another scope, or its header was altered",
            "chat/1.2.0: rolled back: the scope had revision 1 before; it has no \
             record now",
        ]
    );
    assert_eq!((found.unchanged(), found.newer(), found.failed()), (1, 4, 4));

    let empty = fresh();
    let found = empty.verify_against(&manifest[..]).unwrap();
    assert_eq!((found.unchanged(), found.newer(), found.failed()), (0, 0, 6));
}

#[test]
fn a_rewrap_makes_no_difference_to_a_manifest() {
    let vault = filled();
    let manifest = manifest(&vault);
    let mut keyring = keyring();
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    vault.set_keyring(keyring).unwrap();
    let moved = vault.rewrap(Scopes::All, |_| std::ops::ControlFlow::Continue(())).unwrap();
    assert_eq!(moved.written(), 6);
    let found = vault.verify_against(&manifest[..]).unwrap();
    assert_eq!((found.unchanged(), found.newer(), found.failed()), (6, 0, 0));
}

#[test]
fn a_manifest_that_was_altered_tells_nothing() {
    let vault = filled();
    let manifest = manifest(&vault);
    for end in 0..manifest.len() {
        let error = vault.verify_against(&manifest[..end]).unwrap_err();
        assert!(
            matches!(error, TransferError::Truncated | TransferError::Malformed),
            "{end}: {error:?}"
        );
    }
    for bit in (0..8 * manifest.len()).step_by(13) {
        let mut altered = manifest.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(vault.verify_against(&altered[..]).is_err(), "bit {bit}");
    }
    assert!(vault.verify_against(&[&manifest[..], b"x"].concat()[..]).is_err());
    // One entry left out, one twice.
    let (magic, rest) = manifest.split_at(5);
    let first = 2 + scope("a").as_bytes().len() + 40;
    let refused = |manifest: &[u8]| vault.verify_against(manifest).unwrap_err();
    let error = refused(&[magic, &rest[first..]].concat());
    assert!(matches!(error, TransferError::Open(OpenError::Mismatch)), "{error:?}");
    let error = refused(&[magic, &rest[..first], rest].concat());
    assert!(matches!(error, TransferError::Malformed), "{error:?}");
    let error = refused(&[b"\x89SLM\x02", rest].concat());
    assert!(matches!(error, TransferError::UnsupportedVersion), "{error:?}");
    let error = refused(&exported(&vault));
    assert!(matches!(error, TransferError::NotARecord), "{error:?}");
    let long = [magic, &[0, 0], &(104 + (1_u32 << 21) + 17).to_be_bytes()].concat();
    let error = refused(&long);
    assert!(matches!(error, TransferError::Malformed), "{error:?}");
    let long = [magic, &(1 + 3 * 257 + 9_u16).to_be_bytes()].concat();
    let error = refused(&long);
    assert!(matches!(error, TransferError::Malformed), "{error:?}");
    let stranger = Vault::new(MemoryStore::new(), Keyring::from_bytes([9; 32]));
    let error = stranger.verify_against(&manifest[..]).unwrap_err();
    assert!(matches!(error, TransferError::Open(OpenError::UnknownKey(_))), "{error:?}");
}

#[test]
fn of_many_failures_the_first_hundred_are_kept() {
    let vault = fresh();
    let scopes: Vec<_> = (0..=100).map(|i| scope(&format!("{i:03}"))).collect();
    for scope in &scopes {
        let record = keyring().seal_tombstone(scope, Revision::FIRST, None).unwrap();
        vault.store().apply(None, &[Write::create(scope, record)]).unwrap();
    }
    let mut manifest = Vec::new();
    vault.manifest(Revision::FIRST, &mut manifest).unwrap();
    scopes.iter().for_each(|scope| assert!(vault.store().purge(scope.as_bytes()).unwrap()));
    let found = vault.verify_against(&manifest[..]).unwrap();
    assert_eq!(found.failed(), 101);
    let named = found.failures().iter().map(|failure| failure.scope().unwrap());
    assert!(named.eq(scopes[..100].iter().cloned()));
}

#[test]
fn what_does_not_open_is_listed_in_no_manifest() {
    let vault = filled();
    let moved = keyring().seal(&scope("x"), Revision::FIRST, &secrets()).unwrap();
    vault.store().apply(None, &[Write::create(&scope("y"), moved)]).unwrap();
    let error = vault.manifest(Revision::FIRST, Vec::new()).unwrap_err();
    let TransferError::Vault(VaultError::Open(error)) = error else { panic!("{error:?}") };
    assert_eq!(error, OpenError::Mismatch);
}
