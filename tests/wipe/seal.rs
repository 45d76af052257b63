//! Sealing and opening records, and locking keyrings: keys, derived keys and plaintexts are wiped.

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit as _};
use hmac::{Hmac, Mac};
use secrets_toml::seal::{
    By, Contents, Custody, Keyring, KmsKey, Lock, LockedKeyring, OpenError, Record, Revision, Scope,
};
use secrets_toml::{Document, Secrets, Template};
use sha2::Sha256;

use crate::derived::{
    aead_key, keys, keys_scope, lock_scope, mac, ring_key, scope_key, sealed, state,
};
use crate::probe::{Freed, keep};

/// No message has eight bytes of it.
const KEY: [u8; 32] = *b"seals-the-records:-32-bytes-long";
const KEK: [u8; 32] = *b"what locks the keyring: 32 bytes";
const SECRET: &str = "the value of a credential";
const AUTHOR: &str = "the author of a credential";
const TEXT: &str = "TOKEN = 'the value of a credential'";

fn custody(lock: Lock<'_>) -> Custody<'_> {
    Custody::new("test").and_then(|custody| custody.lock("host", lock)).unwrap()
}

fn scope() -> Scope {
    Scope::module("chat").and_then(|module| module.version("1")).unwrap()
}

fn secrets() -> Secrets {
    Document::parse(TEXT).unwrap().validate().unwrap()
}

fn record() -> Vec<u8> {
    let (secrets, template) = (secrets(), Template::parse("TOKEN = ''").unwrap());
    let by = By::author(AUTHOR).unwrap().time(1);
    let contents = Contents::new(&secrets).template(&template).by(by);
    Keyring::from_bytes(KEY).seal(&scope(), Revision::FIRST, contents).unwrap().into_bytes()
}

/// Checks that no freed block holds a secret of a record that is sealed with `key` for `scope`.
#[track_caller]
fn clean(freed: &Freed, key: &[u8], scope: &[u8], record: &[u8]) {
    assert!(freed.blocks() > 0, "no block was freed: nothing was tested");
    let scope_key = scope_key(key, scope);
    let aead_key = aead_key(&scope_key, &record[72..104]);
    for (name, secret) in [
        ("the keyring's key", &KEY[..]),
        ("the key that locks", &KEK),
        ("the plaintext", SECRET.as_bytes()),
        ("the author", AUTHOR.as_bytes()),
        ("the key of the scope", &scope_key),
        ("the key of the record", &aead_key),
    ] {
        assert_eq!(freed.hits(secret), 0, "{name}");
    }
    for key in [&KEY[..], &KEK, &scope_key] {
        for pad in [0x36, 0x5C] {
            assert_eq!(freed.hits(&state(key, pad)), 0, "the state of a key");
        }
    }
    assert_eq!(freed.unwiped(1 << 20), 0, "the Argon2 matrix");
}

#[test]
fn the_state_of_a_key_would_be_found() {
    let (tag, freed) = keep(|| {
        let hmac =
            Box::new(std::mem::ManuallyDrop::new(Hmac::<Sha256>::new_from_slice(&KEY).unwrap()));
        (**hmac).clone().finalize().into_bytes().len()
    });
    assert_eq!((tag, freed.hits(&state(&KEY, 0x36)), freed.hits(&state(&KEY, 0x5C))), (32, 1, 1));
}

#[test]
fn the_probe_is_alive() {
    let ((), freed) = keep(|| drop(SECRET.to_owned()));
    assert_eq!(freed.hits(SECRET.as_bytes()), 1);
    let (kept, freed) = keep(|| {
        let mut text = SECRET.to_owned();
        text.reserve(1 << 10);
        text
    });
    assert_eq!((freed.hits(SECRET.as_bytes()), kept.as_str()), (1, SECRET), "the old block");
    let ((), freed) = keep(|| drop(vec![1_u8; 1 << 20]));
    assert_eq!((freed.unwiped(1 << 20), freed.largest()), (1, 1 << 20));
    let ((), freed) = keep(|| ());
    assert_eq!((freed.blocks(), freed.largest()), (0, 0));
    let ((), freed) = keep(|| drop(SECRET[8..16].to_owned()));
    assert_eq!(freed.hits(SECRET.as_bytes()), 1, "a part of the secret");
}

#[test]
fn sealing() {
    let secrets = secrets();
    let (record, freed) = keep(record);
    clean(&freed, &KEY, scope().as_bytes(), &record);
    let ((), freed) = keep(|| drop(By::author(AUTHOR)));
    assert_eq!((freed.blocks(), freed.hits(AUTHOR.as_bytes())), (1, 0));
    let (record, freed) = keep(|| {
        let keyring = Keyring::from_bytes(KEY);
        keyring.seal_tombstone(&scope(), Revision::FIRST, None).unwrap();
        keyring.seal(&scope(), Revision::FIRST, &secrets).unwrap()
    });
    clean(&freed, &KEY, scope().as_bytes(), record.as_bytes());
    let (record, freed) = keep(|| {
        let keyring = Keyring::from_bytes(KEY);
        keyring.seal_tombstone(&scope(), Revision::FIRST, None).unwrap()
    });
    clean(&freed, &KEY, scope().as_bytes(), record.as_bytes());
}

#[test]
fn opening() {
    let record = record();
    let ((), freed) = keep(|| {
        let opened = Keyring::from_bytes(KEY).open(&scope(), &record).unwrap();
        assert_eq!(opened.expose_text(), Some(TEXT));
    });
    clean(&freed, &KEY, scope().as_bytes(), &record);
    assert_eq!(freed.unwiped(1024), 0, "a block with other bytes of the plaintext");
    let ((), freed) = keep(|| {
        let opened = Keyring::from_bytes(KEY).open(&scope(), &record).unwrap();
        assert_eq!(opened.into_secrets().unwrap().expose_text(), TEXT);
    });
    clean(&freed, &KEY, scope().as_bytes(), &record);
    let ((), freed) = keep(|| {
        let keyring = Keyring::from_bytes(KEY).for_scope(&scope());
        assert_eq!(keyring.open(&record).unwrap().expose_text(), Some(TEXT));
    });
    clean(&freed, &KEY, scope().as_bytes(), &record);
    assert_eq!(freed.unwiped(1024), 0, "a block with other bytes of the plaintext");
}

#[test]
fn errors_of_each_step_of_opening() {
    let good = record();
    let edited = |at: usize, byte: u8| {
        let mut record = good.clone();
        record[at] ^= byte;
        record
    };
    let field = |tag: u8, len: usize, bytes: &[u8]| {
        [&[tag], &(len as u32).to_be_bytes()[..], bytes].concat()
    };
    let text = |len| field(1, len, TEXT.as_bytes());
    let author = field(3, AUTHOR.len(), AUTHOR.as_bytes());
    let cases: [(Vec<u8>, OpenError); 15] = [
        (edited(0, 1), OpenError::NotARecord),
        (good[..1143].to_vec(), OpenError::Truncated),
        (edited(4, 1), OpenError::UnsupportedVersion),
        (edited(5, 1), OpenError::UnsupportedSuite),
        (edited(6, 4), OpenError::UnknownKind),
        (edited(7, 1), OpenError::Malformed),
        ([&good[..], b"\0"].concat(), OpenError::TrailingBytes),
        (edited(40, 1), OpenError::Mismatch),
        (edited(200, 1), OpenError::Tampered),
        (forged(1, &text(36)), OpenError::BadPayload),
        (forged(1, &text(34)), OpenError::BadPayload),
        (forged(1, &[text(35), author.clone(), text(35)].concat()), OpenError::BadPayload),
        (forged(1, &[text(35), author.clone(), vec![9; 5]].concat()), OpenError::BadPayload),
        (forged(1, &[&text(36)[..], b"\xFF", &author].concat()), OpenError::BadPayload),
        (forged(2, &text(35)), OpenError::BadPayload),
    ];
    for (record, expected) in cases {
        let (error, freed) = keep(|| {
            let keyring = Keyring::from_bytes(KEY);
            keyring.open(&scope(), &record).unwrap_err()
        });
        assert_eq!(error, expected);
        clean(&freed, &KEY, scope().as_bytes(), &record);
    }
    let mut keyring = Keyring::from_bytes(KEY);
    let new = keyring.add().unwrap();
    keyring.promote(&new).unwrap();
    let old = Keyring::from_bytes(KEY).primary();
    keyring.disable(&old).unwrap();
    let (error, freed) = keep(move || {
        let disabled = keyring.open(&scope(), &good).unwrap_err();
        (disabled, Keyring::from_bytes(KEK).open(&scope(), &good).unwrap_err())
    });
    assert_eq!(error, (OpenError::KeyDisabled(old), OpenError::UnknownKey(old)));
    clean(&freed, &KEY, scope().as_bytes(), &record());
}

/// Makes an authentic record with any plaintext. Only a faulty writer would make such a record.
fn forged(kind: u8, plaintext: &[u8]) -> Vec<u8> {
    let mut record = record()[..104].to_vec();
    record[6] = kind;
    record[68..72].copy_from_slice(&(plaintext.len() as u32 + 16).to_be_bytes());
    let scope_key = scope_key(&KEY, scope().as_bytes());
    let commitment = mac(&scope_key, &[b"commit", &record[..72]]);
    record[72..].copy_from_slice(&commitment);
    let aad = [&record[..], scope().as_bytes()].concat();
    let mut body = plaintext.to_vec();
    let cipher = ChaCha20Poly1305::new_from_slice(&aead_key(&scope_key, &commitment)).unwrap();
    let nonce = &[0; 12].into();
    let tag = cipher.encrypt_inout_detached(nonce, &aad, body.as_mut_slice().into()).unwrap();
    [&record, &body, &tag[..]].concat()
}

#[test]
fn content_that_is_not_a_document() {
    let text = "TOKEN = 'the value of a credential";
    let record = forged(1, &[&[1], &34_u32.to_be_bytes()[..], text.as_bytes()].concat());
    let (error, freed) = keep(|| {
        let opened = Keyring::from_bytes(KEY).open(&scope(), &record).unwrap();
        assert_eq!(opened.expose_text(), Some(text));
        opened.into_secrets().unwrap_err()
    });
    assert_eq!(error, OpenError::BadPayload);
    clean(&freed, &KEY, scope().as_bytes(), &record);
}

#[test]
fn proving_a_key_unused() {
    let mut keyring = Keyring::from_bytes(KEK);
    let old = keyring.primary();
    let (before, after, locked) = {
        let before = keyring.seal(&scope(), Revision::FIRST, &secrets()).unwrap().into_bytes();
        let key = keyring.add().unwrap();
        keyring.promote(&key).unwrap();
        let after = keyring.rewrap(&scope(), &before).unwrap().unwrap().into_bytes();
        (before, after, keyring.lock(&custody(Lock::raw(&KEY))).unwrap())
    };
    let ((), freed) = keep(|| {
        let mut keyring =
            LockedKeyring::parse(&locked).unwrap().unlock(&custody(Lock::raw(&KEY))).unwrap();
        keyring.disable(&old).unwrap();
        let unused = keyring.prove_unused(&old, [(scope(), &after)]).unwrap();
        // The first record opens and the second does not.
        keyring.prove_unused(&old, [(scope(), &after), (scope(), &before)]).unwrap_err();
        keyring.destroy(unused).unwrap();
    });
    clean(&freed, &KEK, scope().as_bytes(), &before);
}

#[test]
fn rewrapping() {
    let record = record();
    let (new, freed) = keep(|| {
        let mut keyring = Keyring::from_bytes(KEY);
        let id = keyring.add().unwrap();
        keyring.promote(&id).unwrap();
        keyring.rewrap(&scope(), &record).unwrap().map(Record::into_bytes).unwrap()
    });
    clean(&freed, &KEY, scope().as_bytes(), &record);
    clean(&freed, &KEY, scope().as_bytes(), &new);
}

#[test]
fn keeping_a_past_revision() {
    let record = record();
    let ((past, rewrapped), freed) = keep(|| {
        let mut keyring = Keyring::from_bytes(KEY);
        let past = keyring.seal_past(&scope(), &record).unwrap().into_bytes();
        let opened = keyring.open_past(&scope(), Revision::FIRST, &past).unwrap();
        assert_eq!((opened.expose_text(), opened.author()), (Some(TEXT), Some(AUTHOR)));
        let id = keyring.add().unwrap();
        keyring.promote(&id).unwrap();
        let rewrapped = keyring.rewrap_past(&scope(), Revision::FIRST, &past).unwrap();
        (past, rewrapped.map(Record::into_bytes).unwrap())
    });
    let past_scope = b"\x12\0\x04chat\0\x011\0\0\0\0\0\0\0\x01";
    clean(&freed, &KEY, scope().as_bytes(), &record);
    clean(&freed, &KEY, past_scope, &past);
    clean(&freed, &KEY, past_scope, &rewrapped);
    assert_eq!(freed.unwiped(1024), 0, "a block with other bytes of the plaintext");
}

#[test]
fn growing_and_changing_a_keyring() {
    let ((), freed) = keep(|| {
        let mut keyring = Keyring::from_bytes(KEY);
        let old = keyring.primary();
        for _ in 0..20 {
            let id = keyring.add().unwrap();
            keyring.promote(&id).unwrap();
        }
        keyring.disable(&old).unwrap();
        keyring.enable(&old).unwrap();
    });
    clean(&freed, &KEY, scope().as_bytes(), &record());
}

#[test]
fn generating() {
    let (text, freed) = keep(|| {
        // The block that a keyring was in is searched, too.
        let mut keyring = *Box::new(Keyring::generate().unwrap());
        keyring.add().unwrap();
        keyring.lock(&custody(Lock::raw(&KEK))).unwrap()
    });
    let ring_key = ring_key(&text, "test", &KEK);
    let keys = keys(&text, "test", &ring_key);
    assert_eq!(keys.len(), 2);
    for key in keys.iter().chain([&ring_key]) {
        assert_eq!(freed.hits(key), 0, "a generated key");
        clean(&freed, key, scope().as_bytes(), &record());
    }
}

#[test]
fn locking_and_unlocking() {
    let (text, freed) = keep(|| {
        let mut keyring = Keyring::from_bytes(KEY);
        // More keys follow the watched one, so that a growing buffer would be found.
        keyring.add().unwrap();
        keyring.add().unwrap();
        keyring.lock(&custody(Lock::raw(&KEK))).unwrap()
    });
    let sealed = sealed(&text);
    clean(&freed, &KEK, &lock_scope("test"), &sealed);
    let ((), freed) = keep(|| {
        let locked = LockedKeyring::parse(&text).unwrap();
        assert_eq!(locked.unlock(&custody(Lock::raw(&KEK))).unwrap().entries().len(), 3);
        locked.unlock(&custody(Lock::raw(&KEY))).unwrap_err();
    });
    clean(&freed, &KEK, &lock_scope("test"), &sealed);
}

#[test]
fn the_ring_key_is_kept_and_wiped() {
    let (text, freed) = keep(|| Keyring::from_bytes(KEY).lock(&custody(Lock::raw(&KEK))).unwrap());
    let ring_key = ring_key(&text, "test", &KEK);
    let check = |freed: &Freed| {
        clean(freed, &KEK, &lock_scope("test"), &sealed(&text));
        let scope_key = scope_key(&ring_key, &keys_scope(&text, "test"));
        for (name, secret) in
            [("the ring key", &ring_key[..]), ("the key of its scope", &scope_key)]
        {
            assert_eq!(freed.hits(secret), 0, "{name}");
            for pad in [0x36, 0x5C] {
                assert_eq!(freed.hits(&state(secret, pad)), 0, "the state of {name}");
            }
        }
    };
    check(&freed);
    let unlock =
        |text: &str| LockedKeyring::parse(text).unwrap().unlock(&custody(Lock::raw(&KEK))).unwrap();
    let (keyring, freed) = keep(|| unlock(&text));
    check(&freed);
    let mut theirs = unlock(&text);
    let next = theirs.lock_again().unwrap();
    let relocked = theirs.lock(&custody(Lock::raw(&KEK))).unwrap();
    let ((), freed) = keep(|| {
        let keyring = keyring;
        let mut copy = keyring.reload(&LockedKeyring::parse(&text).unwrap()).unwrap();
        copy.lock_again().unwrap();
        copy.reload(&LockedKeyring::parse(&next).unwrap()).unwrap_err();
        let keyring = keyring.reload(&LockedKeyring::parse(&next).unwrap()).unwrap();
        keyring.reload(&LockedKeyring::parse(&relocked).unwrap()).unwrap_err();
        copy.lock(&custody(Lock::raw(&KEK))).unwrap();
        drop(format!("{keyring:?}"));
    });
    check(&freed);
}

#[test]
fn a_lock_that_is_refused() {
    let mut keyring = Keyring::from_bytes(KEY);
    let ours = KmsKey::new("aws", "alias/ours").unwrap();
    let theirs = KmsKey::new("aws", "alias/theirs").unwrap();
    let raw = keyring.lock(&custody(Lock::raw(&KEK))).unwrap();
    let kms = keyring.lock(&custody(Lock::kms(&ours, b"wrapped", &KEK))).unwrap();
    let ((), freed) = keep(|| {
        for (text, lock) in [
            (&raw, Lock::kms(&ours, b"wrapped", &KEK)),
            (&kms, Lock::raw(&KEK)),
            (&kms, Lock::kms(&theirs, b"wrapped", &KEK)),
            (&kms, Lock::kms(&ours, b"other", &KEK)),
            (&raw, Lock::raw(&KEY)),
        ] {
            let error = LockedKeyring::parse(text).unwrap().unlock(&custody(lock)).unwrap_err();
            drop((format!("{error:?}"), error.to_string()));
        }
        keyring.lock(&custody(Lock::kms(&ours, b"", &KEK))).unwrap_err();
    });
    clean(&freed, &KEK, &lock_scope("test"), &sealed(&raw));
}

#[cfg(feature = "passphrase")]
mod passphrase {
    use super::*;
    use argon2::{Algorithm, Argon2, Params, Version};
    use base64ct::{Base64, Encoding};
    use secrets_toml::seal::PassphraseCost;

    use crate::probe::starve;

    const PASSPHRASE: &str = "correct horse battery staple";

    #[test]
    fn locking_and_unlocking() {
        let cost = PassphraseCost::new(19 * 1024, 2, 1).unwrap();
        let (text, freed) = keep(|| {
            let mut keyring = Keyring::from_bytes(KEY);
            keyring.lock(&custody(Lock::passphrase_at(PASSPHRASE, cost))).unwrap()
        });
        assert!(freed.largest() >= 19 << 20, "the allocator does not see the matrix");
        let salt = text.lines().find_map(|line| line.strip_prefix("salt = \"")).unwrap();
        let salt = Base64::decode_vec(salt.trim_end_matches('"')).unwrap();
        let mut kek = [0; 32];
        let params = Params::new(19 * 1024, 2, 1, Some(32)).unwrap();
        let mut blocks = vec![argon2::Block::new(); params.block_count()];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(PASSPHRASE.as_bytes(), &salt, &mut kek, &mut blocks[..])
            .unwrap();
        let cost = b"\x7C\0\x04test\0\x04host\0\x08argon2id\0\x04\0\0\x4C\0\0\x04\0\0\0\x02\0\x04\0\0\0\x01\0\x10";
        let scope = [cost, &salt[..]].concat();
        let check = |freed: &Freed| {
            clean(freed, &kek, &scope, &sealed(&text));
            assert_eq!(freed.hits(&kek), 0, "the key from the passphrase");
            assert_eq!(freed.hits(PASSPHRASE.as_bytes()), 0, "the passphrase");
        };
        check(&freed);
        let (keyring, freed) = keep(|| {
            let locked = LockedKeyring::parse(&text).unwrap();
            locked.unlock(&custody(Lock::passphrase(PASSPHRASE))).unwrap()
        });
        assert_eq!(keyring.primary(), Keyring::from_bytes(KEY).primary());
        check(&freed);
        let (_, freed) = keep(|| {
            let locked = LockedKeyring::parse(&text).unwrap();
            locked.unlock(&custody(Lock::passphrase("incorrect horse battery staple"))).unwrap_err()
        });
        check(&freed);
        assert_eq!(freed.hits(b"incorrect horse"), 0, "the wrong passphrase");
    }

    /// The cost of a lock shows which one Argon2id has run for.
    #[test]
    fn only_the_lock_that_is_asked_for_costs_memory() {
        let cost = |m_kib| PassphraseCost::new(m_kib, 2, 1).unwrap();
        let (small, large) = (19 * 1024, 40 * 1024);
        let named = |name, passphrase, m_kib| {
            let lock = Lock::passphrase_at(passphrase, cost(m_kib));
            Custody::new("test").and_then(|custody| custody.lock(name, lock)).unwrap()
        };
        let both = named("small", "first", small);
        let both = both.lock("large", Lock::passphrase_at("second", cost(large))).unwrap();
        let mut keyring = Keyring::from_bytes(KEY);
        let (text, freed) = keep(|| keyring.lock(&both).unwrap());
        assert!(freed.largest() >= (large as usize) << 10, "a set needs every lock");
        let locked = LockedKeyring::parse(&text).unwrap();
        for (custody, m_kib) in
            [(named("small", "first", small), small), (named("large", "second", large), large)]
        {
            let (opened, freed) = keep(|| locked.unlock(&custody));
            let matrices = freed.at_least((small as usize) << 10);
            assert!(opened.is_ok() && freed.largest() >> 10 == m_kib as usize, "{m_kib}");
            assert_eq!(matrices, 1, "{m_kib}");
        }
        // A generation needs none.
        let (_, freed) = keep(|| {
            let text = keyring.lock_again().unwrap();
            keyring.reload(&LockedKeyring::parse(&text).unwrap()).unwrap()
        });
        assert!(freed.largest() < 1 << 16, "{} bytes", freed.largest());
    }

    #[test]
    fn too_little_memory_is_an_error() {
        let cost = PassphraseCost::new(19 * 1024, 2, 1).unwrap();
        let protection = Lock::passphrase_at(PASSPHRASE, cost);
        let mut keyring = Keyring::from_bytes(KEY);
        let text = keyring.lock(&custody(protection)).unwrap();
        let short = "there is not enough memory for the cost of the passphrase";
        let error = starve(1 << 20, || keyring.lock(&custody(protection)).unwrap_err());
        assert_eq!((error.to_string().as_str(), keyring.generation()), (short, 1));
        let locked = LockedKeyring::parse(&text).unwrap();
        let unlock = Lock::passphrase(PASSPHRASE);
        let error = starve(1 << 20, || locked.unlock(&custody(unlock)).unwrap_err());
        assert_eq!(error.to_string(), short);
    }

    #[test]
    fn a_hostile_cost_takes_no_memory() {
        let text = Keyring::from_bytes(KEY).lock(&custody(Lock::raw(&KEK))).unwrap();
        let text = text.replace("\"raw\"", "\"argon2id\"");
        for (m_kib, t, p) in [
            ("4294967295", "3", "4"),
            ("4398046511104", "3", "4"),
            ("1048577", "2", "1"),
            ("1048576", "16", "1"),
            ("65536", "1000000", "4"),
            ("65536", "3", "17"),
            ("65536", "3", "4294967295"),
            ("nan", "3", "4"),
            ("65536.0", "3", "4"),
            ("8", "1", "1"),
        ] {
            let fields =
                format!("m_kib = {m_kib}\nt = {t}\np = {p}\nsalt = \"{}==\"\n", "A".repeat(22));
            let text = format!("{text}{fields}");
            let (refused, freed) = keep(|| {
                let locked = LockedKeyring::parse(&text);
                locked.and_then(|locked| locked.unlock(&custody(Lock::passphrase("p")))).is_err()
            });
            assert!(refused, "{fields}");
            assert!(freed.largest() < 1 << 16, "{} bytes for {fields}", freed.largest());
        }
    }
}
