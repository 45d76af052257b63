//! The past of a scope: what is kept, listed, restored and removed.

use std::io::Cursor;
use std::ops::ControlFlow::Continue;
use std::sync::Arc;

use secrets_toml::Template;
use secrets_toml::seal::{By, Contents, Keyring, Revision, Scope};
use secrets_toml::store::backend::{Fetch, Write, commitment, past};
use secrets_toml::store::{MemoryStore, Store};
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};

use crate::faulty::{Faulty, Step};
use crate::seal::{install, keyring, revision, secrets};
use crate::vault::{Rings, Tested, conflicts, document, holds, is_absent};

fn keeping(revisions: u64) -> Tested {
    crate::vault::vault().keep_history(revisions).unwrap()
}

/// Writes so many revisions more, each with its number as the text and as the author.
fn write(vault: &Vault<impl Store>, scope: &Scope, more: u64) {
    for _ in 0..more {
        let current = vault.get(scope).unwrap().map(|opened| opened.revision());
        let next = current.map_or(1, |current| current.get() + 1);
        let secrets = document(&format!("A = {next}"));
        let by = By::author(&next.to_string()).unwrap().time(next as i64);
        let expected = current.map_or(Expected::Absent, Expected::Revision);
        vault.put(scope, Contents::new(&secrets).by(by), expected).unwrap();
    }
}

/// The revisions of a history.
fn listed(vault: &Vault<impl Store>, scope: &Scope) -> Vec<u64> {
    vault.history(scope).unwrap().map(|entry| entry.unwrap().revision().get()).collect()
}

/// The revisions of the past rows in a store.
fn stored(store: &impl Store, scope: &Scope) -> Vec<u64> {
    let range = past(scope.as_bytes());
    let rows = store.scan(&[], None, usize::MAX, Fetch::Heads).unwrap();
    let keys = rows.iter().map(|row| row.scope().to_vec()).filter(|key| range.contains(key));
    keys.map(|key| u64::from_be_bytes(*key.last_chunk().unwrap())).collect()
}

fn text_at(vault: &Vault<impl Store>, scope: &Scope, number: u64) -> Option<String> {
    let opened = vault.get_at(scope, revision(number)).unwrap()?;
    assert_eq!(opened.revision(), revision(number));
    opened.expose_text().map(str::to_owned)
}

/// The number of past revisions that a vault keeps, the writes, and the history then.
#[test]
fn the_newest_past_is_kept() {
    let acme = install("acme");
    let all = |newest: u64, oldest: u64| (oldest..=newest).rev().collect::<Vec<_>>();
    for (keep, writes, history) in [
        (0, 3, all(3, 3)),
        (1, 1, all(1, 1)),
        (1, 3, all(3, 2)),
        (2, 3, all(3, 1)),
        (20, 30, all(30, 10)),
        (1000, 1003, all(1003, 3)),
    ] {
        let vault = keeping(keep);
        write(&vault, &acme, writes);
        assert_eq!(listed(&vault, &acme), history, "{keep}");
        assert_eq!(stored(&vault.store().store, &acme).len(), history.len() - 1, "{keep}");
    }
    let error = crate::vault::vault().keep_history(1001).unwrap_err();
    assert_eq!(error.to_string(), "a history keeps at most 1000 past revisions");
    assert!(matches!(error, VaultError::TooLongHistory));
}

#[test]
fn each_writer_keeps_as_many_as_it_was_told() {
    let acme = install("acme");
    let many = keeping(20);
    let none = Vault::new(&many.store().store, keyring());
    let few = Vault::new(&many.store().store, keyring()).keep_history(3).unwrap();
    write(&many, &acme, 3);
    write(&none, &acme, 2);
    assert_eq!(listed(&none, &acme), [5, 2, 1], "removes none, and puts none");
    write(&many, &acme, 2);
    assert_eq!(listed(&none, &acme), [7, 6, 5, 2, 1], "gaps");
    write(&few, &acme, 1);
    assert_eq!(listed(&many, &acme), [8, 7, 6, 5]);
}

