//! The vectors of locked keyrings.

use std::collections::BTreeSet;

use crate::seal::derive::Material;
use crate::seal::error::LockError;
use crate::seal::fields::Fields;
use crate::seal::format::COMMITMENT;
use crate::seal::locked_text::{LockText, LockedText, Protection};
use crate::seal::passphrase::PassphraseCost;
use crate::seal::random::Random;
use crate::seal::ring::Ring;
use crate::seal::tests::vectors::write::{Files, OTHER_KEY, RANDOM};
use crate::seal::tests::vectors::{Vector, fault_name, vectors};
use crate::seal::tests::{Sealer, hex, unhex};
use crate::seal::{Custody, Keyring, Kind, KmsKey, Lock, LockedKeyring, Revision};
use crate::value::Table;

const KEK: [u8; 32] = [0x33; 32];
const RING_KEY: [u8; 32] = [0x44; 32];
const DEPLOYMENT: &str = "production";
const PASSPHRASE: &str = "correct horse battery staple";
/// The key that Argon2id derives from this passphrase, salt and cost; verify.py derives it, too.
const PASSPHRASE_KEK: &str = "27e243dea797c62dfcb35d571c67988e6567ded1f467720dc9255193d984b018";
const SALT: [u8; 16] = [0x5A; 16];

#[test]
fn keyrings() {
    let (mut opened, mut refused) = (0, BTreeSet::new());
    for vector in vectors("keyring") {
        let text = vector.text("text");
        let locked = match (LockedKeyring::parse(text), vector.find("error")) {
            (Ok(locked), _) => locked,
            (Err(error), expected) => {
                assert_eq!(Some(&*fault_name(&error.0)), expected, "{}: {error}", vector.path);
                refused.insert(vector.path);
                continue;
            }
        };
        let opens = vector.document.get("open").unwrap().as_array().unwrap();
        for open in opens.iter().map(|open| open.as_table().unwrap()) {
            let Some(result) = unlock(&locked, open, &vector) else { continue };
            let result = result.and_then(|keyring| check_memory(keyring, &vector));
            if let Some(expected) = vector.find("error") {
                let error = result.unwrap_err();
                assert_eq!(fault_name(&error.0), expected, "{}: {error}", vector.path);
                refused.insert(vector.path.clone());
                continue;
            }
            let keyring = result.unwrap_or_else(|error| panic!("{}: {error}", vector.path));
            assert_eq!(list(&keyring), vector.text("entries"), "{}", vector.path);
            let (set, generation) = (vector.number("set"), vector.number("generation"));
            assert_eq!(keyring.generation(), generation, "{}", vector.path);
            opened += 1;
            assert_eq!(keyring.set(), set, "{}", vector.path);
            assert!(lock_again(keyring, text) == text, "{}", vector.path);
        }
    }
    let with_passphrase = usize::from(cfg!(feature = "passphrase"));
    // One, two and sixteen locks, each opened by each.
    assert_eq!(opened, 7 + 2 + 16 + with_passphrase);
    assert_eq!(refused.len(), 56 + 5 * with_passphrase);
}

/// Unlocks by one lock. The KMS key and the wrapped key are those that the text names, so that it is
/// the records that find an edit. `None` if a feature is missing.
fn unlock(
    locked: &LockedKeyring,
    open: Table<'_>,
    vector: &Vector,
) -> Option<Result<Keyring, LockError>> {
    let text = |field| open.get(field).and_then(|value| value.as_str());
    let (name, kek) = (text("lock").unwrap(), text("kek").map_or([0; 32], to_key));
    let of_kms = locked.lock(name).and_then(|lock| match &lock.protection {
        Protection::Kms { key, wrapped } => Some((key, wrapped)),
        _ => None,
    });
    let lock = match (of_kms, text("passphrase")) {
        (Some((key, wrapped)), _) => Lock::kms(key, wrapped, &kek),
        #[cfg(feature = "passphrase")]
        (_, Some(passphrase)) => Lock::passphrase(passphrase),
        #[cfg(not(feature = "passphrase"))]
        (_, Some(_)) => return None,
        _ => Lock::raw(&kek),
    };
    let custody = Custody::new(vector.find("deployment").unwrap_or(locked.deployment())).unwrap();
    let custody = custody.lock(name, lock).unwrap();
    let (set, generation) = vector.place("floor").unwrap_or_default();
    Some(locked.unlock(&custody.at_least(set, generation)))
}

