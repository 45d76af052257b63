//! Nothing that can be printed holds a secret, and nothing that holds one can be copied.

use std::error::Error;
use std::fmt::Debug;

use secrets_toml::seal::{
    By, Header, KeyState, Keyring, KmsKey, Lock, LockedKeyring, Opened, Record, ScopeKeyring,
};

use crate::seal::lock::argon2id;
use crate::seal::{custody, install, keyring, revision, secrets, version};

const KEK: [u8; 32] = *b"a key encryption key of 32 bytes";

/// Fails if the text holds a secret: as text, or as bytes in decimal or hexadecimal. Commas stay: the
/// digits of a random commitment, joined, are those of a key once in some thousand runs.
#[track_caller]
fn silent(value: &dyn Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        let text = text.replace(['\n', ' '], "");
        for secret in [
            "hunter2",
            "17,17,17,17",
            "11,11,11,11",
            "11111111",
            "0x11,0x11",
            "CLARIFAI",
            "keyencryption",
            "107,101,121,32",
            "6b657920",
            "6b,65,79,20",
            "passphraseis",
        ] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn debug_shows_shapes() {
    let mut keyring = keyring();
    let id = keyring.primary();
    let record = keyring.seal(&version(), revision(1), &secrets()).unwrap();
    let opened = keyring.open(&version(), record.as_bytes()).unwrap();
    assert_eq!(format!("{record:?}"), "Record { len: 1144 }");
    assert_eq!(record.as_ref(), record.as_bytes());
    assert_eq!(
        format!("{opened:?}"),
        format!(
            "Opened {{ tombstone: false, revision: Revision(1), rewraps: 0, key_id: KeyId({id}), \
             stale: false, .. }}"
        )
    );
    assert_eq!(
        format!("{keyring:?}"),
        format!("Keyring {{ generation: 0, entries: [KeyId({id}): Primary] }}")
    );
    let scope_keyring = keyring.for_scope(&install("acme"));
    assert_eq!(
        format!("{scope_keyring:?}"),
        format!(
            "ScopeKeyring {{ scope: Scope(\"chat\", \"1.2.0\", \"acme\"), \
             entries: [KeyId({id}): Primary] }}"
        )
    );
    assert_eq!(keyring.entries().next(), Some((id, KeyState::Primary)));
    let text = keyring.lock(&custody(Lock::raw(&KEK))).unwrap();
    let locked = LockedKeyring::parse(&text).unwrap();
    assert_eq!(format!("{:?}", Lock::raw(&KEK)), "Lock(raw)");
    #[cfg(feature = "passphrase")]
    assert_eq!(format!("{:?}", Lock::passphrase("p")), "Lock(argon2id)");
    let kms = KmsKey::new("aws", "alias/secrets").unwrap();
    assert_eq!(format!("{:?}", Lock::kms(&kms, b"wrapped", &KEK)), "Lock(kms)");
    assert_eq!(
        format!("{:?}", custody(Lock::raw(&KEK))),
        "Custody { deployment: \"test\", locks: [(\"host\", Lock(raw))] }"
    );
    for (text, protection) in [
        (keyring.lock(&custody(Lock::kms(&kms, b"wrapped", &KEK))).unwrap(), "kms"),
        (argon2id(&text), "argon2id"),
        (text.clone(), "raw"),
    ] {
        let locked = LockedKeyring::parse(&text).unwrap();
        let generation = locked.generation();
        assert_eq!(
            format!("{locked:?}"),
            format!(
                "LockedKeyring {{ deployment: \"test\", locks: [\"host\": {protection}], \
                 generation: {generation}, .. }}"
            )
        );
    }
    for value in [
        &record as &dyn Debug,
        &opened,
        &keyring,
        &scope_keyring,
        &locked.unlock(&custody(Lock::raw(&KEK))).unwrap(),
        &By::author("hunter2").unwrap(),
        &Header::parse(record.as_bytes()).unwrap(),
    ] {
        silent(value);
    }
}

#[test]
fn errors_and_their_sources_are_silent() {
    let keyring = keyring();
    let record = keyring.seal(&version(), revision(1), &secrets()).unwrap().into_bytes();
    let mut errors: Vec<Box<dyn Error>> = Vec::new();
    for at in [0, 4, 5, 6, 7, 8, 16, 20, 36, 68, 72, 104, 1143] {
        let mut record = record.clone();
        record[at] ^= 0xF0;
        errors.push(keyring.open(&version(), &record).unwrap_err().into());
    }
    errors.push(keyring.open(&install("acme"), &record).unwrap_err().into());
    let mut locked = crate::seal::keyring();
    let old = LockedKeyring::parse(&locked.lock(&custody(Lock::raw(&KEK))).unwrap()).unwrap();
    let new = LockedKeyring::parse(&locked.lock_again().unwrap()).unwrap();
    let forked = old.unlock(&custody(Lock::raw(&KEK))).unwrap().lock_again().unwrap();
    let other = crate::seal::keyring().lock(&custody(Lock::raw(&KEK))).unwrap();
    for text in [forked, other] {
        errors.push(locked.reload(&LockedKeyring::parse(&text).unwrap()).unwrap_err().into());
    }
    errors.push(locked.reload(&old).unwrap_err().into());
    errors.push(new.unlock(&custody(Lock::raw(&KEK)).at_least(9, 9)).unwrap_err().into());
    errors.push(new.unlock(&custody(Lock::raw(&[0x17; 32]))).unwrap_err().into());
    for text in ["hunter2", "CLARIFAI_PAT = 'hunter2'", "format = 'hunter2'", "format = hunter2"] {
        errors.push(LockedKeyring::parse(text).unwrap_err().into());
    }
    for error in &errors {
        let mut error: Option<&dyn Error> = Some(&**error);
        while let Some(found) = error {
            silent(&found);
            silent(&found.to_string());
            error = found.source();
        }
    }
}

/// Two implementations of one trait, for all types and for those that are `Clone`: naming the
/// method is ambiguous, and does not compile, if a type is.
macro_rules! assert_not_clone {
    ($($of:ty),*) => {$({
        trait AmbiguousIfClone<Marker> {
            fn check() {}
        }
        impl<T> AmbiguousIfClone<()> for T {}
        impl<T: Clone> AmbiguousIfClone<u8> for T {}
        <$of>::check();
    })*};
}

#[test]
fn what_holds_secrets_is_not_copied_and_may_be_shared() {
    fn shared<T: Send + Sync>() {}
    assert_not_clone!(Keyring, ScopeKeyring, Opened, By);
    shared::<Keyring>();
    shared::<ScopeKeyring>();
    shared::<Opened>();
    shared::<Record>();
}