#[test]
fn a_history_tells_who_wrote_what_and_when() {
    let vault = keeping(20);
    let acme = install("acme");
    assert_eq!(listed(&vault, &acme), [0; 0]);
    assert!(vault.get_at(&acme, revision(1)).unwrap().is_none());
    write(&vault, &acme, 2);
    vault.delete(&acme, revision(2), By::author("grace").unwrap().time(-1)).unwrap();
    vault.put(&acme, &secrets(), Expected::Absent).unwrap();
    // Others, whose rows are beside these.
    for name in ["acmf", "acm", "acme1"] {
        write(&vault, &install(name), 3);
    }
    let told = vault.history(&acme).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let author = entry.author().map(str::to_owned);
        (entry.revision().get(), entry.is_tombstone(), author, entry.time())
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (4, false, None, None),
            (3, true, Some("grace".to_owned()), Some(-1)),
            (2, false, Some("2".to_owned()), Some(2)),
            (1, false, Some("1".to_owned()), Some(1)),
        ]
    );
    let texts: Vec<_> = (1..=5).map(|number| text_at(&vault, &acme, number)).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(texts, [text("A = 1"), text("A = 2"), None, text(crate::seal::TEXT), None]);
    assert!(vault.get_at(&acme, revision(3)).unwrap().unwrap().is_tombstone());
    assert_eq!(
        format!("{:?}", vault.history(&acme).unwrap()),
        format!("AsyncHistory {{ scope: {acme:?}, .. }}")
    );
}

#[test]
fn an_earlier_revision_is_restored_on_top() {
    let vault = keeping(20);
    let acme = install("acme");
    let template = Template::parse("CLARIFAI_PAT = ''").unwrap();
    let secrets = secrets();
    let contents = Contents::new(&secrets).template(&template).by(By::author("ada").unwrap());
    vault.put(&acme, contents, Expected::Absent).unwrap();
    write(&vault, &acme, 1);
    let by = || By::author("grace").unwrap().time(9);
    let at = |number| Expected::Revision(revision(number));
    assert_eq!(vault.restore(&acme, revision(1), at(2), by()).unwrap(), revision(3));
    let opened = vault.get(&acme).unwrap().unwrap();
    assert_eq!(opened.expose_text(), Some(crate::seal::TEXT));
    assert_eq!(opened.template(), Some("CLARIFAI_PAT = ''"));
    assert_eq!((opened.author(), opened.time()), (Some("grace"), Some(9)));
    // Over another revision than expected, nothing is written.
    conflicts(vault.restore(&acme, revision(1), at(2), None), Some(3));
    conflicts(vault.restore(&acme, revision(1), Expected::Absent, None), Some(3));
    // The present one is written once more, too.
    assert_eq!(vault.restore(&acme, revision(3), at(3), None).unwrap(), revision(4));
    // Over a tombstone.
    vault.delete(&acme, revision(4), None).unwrap();
    is_absent(vault.restore(&acme, revision(5), at(5), None));
    assert_eq!(vault.restore(&acme, revision(2), Expected::Absent, None).unwrap(), revision(6));
    holds(&vault, &acme, 6, "A = 2");
    is_absent(vault.restore(&acme, revision(5), at(6), None));
    is_absent(vault.restore(&acme, revision(7), at(6), None));
    is_absent(vault.restore(&install("other"), revision(1), Expected::Absent, None));
    assert_eq!(listed(&vault, &acme), [6, 5, 4, 3, 2, 1]);
}

/// Another tenant, whose scope has the same name, and reaches the same revision.
fn made_again(store: &MemoryStore, writes: u64) {
    let acme = install("acme");
    assert!(store.purge(acme.as_bytes()).unwrap());
    let vault = Vault::new(store, keyring()).keep_history(2).unwrap();
    for number in 0..writes {
        let expected = Revision::try_from(number).map_or(Expected::Absent, Expected::Revision);
        vault.put(&acme, &document("THEIRS = 1"), expected).unwrap();
    }
}

