//! Altered texts of locked keyrings: none opens as another keyring.

use secrets_toml::seal::{Custody, Keyring, Lock, LockedKeyring, OpenError};

use crate::chain;
use crate::full::times;

/// The key of the lock of this number.
fn kek(i: usize) -> [u8; 32] {
    [i as u8 + 1; 32]
}

fn name(i: usize) -> String {
    format!("lock {i}")
}

/// Locks a fixed keyring under raw keys.
fn locked(count: usize) -> String {
    let keks: Vec<_> = (0..count).map(kek).collect();
    let custody =
        keks.iter().enumerate().fold(Custody::new("test").unwrap(), |custody, (i, kek)| {
            custody.lock(&name(i), Lock::raw(kek)).unwrap()
        });
    Keyring::from_bytes([0x11; 32]).lock(&custody).unwrap()
}

fn unlock(text: &str, i: usize) -> Result<Keyring, secrets_toml::seal::LockError> {
    let kek = kek(i);
    let custody = Custody::new("test").unwrap().lock(&name(i), Lock::raw(&kek)).unwrap();
    LockedKeyring::parse(text)?.unlock(&custody)
}

/// The text before the locks, and each lock.
fn parts(text: &str) -> (&str, Vec<&str>) {
    let (head, locks) = text.split_once("[[lock]]").unwrap();
    (head, locks.split("[[lock]]").collect())
}

/// A text of some of the locks, in an order, by their numbers.
fn arranged(head: &str, locks: &[&str], order: &[usize]) -> String {
    order.iter().fold(head.to_owned(), |text, i| text + "[[lock]]" + locks[*i].trim_end() + "\n\n")
}

/// Calls `each` with every subset of the numbers below `count`, in every order.
fn arrangements(count: usize, order: &mut Vec<usize>, each: &mut impl FnMut(&[usize])) {
    each(order);
    for i in 0..count {
        if !order.contains(&i) {
            order.push(i);
            arrangements(count, order, each);
            order.pop();
        }
    }
}

#[track_caller]
fn mismatch(text: &str, i: usize) {
    let error = unlock(text, i).unwrap_err();
    assert_eq!(error.open_error(), Some(&OpenError::Mismatch), "lock {i}");
}

#[test]
fn every_subset_and_every_order_is_refused() {
    let text = locked(4);
    let (head, locks) = parts(&text);
    let (mut opened, mut refused) = (0, 0);
    arrangements(4, &mut Vec::new(), &mut |order| {
        let text = arranged(head, &locks, order);
        if order.is_empty() {
            let error = LockedKeyring::parse(&text).unwrap_err();
            return assert_eq!(error.to_string(), "the keyring's text lacks `lock`");
        }
        for i in order {
            if *order == [0, 1, 2, 3] {
                assert_eq!(unlock(&text, *i).unwrap().entries().len(), 1);
                opened += 1;
            } else {
                mismatch(&text, *i);
                refused += 1;
            }
        }
        let absent = (0..4).find(|i| !order.contains(i));
        let error = absent.map(|i| unlock(&text, i).unwrap_err().to_string());
        assert!(error.is_none_or(|error| error == "the keyring has no lock of this name"));
    });
    // 4 of one lock, 12 of two, 24 of three, 24 of four: one of these is right.
    assert_eq!((opened, refused), (4, 4 + 2 * 12 + 3 * 24 + 4 * 23));
}

#[test]
fn sixteen_locks_are_one_set() {
    let text = locked(16);
    let (head, locks) = parts(&text);
    let all: Vec<_> = (0..16).collect();
    for i in 0..16 {
        assert!(unlock(&arranged(head, &locks, &all), i).is_ok());
    }
    for at in 0..16 {
        let without: Vec<_> = all.iter().copied().filter(|i| *i != at).collect();
        let mut exchanged = all.clone();
        exchanged.swap(at, (at + 1) % 16);
        for i in 0..16 {
            if i != at {
                mismatch(&arranged(head, &locks, &without), i);
            }
            mismatch(&arranged(head, &locks, &exchanged), i);
        }
    }
}

