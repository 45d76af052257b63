//! Sets of locks and generations: what follows what, who can write them, and what is refused.

use secrets_toml::seal::{
    Custody, Keyring, KmsKey, Lock, LockError, LockedKeyring, OpenError, Scope,
};

use crate::chain;
use crate::full::times;
use crate::seal::{custody, keyring, revision, secrets, version};

const KEK: [u8; 32] = [0x33; 32];

fn host() -> Custody<'static> {
    custody(Lock::raw(&KEK))
}

fn parse(text: &str) -> LockedKeyring {
    LockedKeyring::parse(text).unwrap()
}

/// Set and generation, as the text and as the keyring says.
#[track_caller]
fn place(text: &str, keyring: &Keyring) -> (u64, u64) {
    let locked = parse(text);
    assert_eq!((locked.set(), locked.generation()), (keyring.set(), keyring.generation()));
    (keyring.set(), keyring.generation())
}

/// The locks of a text, as they are written.
fn locks(text: &str) -> &str {
    text.split_once("[[lock]]").unwrap().1
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, LockError>, message: &str) -> LockError {
    let error = result.unwrap_err();
    assert_eq!(chain(&error), message);
    error
}

#[test]
fn a_generation_keeps_the_locks_and_a_set_does_not() {
    let mut keyring = keyring();
    assert_eq!((keyring.set(), keyring.generation()), (0, 0));
    let first = keyring.lock(&host()).unwrap();
    assert_eq!(place(&first, &keyring), (1, 1));
    let added = keyring.add().unwrap();
    let second = keyring.lock_again().unwrap();
    assert_eq!(place(&second, &keyring), (1, 2));
    assert_eq!(locks(&second), locks(&first), "byte for byte");
    keyring.promote(&added).unwrap();
    let third = keyring.lock_again().unwrap();
    assert_eq!((place(&third, &keyring), locks(&third)), ((1, 3), locks(&first)));
    let fourth = keyring.lock(&host()).unwrap();
    assert_eq!(place(&fourth, &keyring), (4, 4));
    assert_ne!(locks(&fourth), locks(&first), "another ring key");
    let fifth = keyring.lock_again().unwrap();
    assert_eq!((place(&fifth, &keyring), locks(&fifth)), ((4, 5), locks(&fourth)));
    for (text, primary, keys) in [
        (first, super::keyring().primary(), 1),
        (second, super::keyring().primary(), 2),
        (third, added, 2),
        (fourth, added, 2),
        (fifth, added, 2),
    ] {
        let again = parse(&text).unlock(&host()).unwrap();
        assert_eq!((again.primary(), again.entries().len()), (primary, keys));
        place(&text, &again);
    }
}

/// A KMS is asked once, and nobody types the passphrase.
#[test]
fn generations_need_no_lock() {
    let key = KmsKey::new("aws", "alias/secrets").unwrap();
    let custody = custody(Lock::kms(&key, b"wrapped", &KEK));
    #[cfg(feature = "passphrase")]
    let cost = secrets_toml::seal::PassphraseCost::new(19 * 1024, 2, 1).unwrap();
    #[cfg(feature = "passphrase")]
    let custody = custody.lock("break-glass", Lock::passphrase_at("correct horse", cost)).unwrap();
    let text = keyring().lock(&custody).unwrap();
    let opening = Custody::new("test").unwrap();
    let opening = opening.lock("host", Lock::kms(&key, b"wrapped", &KEK)).unwrap();
    let mut processes = [0; 2].map(|_| parse(&text).unlock(&opening).unwrap());
    // The custodies are gone: from here on, each process has what it keeps.
    drop((custody, opening));
    for generation in 2..8 {
        let [ours, theirs] = &mut processes;
        let new = ours.add().unwrap();
        ours.promote(&new).unwrap();
        let record = ours.seal(&version(), revision(generation), &secrets()).unwrap();
        let text = ours.lock_again().unwrap();
        *theirs = theirs.reload(&parse(&text)).unwrap();
        assert_eq!((place(&text, theirs), theirs.primary()), ((1, generation), new));
        assert!(theirs.open(&version(), record.as_bytes()).is_ok());
        processes.reverse();
    }
}

#[test]
fn the_same_text_gives_a_copy() {
    let mut keyring = keyring();
    let text = keyring.lock(&host()).unwrap();
    let mut copy = keyring.reload(&parse(&text)).unwrap();
    copy.add().unwrap();
    let next = copy.lock_again().unwrap();
    assert_eq!((keyring.entries().len(), keyring.generation()), (1, 1));
    assert_eq!((copy.entries().len(), place(&next, &copy)), (2, (1, 2)));
    assert!(keyring.reload(&parse(&next)).unwrap().entries().eq(copy.entries()));
}