/// B has planned revision 5 with past 4. The scope is purged and made again by another tenant.
#[test]
fn no_row_of_one_tenant_gets_into_the_history_of_the_next() {
    type Write = fn(&Tested, &Scope) -> Result<Revision, VaultError>;
    let put: Write =
        |vault, acme| vault.put(acme, &document("OURS = 5"), Expected::Revision(revision(4)));
    let delete: Write = |vault, acme| vault.delete(acme, revision(4), None);
    let restore: Write =
        |vault, acme| vault.restore(acme, revision(2), Expected::Revision(revision(4)), None);
    for (writes, history) in
        [(0, &[][..]), (1, &[1]), (3, &[3, 2, 1]), (4, &[4, 3, 2]), (7, &[7, 6, 5])]
    {
        for change in [put, delete, restore] {
            for first in ["", "lost", "late"] {
                for purged_here in [false, true] {
                    let vault = Arc::new(keeping(20));
                    let acme = install("acme");
                    write(&*vault, &acme, 4);
                    let inside = vault.clone();
                    let again = Step::after(move |store: &MemoryStore| {
                        made_again(store, writes);
                        if purged_here {
                            inside.accept_restore_of(&install("acme"));
                        }
                    });
                    let in_doubt = !first.is_empty();
                    vault.store().writes(match first {
                        "lost" => vec![Step::Lost, again],
                        "late" => vec![Step::Late, again],
                        _ => vec![again],
                    });
                    let error = change(&vault, &acme).unwrap_err();
                    let is_clear = matches!(
                        error,
                        VaultError::Conflict { .. }
                            | VaultError::RolledBack { .. }
                            | VaultError::Forked { .. }
                    );
                    assert!(is_clear || in_doubt, "{error:?}");
                    vault.store().land();
                    let reader = Vault::new(&vault.store().store, keyring());
                    assert_eq!(listed(&reader, &acme), history);
                    assert_eq!(
                        stored(reader.store(), &acme).len(),
                        history.len().saturating_sub(1)
                    );
                    for number in history {
                        let text = text_at(&reader, &acme, *number);
                        assert_eq!(text.as_deref(), Some("THEIRS = 1"), "{number}");
                    }
                }
            }
        }
    }
}

/// The same while the earlier revision is read.
#[test]
fn what_is_restored_is_of_the_record_that_it_replaces() {
    let vault = Arc::new(keeping(20));
    let acme = install("acme");
    write(&*vault, &acme, 4);
    let inside = vault.clone();
    // The present, and then the past row.
    vault.store().reads([
        Step::Pass,
        Step::after(move |store: &MemoryStore| {
            made_again(store, 4);
            inside.accept_restore_of(&install("acme"));
        }),
    ]);
    let restored = vault.restore(&acme, revision(2), Expected::Revision(revision(4)), None);
    conflicts(restored, Some(4));
    holds(&vault, &acme, 4, "THEIRS = 1");
}

/// Past rows at 1 to 4, below and above a present that was put back at 2.
fn put_back() -> (Vault<Faulty<MemoryStore>>, Scope) {
    let vault = keeping(20);
    let acme = install("acme");
    write(&vault, &acme, 5);
    let Faulty { store, .. } = vault.store();
    let present = store.get(acme.as_bytes()).unwrap().unwrap();
    let old = keyring().seal(&acme, revision(2), &document("OLD = 2")).unwrap();
    store.apply(None, &[Write::replace(&acme, *commitment(&present).unwrap(), old)]).unwrap();
    vault.accept_restore();
    (vault, acme)
}

#[test]
fn a_past_row_that_is_not_below_the_present_is_ignored_and_goes() {
    for keep in [0, 20] {
        let (vault, acme) = put_back();
        let vault = Vault::new(&vault.store().store, keyring()).keep_history(keep).unwrap();
        assert_eq!(stored(vault.store(), &acme), [1, 2, 3, 4]);
        assert_eq!(listed(&vault, &acme), [2, 1]);
        let texts: Vec<_> = (1..=4).map(|number| text_at(&vault, &acme, number)).collect();
        assert_eq!(texts, [Some("A = 1".to_owned()), Some("OLD = 2".to_owned()), None, None]);
        is_absent(vault.restore(&acme, revision(3), Expected::Revision(revision(2)), None));
        let verified = vault.verify(Scopes::All).unwrap();
        assert_eq!((verified.documents(), verified.past(), verified.failed()), (1, 1, 0));
        // The present, and the one row that is its past.
        let rings = Rings::new();
        assert_eq!(rings.rewrap(vault.store(), 0), 2);
        vault.set_keyring(rings.load(0)).unwrap();
        write(&vault, &acme, 1);
        assert_eq!(stored(vault.store(), &acme), if keep == 0 { vec![1] } else { vec![1, 2] });
        assert_eq!(text_at(&vault, &acme, 2), (keep > 0).then(|| "OLD = 2".to_owned()));
    }
    // Without a present, none is past.
    let (vault, acme) = put_back();
    vault.store().show(acme.as_bytes(), Vec::new());
    assert!(vault.history(&acme).is_err());
    assert_eq!(vault.verify(Scopes::All).unwrap().failed(), 5, "nobody knows what is past");
}