/// Refuses what is older than the keyring that the vector remembers, or a fork of it.
fn check_memory(keyring: Keyring, vector: &Vector) -> Result<Keyring, LockError> {
    if let Some((set, generation)) = vector.place("memory") {
        let mut seen =
            seal(DEPLOYMENT, vec![(raw("host"), KEK)], (set, generation), RING_KEY, &states());
        seen.sealed[COMMITMENT].copy_from_slice(&vector.bytes("commitment"));
        let mut earlier = Keyring::decode(&states()).unwrap();
        earlier.set_ring(Ring { key: Material::copy_of(&RING_KEY), text: seen });
        keyring.check_later_than(&earlier)?;
    }
    Ok(keyring)
}

fn to_key(text: &str) -> [u8; 32] {
    unhex(text).try_into().unwrap()
}

/// The text that `Keyring::lock` writes with the vector's randomness, or `Keyring::lock_again` if the
/// set is of an earlier generation.
fn lock_again(mut keyring: Keyring, text: &str) -> String {
    let read = LockedText::parse(text).unwrap();
    let generation = Revision::try_from(keyring.generation()).unwrap();
    let random = || Ok(Random::new(RANDOM));
    if keyring.set() < keyring.generation() {
        return keyring.lock_next(generation, random).unwrap();
    }
    let kek = |i: usize, lock: &LockText| match lock.protection {
        Protection::Argon2id { .. } => to_key(PASSPHRASE_KEK),
        _ => kek(i),
    };
    let keys = read.locks.into_iter().enumerate();
    let keys = keys.map(|(i, lock)| {
        let kek = Material::copy_of(&kek(i, &lock));
        (LockText { sealed: Vec::new(), ..lock }, kek)
    });
    let (keys, ring_key) = (keys.collect(), Material::copy_of(&RING_KEY));
    keyring.lock_with(read.deployment, keys, generation, ring_key, random).unwrap()
}

/// The key of the lock of this number.
fn kek(i: usize) -> [u8; 32] {
    KEK.map(|byte| byte + i as u8)
}

/// Every key of a keyring, a line each: state, id, and the key itself.
fn list(keyring: &Keyring) -> String {
    let doc = keyring.encode();
    let mut text = String::new();
    for (entry, (id, state)) in doc.0[2..].chunks_exact(49).zip(keyring.entries()) {
        let state = format!("{state:?}").to_lowercase();
        text += &format!("{state} {id} {}\n", hex(&entry[17..]));
    }
    text
}

fn entry(state: u8, key: u8) -> Vec<u8> {
    let id = Sealer::new([key; 32], b"").id();
    let material = if state == 4 { [0; 32] } else { [key; 32] };
    [&[state], &id[..], &material].concat()
}

fn encode(entries: &[Vec<u8>]) -> Vec<u8> {
    [&(entries.len() as u16).to_be_bytes()[..], &entries.concat()].concat()
}

/// One key in each state.
fn states() -> Vec<u8> {
    encode(&[entry(3, 1), entry(4, 2), entry(1, 3), entry(2, 4)])
}

fn raw(name: &str) -> LockText {
    LockText { name: name.to_owned(), protection: Protection::Raw, sealed: Vec::new() }
}

fn argon2id(m_kib: u32, t: u32, p: u32) -> LockText {
    let protection = Protection::Argon2id { m_kib, t, p, salt: SALT };
    LockText { name: "break-glass".to_owned(), protection, sealed: Vec::new() }
}

fn kms() -> LockText {
    let key = KmsKey::new("aws", "arn:aws:kms:eu-west-1:1:key/\"quoted\\é\"").unwrap();
    let protection = Protection::Kms { key, wrapped: vec![0xEE; 40] };
    LockText { name: "aws".to_owned(), protection, sealed: Vec::new() }
}