#[test]
fn what_is_older_or_forked_is_refused() {
    let mut keyring = keyring();
    let first = keyring.lock(&host()).unwrap();
    let mut other = keyring.reload(&parse(&first)).unwrap();
    let second = keyring.lock_again().unwrap();
    let forked = other.lock_again().unwrap();
    let third = keyring.lock_again().unwrap();
    assert!(keyring.reload(&parse(&third)).is_ok());
    for (text, generation) in [(&first, 1), (&second, 2), (&forked, 2)] {
        let message = format!(
            "the keyring is older than before: it has set 1, generation {generation}, \
             after set 1, generation 3"
        );
        let error = refused(keyring.reload(&parse(text)), &message);
        assert!(error.is_rolled_back() && !error.is_forked() && !error.is_other_set());
        assert_eq!(error.open_error(), None);
    }
    let message =
        "forked: set 1, generation 2 of the keyring was written by another write than before";
    let error = refused(other.reload(&parse(&second)), message);
    assert!(error.is_forked() && !error.is_rolled_back() && !error.is_other_set());
    assert!(other.reload(&parse(&third)).is_ok(), "a later one than both cannot be told");
    // A new process remembers nothing.
    for text in [&first, &second, &forked, &third] {
        assert!(parse(text).unlock(&host()).is_ok());
    }
}

#[test]
fn another_set_has_to_be_unlocked() {
    let mut theirs = keyring();
    let first = theirs.lock(&host()).unwrap();
    let ours = parse(&first).unlock(&host()).unwrap();
    let mut forked = parse(&first).unlock(&host()).unwrap();
    let relocked = theirs.lock(&host()).unwrap();
    let message = "the keyring was locked under other locks: unlock it by one of these";
    let error = refused(ours.reload(&parse(&relocked)), message);
    assert!(error.is_other_set() && !error.is_rolled_back() && !error.is_forked());
    let ours = parse(&relocked).unlock(&host()).unwrap();
    assert!(ours.reload(&parse(&relocked)).is_ok());
    // An old set is refused at once, under whatever ring key.
    let error = refused(
        ours.reload(&parse(&first)),
        "the keyring is older than before: it has set 1, generation 1, after set 2, generation 2",
    );
    assert!(error.is_rolled_back());
    let later = (0..5).map(|_| forked.lock_again().unwrap()).next_back().unwrap();
    assert!(ours.reload(&parse(&later)).unwrap_err().is_rolled_back(), "the set is lower");
    let other_set = parse(&first).unlock(&host()).unwrap().lock(&host()).unwrap();
    assert!(ours.reload(&parse(&other_set)).unwrap_err().is_forked());
}

#[test]
fn a_ring_key_opens_what_it_sealed_only() {
    let mut keyring = keyring();
    let text = keyring.lock(&host()).unwrap();
    let next = keyring.reload(&parse(&text)).unwrap().lock_again().unwrap();
    let edited = |from: &str, to: &str| {
        assert!(next.contains(from));
        parse(&next.replace(from, to))
    };
    for locked in [edited("\"test\"", "\"Test\""), edited("\"host\"", "\"guest\"")] {
        let error = keyring.reload(&locked).unwrap_err();
        assert_eq!(error.open_error(), Some(&OpenError::Mismatch));
        assert_eq!(error.to_string(), "the sealed keys were not opened");
    }
    let message = "the keyring was neither locked nor unlocked: lock it under a custody first";
    let mut never = super::keyring();
    refused(never.reload(&parse(&text)), message);
    refused(never.lock_again(), message);
    assert_eq!(never.generation(), 0);
}

#[test]
fn a_floor_is_compared_number_by_number_after_the_keyring_has_opened() {
    let mut keyring = keyring();
    keyring.lock(&host()).unwrap();
    let old = keyring.lock_again().unwrap();
    keyring.lock(&host()).unwrap();
    let text = keyring.lock_again().unwrap();
    assert_eq!(place(&text, &keyring), (3, 4));
    for (set, generation) in [(0, 0), (3, 4), (0, 4), (3, 0), (2, 3)] {
        assert!(parse(&text).unlock(&host().at_least(set, generation)).is_ok());
    }
    for (set, generation) in [(4, 0), (0, 5), (4, 4), (3, 5), (u64::MAX, u64::MAX)] {
        let message = format!(
            "the keyring is older than the floor: it has set 3, generation 4, \
             below set {set}, generation {generation}"
        );
        let error = refused(parse(&text).unlock(&host().at_least(set, generation)), &message);
        assert!(error.is_rolled_back() && !error.is_forked());
        assert_eq!(error.open_error(), None);
    }
    let error = parse(&old).unlock(&host().at_least(3, 4)).unwrap_err();
    assert!(error.is_rolled_back());
    let wrong = custody(Lock::raw(&[0x34; 32])).at_least(9, 9);
    refused(parse(&text).unlock(&wrong), "the key of the lock `host` is wrong");
    assert!(super::keyring().lock(&host().at_least(9, 9)).is_ok(), "it is for unlocking");
}