#[test]
fn sweeps_include_the_past_and_listings_do_not() {
    let vault = keeping(20);
    let [acme, other] = ["acme", "other"].map(install);
    write(&vault, &acme, 4);
    write(&vault, &other, 2);
    vault.delete(&other, revision(2), None).unwrap();
    let old = keyring().primary();
    assert_eq!(vault.usage().unwrap().records(&old), 7);
    assert_eq!(vault.scopes(Scopes::All).unwrap().count(), 2);
    let mut manifest = Vec::new();
    assert_eq!(vault.manifest(revision(1), &mut manifest).unwrap(), 2);

    let rings = Rings::new();
    let new = rings.load(0).primary();
    vault.set_keyring(rings.load(0)).unwrap();
    let moved = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
    assert_eq!((moved.written(), moved.kept(), moved.failed()), (7, 0, 0));
    let moved = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
    assert_eq!((moved.written(), moved.kept(), moved.failed()), (0, 7, 0));
    let usage = vault.usage().unwrap();
    assert_eq!((usage.records(&old), usage.records(&new)), (0, 7));
    let verified = vault.verify(Scopes::All).unwrap();
    let counted = (verified.documents(), verified.tombstones(), verified.past());
    assert_eq!((counted, verified.failed()), ((1, 1, 5), 0));
    assert_eq!(vault.verify_against(&manifest[..]).unwrap().unchanged(), 2);
    assert_eq!(vault.verify_against(&manifest[..]).unwrap().newer(), 0);
    assert_eq!(listed(&vault, &acme), [4, 3, 2, 1]);
    assert_eq!(text_at(&vault, &acme, 2).as_deref(), Some("A = 2"));
    write(&vault, &acme, 1);
    assert_eq!(text_at(&vault, &acme, 4).as_deref(), Some("A = 4"));
    assert!(vault.purge(&acme).unwrap());
    assert_eq!(stored(&vault.store().store, &acme), [0; 0]);
    assert_eq!(listed(&vault, &other), [3, 2, 1]);
}

/// One past row does not open: it is reported, and no key is proven unused.
#[test]
fn a_past_row_that_does_not_open_is_reported() {
    let vault = keeping(20);
    let acme = install("acme");
    write(&vault, &acme, 3);
    let key = past(acme.as_bytes()).start;
    let key = [&key[..key.len() - 8], &2_u64.to_be_bytes()].concat();
    let mut row = vault.store().store.get(&key).unwrap().unwrap();
    row[500] ^= 1;
    vault.store().show(&key, row);
    let told = "chat/1.2.0/acme, past revision 2: the record's content was altered";
    let rings = Rings::new();
    let disabled = keyring().primary();
    vault.set_keyring(rings.load(0)).unwrap();
    let moved = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
    assert_eq!((moved.written(), moved.failed()), (2, 1));
    assert_eq!(moved.failures()[0].to_string(), told);
    assert_eq!(moved.failures()[0].past_revision(), Some(revision(2)));
    assert_eq!(moved.failures()[0].scope(), Some(acme.clone()));
    let read: Vec<_> = vault.history(&acme).unwrap().map(|entry| entry.is_ok()).collect();
    assert_eq!(read, [true, false, true], "the listing goes on");
    assert!(vault.get_at(&acme, revision(2)).is_err());
    let at = Expected::Revision(revision(3));
    assert!(vault.restore(&acme, revision(2), at, None).is_err());
    let mut ring = rings.load(0);
    ring.disable(&disabled).unwrap();
    vault.set_keyring(ring).unwrap();
    let verified = vault.verify(Scopes::All).unwrap();
    assert_eq!((verified.past(), verified.failed()), (1, 1));
    assert!(verified.unused(&disabled).is_none());
}