/// Seals a keyring for locks, each with its key, at the revisions of the set and of the keyring.
fn seal(
    deployment: &str,
    locks: Vec<(LockText, [u8; 32])>,
    (set, generation): (u64, u64),
    ring_key: [u8; 32],
    doc: &[u8],
) -> LockedText {
    let mut text = LockedText { deployment: deployment.to_owned(), locks: vec![], sealed: vec![] };
    for (mut lock, kek) in locks {
        let fields = Fields::default().with(6, ring_key.as_slice());
        let sealer = Sealer::new(kek, &lock.scope(deployment));
        lock.sealed = sealer.seal(Kind::Lock, (set, 0), &fields, RANDOM);
        text.locks.push(lock);
    }
    let sealer = Sealer::new(ring_key, &text.scope());
    let fields = Fields::default().with(5, doc);
    text.sealed = sealer.seal(Kind::Keyring, (generation, 0), &fields, RANDOM);
    text
}

fn locked(locks: Vec<(LockText, [u8; 32])>) -> LockedText {
    seal(DEPLOYMENT, locks, (7, 7), RING_KEY, &states())
}

/// A locked keyring with one lock.
pub(super) fn one() -> String {
    locked(vec![(raw("host"), KEK)]).write()
}

fn two() -> LockedText {
    locked(vec![(raw("host"), KEK), (kms(), kek(1))])
}