/// Somebody had a lock of the first set, and so its ring key. He lost it with the second set.
#[test]
fn a_keyring_that_an_expelled_holder_forges_needs_a_memory_or_a_floor() {
    let (ours, his) = (Lock::raw(&KEK), [0x44; 32]);
    let both = || custody(ours).lock("his", Lock::raw(&his)).unwrap();
    let mut keyring = keyring();
    let first = keyring.lock(&both()).unwrap();
    let second = keyring.lock(&host()).unwrap();
    let own = Custody::new("test").and_then(|custody| custody.lock("his", Lock::raw(&his)));
    let mut expelled = parse(&first).unlock(&own.unwrap()).unwrap();
    assert!(expelled.reload(&parse(&second)).unwrap_err().is_other_set());

    // He adds a key of his own to the first set, whose locks are still those of the host.
    let mine = expelled.add().unwrap();
    expelled.promote(&mine).unwrap();
    let forged = (0..9).map(|_| expelled.lock_again().unwrap()).next_back().unwrap();
    assert!(keyring.reload(&parse(&forged)).unwrap_err().is_rolled_back(), "a memory");
    let floor = host().at_least(keyring.set(), keyring.generation());
    assert!(parse(&forged).unlock(&floor).unwrap_err().is_rolled_back(), "a floor");
    // Neither: `Custody::at_least` and `Keyring::lock` warn of it.
    assert_eq!(parse(&forged).unlock(&host()).unwrap().primary(), mine);
    // A new set of his own has no lock that the host opens.
    let own = Custody::new("test").and_then(|custody| custody.lock("host", Lock::raw(&his)));
    let forged = expelled.lock(&own.unwrap()).unwrap();
    refused(parse(&forged).unlock(&host()), "the key of the lock `host` is wrong");
}

/// More rotations than a keyring has room for keys, in one process and from process to process.
#[test]
fn a_rotation_never_ends() {
    let rounds = times(1_000).max(300);
    let mut keyring = keyring();
    let mut text = keyring.lock(&host()).unwrap();
    for round in 0..rounds {
        if round % 3 == 0 {
            keyring = keyring.reload(&parse(&text)).unwrap();
        }
        let (old, new) = (keyring.primary(), keyring.add().unwrap());
        keyring.promote(&new).unwrap();
        keyring.lock_again().unwrap();
        keyring.disable(&old).unwrap();
        let unused = keyring.prove_unused(&old, std::iter::empty::<(Scope, &[u8])>());
        keyring.destroy(unused.unwrap()).unwrap();
        text = keyring.lock_again().unwrap();
    }
    assert_eq!(place(&text, &keyring), (1, 2 * rounds as u64 + 1));
    let again = parse(&text).unlock(&host()).unwrap();
    assert_eq!(again.entries().len(), 129, "the newest 128 that are destroyed");
    assert_eq!(again.primary(), keyring.primary());
}

#[test]
fn keys_that_are_not_destroyed_fill_a_keyring() {
    let mut keyring = keyring();
    for _ in 1..256 {
        keyring.add().unwrap();
    }
    let full = "the keyring has 256 keys, which is the most it can hold";
    assert_eq!(keyring.add().unwrap_err().to_string(), full);
    let ids: Vec<_> = keyring.entries().map(|(id, _)| id).collect();
    let destroy = |keyring: &mut Keyring, range: std::ops::Range<usize>| {
        for id in &ids[range] {
            keyring.disable(id).unwrap();
            let unused = keyring.prove_unused(id, std::iter::empty::<(Scope, &[u8])>());
            keyring.destroy(unused.unwrap()).unwrap();
        }
    };
    destroy(&mut keyring, 1..129);
    assert_eq!(keyring.add().unwrap_err().to_string(), full, "128 destroyed ones are kept");
    destroy(&mut keyring, 129..131);
    let new = keyring.add().unwrap();
    let kept: Vec<_> = keyring.entries().map(|(id, _)| id).collect();
    assert_eq!((kept.len(), kept[0], kept[1], kept[254]), (255, ids[0], ids[3], new));
}