/// A past row that a writer removes while a sweep has it, and one that another sweep seals again.
#[test]
fn a_sweep_leaves_alone_what_was_removed_meanwhile() {
    let acme = install("acme");
    let rings = Rings::new();
    let trim = |store: &MemoryStore| {
        write(&Vault::new(store, keyring()).keep_history(1).unwrap(), &install("acme"), 1);
    };
    let purge = |store: &MemoryStore| {
        store.purge(install("acme").as_bytes()).unwrap();
    };
    let other = rings.clone();
    let other = Step::after(move |store: &MemoryStore| assert_eq!(other.rewrap(store, 0), 3));
    for (step, failed, history) in [
        (Step::after(trim), 0, &[4, 3][..]),
        // The vault has seen the present.
        (Step::after(purge), 1, &[]),
        (other, 0, &[3, 2, 1]),
    ] {
        let vault = keeping(20);
        write(&vault, &acme, 3);
        vault.set_keyring(rings.load(0)).unwrap();
        vault.store().writes([step]);
        let moved = vault.rewrap(Scopes::All, |_| Continue(())).unwrap();
        assert_eq!(moved.failed(), failed);
        vault.accept_restore();
        assert_eq!(listed(&vault, &acme), history);
        let old = vault.usage().unwrap().records(&keyring().primary());
        assert!(old <= 1, "what was put behind the sweep: {old}");
    }
}

/// A row that became past after a sweep had begun needs its key, too.
#[test]
fn what_became_past_during_a_scan_is_found() {
    let vault = Arc::new(keeping(20));
    let acme = install("acme");
    write(&*vault, &acme, 2);
    let inside = vault.clone();
    vault.store().reads([
        // The page with the present at 3, and its past at 2; the present was 2 before.
        Step::after(move |_: &MemoryStore| write(&*inside, &install("acme"), 1)),
    ]);
    let verified = vault.verify(Scopes::All).unwrap();
    assert_eq!((verified.documents(), verified.past(), verified.failed()), (1, 2, 0));
}

fn exported(vault: &Vault<impl Store>) -> Vec<u8> {
    let mut file = Vec::new();
    vault.export(&mut file).unwrap();
    file
}

#[test]
fn an_export_carries_the_past() {
    let old = keeping(20);
    let [acme, other] = ["acme", "other"].map(install);
    write(&old, &acme, 4);
    write(&old, &other, 3);
    let file = exported(&old);
    let new = keeping(20);
    let imported = new.import(Cursor::new(&file)).unwrap();
    assert_eq!((imported.written(), imported.kept(), imported.failed()), (7, 0, 0));
    assert_eq!(exported(&new), file);
    let imported = new.import(Cursor::new(&file)).unwrap();
    assert_eq!((imported.written(), imported.kept(), imported.failed()), (0, 7, 0));

    // The store is ahead, and misses a part of the past. Its history has the export's present record, or
    // not.
    for (writes, written, before, history) in
        [(1, 3, [5, 4], &[5, 4, 3, 2, 1][..]), (2, 0, [6, 5], &[6, 5])]
    {
        let ahead = keeping(20);
        ahead.import(Cursor::new(&file)).unwrap();
        let one = Vault::new(&ahead.store().store, keyring()).keep_history(1).unwrap();
        write(&one, &acme, writes);
        assert_eq!(listed(&ahead, &acme), before);
        let imported = ahead.import(Cursor::new(&file)).unwrap();
        let counts = (imported.written(), imported.kept(), imported.failed());
        assert_eq!(counts, (written, 7 - written, 0));
        assert_eq!(listed(&ahead, &acme), history);
    }
}

/// A scope is purged and made again by another tenant. An export from before the purge, or of the second
/// tenant into a store of the first, mixes their histories in no order of the revisions.
#[test]
fn an_import_mixes_no_histories_of_a_scope_that_was_made_again() {
    let acme = install("acme");
    let tenant = |keep: u64, name: &str, writes: u64| {
        let vault = crate::vault::vault().keep_history(keep).unwrap();
        for number in 0..writes {
            let expected = Revision::try_from(number).map_or(Expected::Absent, Expected::Revision);
            vault.put(&acme, &document(&format!("{name} = {number}")), expected).unwrap();
        }
        vault
    };
    for keep in [0, 1, 20] {
        for (first, second) in (1..7).flat_map(|first| (1..7).map(move |second| (first, second))) {
            let old = tenant(20, "FIRST", first);
            let new = tenant(keep, "SECOND", second);
            let imported = new.import(Cursor::new(exported(&old))).unwrap();
            assert!(imported.is_complete());
            new.accept_restore();
            let kept = if first > second { "FIRST" } else { "SECOND" };
            let revisions = listed(&new, &acme);
            let count = if first > second { first } else { second.min(keep + 1) };
            assert_eq!(revisions.len() as u64, count, "{keep} {first} {second}");
            for revision in revisions {
                let text = text_at(&new, &acme, revision).unwrap();
                assert!(text.starts_with(kept), "{keep} {first} {second}: {revision} is {text}");
            }
        }
    }
}