pub(super) fn generate(files: &mut Files) {
    let entries = list(&Keyring::decode(&states()).unwrap());
    let mut write = |name: &str, note: &str, rest: &str, text: &str, opens: &[(&str, &str)]| {
        let mut file = format!("note = \"{note}\"\n{rest}text = '''\n{text}'''\n");
        for (lock, how) in opens {
            file += &format!("\n[[open]]\nlock = \"{lock}\"\n{how}\n");
        }
        assert!(files.insert(format!("keyring/{name}.toml"), file).is_none(), "{name}");
    };
    let by = |i: usize| format!("kek = \"{}\"", hex(&kek(i)));
    let (first, second) = (&by(0)[..], &by(1)[..]);
    let passphrase =
        |passphrase: &str| format!("passphrase = \"{passphrase}\"\nkek = \"{PASSPHRASE_KEK}\"");
    let rest = |set: u64, generation: u64| {
        let (ring_key, random) = (hex(&RING_KEY), hex(&RANDOM));
        format!(
            "set = {set}\ngeneration = {generation}\nring_key = \"{ring_key}\"\n\
             random = \"{random}\"\nentries = '''\n{entries}'''\n"
        )
    };
    write("raw", "one key in each state", &rest(7, 7), &one(), &[("host", first)]);
    let text = locked(vec![(kms(), KEK)]).write();
    let note = "a reference with every kind of escape";
    write("kms", note, &rest(7, 7), &text, &[("aws", first)]);
    let least = PassphraseCost::new(19 * 1024, 2, 1).unwrap();
    #[cfg(feature = "passphrase")]
    assert_eq!(least.derive(PASSPHRASE.as_bytes(), &SALT).unwrap()[..], unhex(PASSPHRASE_KEK));
    let by_passphrase = || (argon2id(least.m_kib(), least.t(), least.p()), to_key(PASSPHRASE_KEK));
    let text = locked(vec![by_passphrase()]).write();
    let right = &passphrase(PASSPHRASE)[..];
    write("argon2id", "the least cost", &rest(7, 7), &text, &[("break-glass", right)]);
    let opens = &[("host", first), ("aws", second)];
    write("two", "two locks, each of which opens it", &rest(7, 7), &two().write(), opens);
    let names: Vec<_> = (0..16).map(|i| format!("lock {i}")).collect();
    let sixteen = names.iter().enumerate().map(|(i, name)| (raw(name), kek(i)));
    let sixteen = locked(sixteen.collect()).write();
    let keks: Vec<_> = (0..16).map(by).collect();
    let opens: Vec<_> = names.iter().zip(&keks).map(|(name, kek)| (&name[..], &kek[..])).collect();
    write("sixteen", "sixteen locks, each of which opens it", &rest(7, 7), &sixteen, &opens);
    let later = seal(DEPLOYMENT, vec![(raw("host"), KEK)], (3, 7), RING_KEY, &states());
    let note = "a later generation under the locks of an earlier one";
    write("later", note, &rest(3, 7), &later.write(), &[("host", first)]);
    let commitment = |text: &LockedText| hex(&text.sealed[COMMITMENT]);
    let (own, other) = (commitment(&later), "00".repeat(32));
    let memory = |set: u64, generation: u64, commitment: &str| {
        format!("memory = [{set}, {generation}]\ncommitment = \"{commitment}\"\n")
    };
    for (name, note, before) in [
        ("remembered", "the keyring that is remembered", memory(3, 7, &own)),
        ("remembered-earlier", "an earlier generation is remembered", memory(3, 6, &other)),
        ("floor", "the floor", "floor = [3, 7]\n".to_owned()),
    ] {
        write(name, note, &(before + &rest(3, 7)), &later.write(), &[("host", first)]);
    }

    for (name, note, before, error, how) in [
        ("older-set", "a later set is remembered", memory(4, 6, &other), "RolledBack", first),
        ("older", "a later generation is remembered", memory(3, 8, &other), "RolledBack", first),
        ("older-2", "the same, and an earlier set", memory(2, 8, &other), "RolledBack", first),
        ("forked", "another write is remembered", memory(3, 7, &other), "Forked", first),
        ("floor-set", "a set below the floor", "floor = [4, 0]\n".to_owned(), "RolledBack", first),
        ("floor", "a generation below it", "floor = [0, 8]\n".to_owned(), "RolledBack", first),
        ("floor-key", "it is compared last", "floor = [9, 9]\n".to_owned(), "UnknownKey", second),
    ] {
        let rest = format!("{before}error = \"{error}\"\n");
        write(&format!("reject-{name}"), note, &rest, &later.write(), &[("host", how)]);
    }

    let expected = "deployment = \"staging\"\nerror = \"Mismatch\"\n";
    let note = "the keyring of another deployment than the host's";
    write("reject-other-deployment", note, expected, &one(), &[("host", first)]);

    let mut reject = |name: &str, note: &str, error: &str, text: &str, open: (&str, &str)| {
        let rest = format!("error = \"{error}\"\n");
        write(&format!("reject-{name}"), note, &rest, text, &[open]);
    };
    let host = ("host", first);
    reject("key", "another key", "UnknownKey", &one(), ("host", second));
    reject("name", "a lock that there is not", "UnknownKey", &one(), ("other", first));
    let edit = |text: &LockedText, from: &str, to: &str| {
        let text = text.write();
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };

    // Edited fields that the records are bound to.
    let (alone, pair) = (locked(vec![(raw("host"), KEK)]), two());
    let mismatch = "Mismatch";
    let text = edit(&alone, "production", "staging");
    reject("deployment", "the deployment was edited", mismatch, &text, host);
    let text = edit(&pair, "\"aws\"\nprotection", "\"AWS\"\nprotection");
    reject("other-name", "the other lock was renamed", mismatch, &text, host);
    let renamed = ("guest", first);
    let text = edit(&pair, "\"host\"", "\"guest\"");
    reject("renamed", "the lock was renamed", mismatch, &text, renamed);
    for (name, from, to) in [
        ("provider", "provider = \"aws\"", "provider = \"gcp\""),
        ("key-ref", "eu-west-1", "eu-west-2"),
        ("wrapped", "7u7u7u", "7u7u7v"),
    ] {
        let text = edit(&pair, from, to);
        reject(name, "the field of this name was edited", mismatch, &text, ("aws", second));
        let name = format!("other-{name}");
        reject(&name, "the same in the other lock", mismatch, &text, host);
    }
    let mut moved = two();
    moved.locks.reverse();
    reject("moved", "the locks were moved", mismatch, &moved.write(), host);
    let mut dropped = two();
    dropped.locks.pop();
    reject("dropped", "the other lock was dropped", mismatch, &dropped.write(), host);
    let mut added = two();
    added.locks.extend(locked(vec![(raw("theirs"), OTHER_KEY)]).locks);
    let theirs = &format!("kek = \"{}\"", hex(&OTHER_KEY))[..];
    reject("added", "a lock was added", mismatch, &added.write(), host);
    let note = "a lock was added, and is the one that opens";
    reject("added-own", note, mismatch, &added.write(), ("theirs", theirs));
    let mut other = two();
    other.locks[0] =
        seal(DEPLOYMENT, vec![(raw("host"), KEK)], (7, 7), OTHER_KEY, &states()).locks.remove(0);
    let note = "the lock of another ring key";
    reject("other-ring", note, "UnknownKey", &other.write(), host);
    let mut swapped = two();
    let records = swapped.locks.iter().map(|lock| lock.sealed.clone()).rev().collect::<Vec<_>>();
    swapped.locks.iter_mut().zip(records).for_each(|(lock, sealed)| lock.sealed = sealed);
    let note = "the records of the locks were exchanged";
    reject("exchanged", note, "UnknownKey", &swapped.write(), host);

    let mut foreign = two();
    foreign.sealed =
        seal(DEPLOYMENT, vec![(raw("host"), KEK)], (7, 7), OTHER_KEY, &states()).sealed;
    let note = "the keys of another keyring, under another ring key";
    reject("foreign-keys", note, "UnknownKey", &foreign.write(), host);

    // The revisions of a set.
    let doc_of_states = states();
    let mut unequal = two();
    unequal.locks[1] =
        seal(DEPLOYMENT, vec![(kms(), kek(1))], (6, 6), RING_KEY, &states()).locks.remove(0);
    let keys = Fields::default().with(5, doc_of_states.as_slice());
    let sealer = Sealer::new(RING_KEY, &unequal.scope());
    unequal.sealed = sealer.seal(Kind::Keyring, (7, 0), &keys, RANDOM);
    reject("unequal", "locks of unequal revision", mismatch, &unequal.write(), host);
    let above = seal(DEPLOYMENT, vec![(raw("host"), KEK)], (8, 7), RING_KEY, &states());
    reject("above", "locks above the keyring", mismatch, &above.write(), host);

    // The records.
    let mut record = |name: &str, note: &str, error: &str, edit: fn(&mut LockedText)| {
        let mut text = locked(vec![(raw("host"), KEK)]);
        edit(&mut text);
        reject(name, note, error, &text.write(), host);
    };
    record("kind", "a lock's record as the keyring's", "UnknownKind", |text| {
        text.sealed = text.locks[0].sealed.clone();
    });
    record("lock-kind", "a keyring's record as a lock's", "UnknownKind", |text| {
        text.locks[0].sealed = text.sealed.clone();
    });
    record("rewraps", "a keyring's record that was rewrapped", "Malformed", |text| {
        text.sealed[19] = 1;
    });
    record("lock-truncated", "a lock's record without its last byte", "Truncated", |text| {
        text.locks[0].sealed.truncate(1143);
    });
    record("tag", "a bit of the keyring's tag", "Tampered", |text| {
        *text.sealed.last_mut().unwrap() ^= 1;
    });
    record("lock-tag", "a bit of the lock's tag", "Tampered", |text| {
        *text.locks[0].sealed.last_mut().unwrap() ^= 1;
    });
    record("lock-record-65536", "a lock's record of 65,536 bytes", "Malformed", |text| {
        text.locks[0].sealed.resize(65_536, 0);
    });
    record("lock-record-4097", "a lock's record of 4,097 bytes", "Malformed", |text| {
        text.locks[0].sealed.resize(4097, 0);
    });

    // The keys.
    let mut bad = |name: &str, note: &str, doc: &[u8]| {
        let text = seal(DEPLOYMENT, vec![(raw("host"), KEK)], (7, 7), RING_KEY, doc);
        reject(name, note, "BadPayload", &text.write(), host);
    };
    bad("no-key", "no key", &encode(&[]));
    bad("no-primary", "no primary key", &encode(&[entry(2, 1)]));
    bad("two-primaries", "two primary keys", &encode(&[entry(1, 1), entry(1, 2)]));
    bad("repeated-id", "an id that is repeated", &encode(&[entry(1, 1), entry(2, 1)]));
    let mut other = entry(1, 1);
    other[1] ^= 1;
    bad("other-id", "an id that is not its key's", &encode(&[other]));
    bad("state", "a state that there is not", &encode(&[entry(1, 1), entry(5, 2)]));
    let mut kept = entry(4, 2);
    kept[17..].fill(2);
    bad("kept", "a destroyed key that is still there", &encode(&[entry(1, 1), kept]));
    let count = [&encode(&[entry(1, 1)])[..], &[0]].concat();
    bad("count", "a count that does not fit", &count);

    // The text.
    let mut text = |name: &str, note: &str, error: &str, from: &str, to: &str| {
        reject(name, note, error, &edit(&two(), from, to), host);
    };
    let malformed = "Malformed";
    text("format", "format 2", "UnsupportedVersion", "format = 1", "format = 2");
    let note = "a field that there is not";
    text("field", note, malformed, "format = 1", "format = 1\nother = 1");
    let note = "a field of another protection";
    text("lock-field", note, malformed, "name = \"host\"", "name = \"host\"\nm_kib = 65536");
    text("protection", "a protection that there is not", malformed, "\"raw\"", "\"none\"");
    text("same-name", "two locks of one name", malformed, "\"aws\"\nprot", "\"host\"\nprot");
    text("name-space", "a name with a space at its end", malformed, "\"host\"", "\"host \"");
    text("no-deployment", "no deployment", malformed, "deployment = \"production\"\n", "");
    let note = "base64 that is not canonical";
    text("base64", note, malformed, "7u7u7g==", "7u7u7h==");
    reject("no-lock", "no lock", malformed, &locked(vec![]).write(), host);
    let mark = format!("\u{feff}{}", one());
    reject("mark", "a byte order mark", malformed, &mark, host);
    let seventeen = (0..17).map(|i| (raw(&format!("lock {i}")), kek(i)));
    let seventeen = locked(seventeen.collect()).write();
    reject("seventeen", "seventeen locks", malformed, &seventeen, ("lock 0", first));

    // A passphrase.
    let text = locked(vec![by_passphrase()]);
    let (own, wrong) = (("break-glass", right), &passphrase("wrong")[..]);
    let note = "another passphrase";
    reject("passphrase", note, "UnknownKey", &text.write(), ("break-glass", wrong));
    let edited = edit(&text, "t = 2", "t = 3");
    reject("edited-cost", "a parameter was edited", "UnknownKey", &edited, own);
    let edited = edit(&text, "Wlpa", "Wlpb");
    reject("edited-salt", "the salt was edited", "UnknownKey", &edited, own);
    let note = "a cost below the floor, sealed so";
    let low = locked(vec![(argon2id(19 * 1024 - 1, 2, 1), to_key(PASSPHRASE_KEK))]);
    reject("cost-low", note, malformed, &low.write(), own);
    let note = "a cost above the ceiling, sealed so";
    let high = locked(vec![(argon2id(1024 * 1024, 5, 1), to_key(PASSPHRASE_KEK))]);
    reject("cost-high", note, malformed, &high.write(), own);
    let edited = edit(&text, "m_kib = 19456", "m_kib = 4294967296");
    reject("number", "a number of 33 bits", malformed, &edited, own);
    let other =
        locked(vec![(raw("host"), KEK), (argon2id(u32::MAX, 0, 0), to_key(PASSPHRASE_KEK))]);
    let note = "a cost that nobody can pay, in a lock that is not opened";
    write("other-cost", note, &rest(7, 7), &other.write(), &[host]);
}