/// Two keyrings under the same locks, and so of equal names, keys and revisions.
#[test]
fn every_mix_of_two_keyrings_is_refused() {
    let (ours, theirs) = (locked(4), locked(4));
    let ((head, ours), (foreign, theirs)) = (parts(&ours), parts(&theirs));
    for mix in 0..16_usize {
        let locks: Vec<_> = (0..4).map(|i| [ours[i], theirs[i]][mix >> i & 1]).collect();
        for (is_foreign, head) in [head, foreign].into_iter().enumerate() {
            let text = arranged(head, &locks, &[0, 1, 2, 3]);
            for i in 0..4 {
                let result = unlock(&text, i);
                if mix == 15 * is_foreign {
                    assert!(result.is_ok());
                    continue;
                }
                // A lock of the other keyring gives another ring key than the keys are under.
                let error = result.unwrap_err();
                match error.open_error() {
                    Some(OpenError::Mismatch) => assert_eq!(mix >> i & 1, is_foreign),
                    Some(OpenError::UnknownKey(_)) => assert_ne!(mix >> i & 1, is_foreign),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    // A lock more, of a keyring that has it.
    let five = locked(5);
    let added = [&ours[..], &[parts(&five).1[4]]].concat();
    let text = arranged(head, &added, &[0, 1, 2, 3, 4]);
    (0..4).for_each(|i| mismatch(&text, i));
    let error = unlock(&text, 4).unwrap_err();
    assert!(matches!(error.open_error(), Some(OpenError::UnknownKey(_))));
    assert_eq!(error.to_string(), "the sealed keys were not opened");
}

#[test]
fn a_long_record_of_a_lock_is_refused() {
    use base64ct::{Base64, Encoding};

    let text = locked(2);
    let sealed = text.lines().filter_map(|line| line.strip_prefix("sealed = \"")).nth(1).unwrap();
    let sealed = sealed.trim_end_matches('"');
    let record = Base64::decode_vec(sealed).unwrap();
    let of_len = |len| {
        let mut long = record.clone();
        long.resize(len, 0);
        // The header says the whole length, so that only the limit refuses it.
        long[68..72].copy_from_slice(&(len as u32 - 104).to_be_bytes());
        text.replace(sealed, &Base64::encode_string(&long))
    };
    let too_long = "the keyring's `sealed` has a length that is not allowed";
    for len in [4_097, 65_535, 65_536, 65_537, 131_072] {
        assert_eq!(chain(&LockedKeyring::parse(&of_len(len)).unwrap_err()), too_long, "{len}");
    }
    // The longest one is read, and belongs to no set.
    mismatch(&of_len(4_096), 0);
    mismatch(&of_len(4_096), 1);
}

/// A changed byte may be one of layout. Then the same keyring comes back.
#[test]
fn every_byte_changed_gives_the_same_keyring_or_none() {
    let text = locked(1);
    let original: Vec<_> = unlock(&text, 0).unwrap().entries().collect();
    let (mut refused, mut layout) = (0, 0);
    let mut check = |edited: Vec<u8>| {
        let Ok(edited) = String::from_utf8(edited) else { return };
        match unlock(&edited, 0) {
            Err(_) => refused += 1,
            Ok(opened) => {
                layout += 1;
                assert!(opened.entries().eq(original.iter().copied()));
                assert_eq!((opened.set(), opened.generation()), (1, 1));
            }
        }
    };
    // The lowest bit and the case of each byte, and a tab for a space; or all changes, and each byte left
    // out and doubled.
    let is_full = times(10) == 10;
    let changes = if is_full { (1..=255_u8).collect() } else { vec![0x01, 0x20, 0x29] };
    for at in 0..text.len() {
        for change in &changes {
            let mut edited = text.clone().into_bytes();
            edited[at] ^= change;
            check(edited);
        }
        if is_full {
            check([&text[..at], &text[at + 1..]].concat().into_bytes());
            check([&text[..=at], &text[at..]].concat().into_bytes());
        }
    }
    assert!(refused > 50 * layout && layout > 0, "{refused} refused, {layout} of layout");
}