/// The present records of an export are found again for past rows of many scopes, batch by batch.
#[test]
fn an_export_of_many_scopes_with_past_is_imported_whole() {
    let old = keeping(20);
    for number in 0..1_200 {
        // Every third scope has a past. Some have two revisions of it.
        let writes = if number % 3 == 0 { 2 + number % 2 } else { 1 };
        write(&old, &install(&format!("{number:04}")), writes);
    }
    let file = exported(&old);
    let new = keeping(20);
    let imported = new.import(Cursor::new(&file)).unwrap();
    assert_eq!((imported.written(), imported.failed()), (1_200 + 600, 0));
    assert_eq!(exported(&new), file);
}

/// The writes here, and what is imported of a scope at revision 4 with all of its past.
#[test]
fn an_import_makes_no_past_of_what_it_replaces() {
    let old = keeping(20);
    let acme = install("acme");
    write(&old, &acme, 4);
    let file = exported(&old);
    let forked = |number: &str| {
        format!("chat/1.2.0/acme{number} of the scope was written by another write than before")
    };
    // The past of a record that is forked from the one here is not the past of that.
    let past = |number: u64| forked(&format!(", past revision {number}: forked: revision 4"));
    for (writes, history, told) in [
        (1, vec![4, 3, 2, 1], vec![]),
        (3, vec![4, 3, 2, 1], vec![]),
        (4, vec![4, 3, 2, 1], vec![forked(": forked: revision 4"), past(1), past(2), past(3)]),
        (5, vec![5, 4, 3, 2, 1], vec![past(1), past(2), past(3)]),
    ] {
        let new = keeping(20);
        write(&new, &acme, writes);
        let imported = new.import(Cursor::new(&file)).unwrap();
        let failures: Vec<_> = imported.failures().iter().map(ToString::to_string).collect();
        assert_eq!(failures, told, "{writes}");
        assert_eq!(listed(&new, &acme), history, "{writes}");
    }
}

/// Past rows that are not below the present, in the store and in the export: neither gets below it.
#[test]
fn an_import_brings_no_row_below_the_present_that_was_not() {
    let (vault, acme) = put_back();
    let old = crate::vault::vault();
    write(&old, &acme, 5);
    let imported = vault.import(Cursor::new(exported(&old))).unwrap();
    assert_eq!((imported.written(), imported.failed()), (1, 0));
    assert_eq!(listed(&vault, &acme), [5]);

    // Rows 3 and 4 of the export are above its present record, 2. Here, 2 is past.
    let second = keyring().seal(&acme, revision(2), &document("OLD = 2")).unwrap();
    let old = keeping(20);
    write(&old, &acme, 5);
    let store = &old.store().store;
    let fifth = *commitment(&store.get(acme.as_bytes()).unwrap().unwrap()).unwrap();
    store.apply(None, &[Write::replace(&acme, fifth, second.clone())]).unwrap();
    let file = exported(&old);
    let ahead = keeping(20);
    ahead.store().store.apply(None, &[Write::create(&acme, second)]).unwrap();
    write(&ahead, &acme, 1);
    write(&Vault::new(&ahead.store().store, keyring()), &acme, 2);
    let imported = ahead.import(Cursor::new(file)).unwrap();
    assert_eq!((imported.written(), imported.kept(), imported.failed()), (1, 4, 0));
    assert_eq!(listed(&ahead, &acme), [5, 2, 1]);

    // The present of the export does not open.
    let old = keeping(20);
    write(&old, &acme, 4);
    let strange = Keyring::from_bytes([9; 32]).seal(&acme, revision(4), &secrets()).unwrap();
    old.store().show(acme.as_bytes(), strange.into_bytes());
    for writes in [0, 2] {
        let new = crate::vault::vault();
        write(&new, &acme, writes);
        let imported = new.import(Cursor::new(exported(&old))).unwrap();
        assert_eq!((imported.written(), imported.kept(), imported.failed()), (0, 3, 1));
        assert!(stored(&new.store().store, &acme).is_empty());
    }
}

/// A sweep reads the present of each scope that has a past, and sets no watermark.
#[test]
fn a_sweep_over_the_past_remembers_nothing() {
    let vault = keeping(20);
    let acme = install("acme");
    write(&vault, &acme, 3);
    let store = &vault.store().store;
    let reader = Vault::new(store, keyring());
    assert_eq!(reader.verify(Scopes::All).unwrap().past(), 2);
    reader.rewrap(Scopes::All, |_| Continue(())).unwrap();
    let present = store.get(acme.as_bytes()).unwrap().unwrap();
    let old = keyring().seal(&acme, revision(2), &secrets()).unwrap();
    store.apply(None, &[Write::replace(&acme, *commitment(&present).unwrap(), old)]).unwrap();
    assert!(reader.get(&acme).is_ok());
}

/// Each past row is compared with the present of its own scope, which is read once.
#[test]
fn a_sweep_reads_the_present_of_each_scope_once() {
    let vault = keeping(2);
    let [acme, other] = ["acme", "other"].map(install);
    write(&vault, &acme, 5);
    write(&vault, &other, 5);
    let store = &vault.store().store;
    let present = store.get(other.as_bytes()).unwrap().unwrap();
    let old = keyring().seal(&other, revision(2), &secrets()).unwrap();
    store.apply(None, &[Write::replace(&other, *commitment(&present).unwrap(), old)]).unwrap();
    assert_eq!((stored(store, &acme), stored(store, &other)), (vec![3, 4], vec![3, 4]));
    let before = vault.store().gets();
    assert_eq!(Vault::new(vault.store(), keyring()).verify(Scopes::All).unwrap().past(), 2);
    assert_eq!(vault.store().gets() - before, 2);
}

/// The present is written or purged between reading and writing: the past rows are decided anew.
#[test]
fn past_rows_are_imported_below_the_record_that_was_read() {
    let old = keeping(20);
    let acme = install("acme");
    write(&old, &acme, 4);
    let file = exported(&old);
    let write_on = |store: &MemoryStore| {
        write(&Vault::new(store, keyring()).keep_history(20).unwrap(), &install("acme"), 1);
    };
    let purge = |store: &MemoryStore| {
        store.purge(install("acme").as_bytes()).unwrap();
    };
    for (step, written, failed, history) in [
        (Step::Done, 4, 0, &[4, 3, 2, 1][..]),
        (Step::Lost, 4, 0, &[4, 3, 2, 1]),
        (Step::after(write_on), 4, 0, &[5, 4, 3, 2, 1]),
        (Step::after(purge), 1, 3, &[]),
    ] {
        let new = keeping(20);
        new.store().writes([Step::Pass, step]);
        let imported = new.import(Cursor::new(&file)).unwrap();
        assert_eq!((imported.written(), imported.failed()), (written, failed));
        new.accept_restore();
        assert_eq!(listed(&new, &acme), history);
    }
    let new = keeping(20);
    new.store().writes([Step::Pass, Step::Unavailable]);
    assert!(new.import(Cursor::new(&file)).is_err());
}

/// The present of the export is not written, since another tenant has just made one. The past that belongs to
/// it is not written either.
#[test]
fn no_past_is_imported_without_its_present() {
    let old = keeping(20);
    let acme = install("acme");
    write(&old, &acme, 4);
    let new = keeping(20);
    new.store().writes([Step::after(|store: &MemoryStore| {
        write(&Vault::new(store, keyring()), &install("acme"), 2);
    })]);
    let imported = new.import(Cursor::new(exported(&old))).unwrap();
    assert_eq!((imported.written(), imported.kept(), imported.failed()), (0, 3, 1));
    assert!(stored(&new.store().store, &acme).is_empty());
}

#[test]
fn the_keyring_of_a_scope_reads_no_history() {
    let vault = keeping(20);
    let acme = install("acme");
    write(&vault, &acme, 2);
    let key = past(acme.as_bytes()).start;
    let row = [&key[..key.len() - 8], &1_u64.to_be_bytes()].concat();
    let row = vault.store().store.get(&row).unwrap().unwrap();
    assert!(keyring().for_scope(&acme).open(&row).is_err());
    assert!(keyring().open_past(&acme, revision(1), &row).is_ok());
    assert!(Keyring::from_bytes([9; 32]).open_past(&acme, revision(1), &row).is_err());
}
