//! Locked keyrings: what comes back, and what is refused.

use proptest::prelude::*;
#[cfg(feature = "passphrase")]
use secrets_toml::seal::PassphraseCost;
use secrets_toml::seal::{Custody, KmsKey, Lock, LockError, LockedKeyring, OpenError};

use crate::chain;
use crate::seal::{custody, keyring, revision, secrets, version};

const KEK: [u8; 32] = [0x33; 32];
const MAX_LOCKED_LEN: usize = 256 * 1024;

fn raw() -> String {
    keyring().lock(&custody(Lock::raw(&KEK))).unwrap()
}

fn kms_key() -> KmsKey {
    KmsKey::new("aws", "alias/secrets").unwrap()
}

fn kms() -> String {
    keyring().lock(&custody(Lock::kms(&kms_key(), b"wrapped", &KEK))).unwrap()
}

#[cfg(feature = "passphrase")]
fn least() -> PassphraseCost {
    PassphraseCost::new(19 * 1024, 2, 1).unwrap()
}

/// A raw text as one under a passphrase, which need not be unlocked.
pub(super) fn argon2id(raw: &str) -> String {
    let fields = "m_kib = 65536\nt = 3\np = 4\nsalt = \"AAAAAAAAAAAAAAAAAAAAAA==\"\n";
    raw.replace("\"raw\"", "\"argon2id\"") + fields
}

fn locks(locked: &LockedKeyring) -> Vec<(&str, &'static str)> {
    locked.locks().collect()
}

#[test]
fn everything_comes_back_and_counts_a_generation() {
    let mut keyring = keyring();
    let record = keyring.seal(&version(), revision(1), &secrets()).unwrap();
    let [active, disabled] = [0; 2].map(|_| keyring.add().unwrap());
    keyring.promote(&active).unwrap();
    keyring.disable(&disabled).unwrap();
    assert_eq!(keyring.generation(), 0);
    for generation in 1..4 {
        let text = keyring.lock(&custody(Lock::raw(&KEK))).unwrap();
        let locked = LockedKeyring::parse(&text).unwrap();
        assert_eq!((locked.deployment(), locked.generation()), ("test", generation));
        assert_eq!(locks(&locked), [("host", "raw")]);
        let again = locked.unlock(&custody(Lock::raw(&KEK))).unwrap();
        assert!(again.entries().eq(keyring.entries()));
        assert_eq!((again.generation(), keyring.generation()), (generation, generation));
        assert!(again.open(&version(), record.as_bytes()).unwrap().is_stale());
        keyring = again;
    }
}

#[test]
fn a_kms_is_given_what_it_needs() {
    let text = kms();
    let locked = LockedKeyring::parse(&text).unwrap();
    assert_eq!(locks(&locked), [("host", "kms")]);
    let key = kms_key();
    assert_eq!((key.provider(), key.key_ref()), ("aws", "alias/secrets"));
    let lock = locked.kms("host", &key).unwrap();
    assert_eq!(lock.wrapped(), b"wrapped");
    let context = [("deployment", "test"), ("secrets-toml", "v1")];
    let custody = custody(Lock::kms(&key, lock.wrapped(), &KEK));
    assert_eq!((lock.context(), custody.context()), (context, context));
    let bytes = b"deployment=test\nsecrets-toml=v1\n";
    assert_eq!((&lock.context_bytes()[..], &custody.context_bytes()[..]), (&bytes[..], &bytes[..]));
    assert!(locked.unlock(&custody).is_ok());

    let refused = |text: &str, name, key: &KmsKey| {
        let locked = LockedKeyring::parse(text).unwrap();
        locked.kms(name, key).unwrap_err().to_string()
    };
    let theirs = KmsKey::new("aws", "alias/theirs").unwrap();
    let other_key = "the keyring is locked with another KMS key than the expected one";
    assert_eq!(refused(&text, "host", &theirs), other_key);
    assert_eq!(refused(&text, "aws", &key), "the keyring has no lock of this name");
    let other_kind = "the keyring is locked with a raw key, not with a KMS key";
    assert_eq!(refused(&raw(), "host", &key), other_kind);
}

#[test]
fn every_lock_opens_and_a_custody_opens_by_the_first_that_is_there() {
    let keks = [[1; 32], [2; 32], [3; 32]];
    let of = |names: &[(&str, usize)]| {
        let custody = Custody::new("test").unwrap();
        names.iter().fold(custody, |custody, (name, kek)| {
            custody.lock(name, Lock::raw(&keks[*kek])).unwrap()
        })
    };
    let mut keyring = keyring();
    let text = keyring.lock(&of(&[("one", 0), ("two", 1)])).unwrap();
    let locked = LockedKeyring::parse(&text).unwrap();
    assert_eq!(locks(&locked), [("one", "raw"), ("two", "raw")]);
    for names in [&[("one", 0)][..], &[("two", 1)], &[("three", 2), ("two", 1)]] {
        assert_eq!(locked.unlock(&of(names)).unwrap().primary(), keyring.primary());
    }
    // The first that is there decides, and no second one is tried.
    let error = locked.unlock(&of(&[("one", 1), ("two", 1)])).unwrap_err();
    assert!(matches!(error.open_error(), Some(OpenError::UnknownKey(_))));
    for names in [&[][..], &[("three", 0)]] {
        let error = locked.unlock(&of(names)).unwrap_err();
        assert_eq!(error.to_string(), "the keyring has no lock of this name");
    }
    let other = Custody::new("other").and_then(|custody| custody.lock("one", Lock::raw(&keks[0])));
    let error = locked.unlock(&other.unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "the keyring belongs to another deployment");
    let error = keyring.lock(&of(&[])).unwrap_err();
    assert_eq!(error.to_string(), "a keyring has 1 to 16 locks");
    assert_eq!(keyring.generation(), 1);
}

#[test]
fn a_custody_has_valid_names() {
    let named = |name: &str| Custody::new("test").unwrap().lock(name, Lock::raw(&KEK));
    let message = |result: Result<Custody<'_>, LockError>| result.unwrap_err().to_string();
    assert_eq!(message(Custody::new("")), "the deployment is empty");
    let long = "the deployment has 256 bytes; at most 255 are allowed";
    assert_eq!(message(Custody::new(&"d".repeat(256))), long);
    assert_eq!(message(named("")), "the name of the lock is empty");
    let long = "the name of the lock has 65 bytes; at most 64 are allowed";
    assert_eq!(message(named(&"n".repeat(65))), long);
    let space = "the name of the lock has white space at its start or end";
    assert_eq!(message(named(" host")), space);
    let twice = named("host").unwrap().lock("host", Lock::raw(&KEK));
    assert_eq!(message(twice), "two locks have the same name");
    let mut custody = Custody::new("test").unwrap();
    for i in 0..16 {
        custody = custody.lock(&i.to_string(), Lock::raw(&KEK)).unwrap();
    }
    assert!(keyring().lock(&custody).is_ok());
    assert_eq!(message(custody.lock("16", Lock::raw(&KEK))), "a keyring has 1 to 16 locks");
}

#[cfg(feature = "passphrase")]
#[test]
fn a_passphrase_unlocks_and_another_does_not() {
    let mut keyring = keyring();
    let text = keyring.lock(&custody(Lock::passphrase_at("correct horse", least()))).unwrap();
    let locked = LockedKeyring::parse(&text).unwrap();
    assert_eq!(locks(&locked), [("host", "argon2id")]);
    let again = locked.unlock(&custody(Lock::passphrase("correct horse"))).unwrap();
    assert_eq!(again.primary(), keyring.primary());
    for wrong in ["", "correct horse ", "Correct horse"] {
        let error = locked.unlock(&custody(Lock::passphrase(wrong))).unwrap_err();
        assert!(matches!(error.open_error(), Some(OpenError::UnknownKey(_))));
        assert_eq!(chain(&error), "the passphrase of the lock `host` is wrong");
    }
    let error = locked.unlock(&custody(Lock::raw(&KEK))).unwrap_err();
    assert_eq!(error.to_string(), "the keyring is locked with a passphrase, not with a raw key");
    let locked = LockedKeyring::parse(&raw()).unwrap();
    let error = locked.unlock(&custody(Lock::passphrase("correct horse"))).unwrap_err();
    assert_eq!(error.to_string(), "the keyring is locked with a raw key, not with a passphrase");
    let twice = [0; 2].map(|_| keyring.lock(&custody(Lock::passphrase_at("p", least()))).unwrap());
    let salt = |text: &str| text.lines().last().unwrap().to_owned();
    assert_ne!(salt(&twice[0]), salt(&twice[1]));
}

#[cfg(not(feature = "passphrase"))]
#[test]
fn without_the_feature_a_passphrase_is_not_taken() {
    let text = argon2id(&raw());
    let locked = LockedKeyring::parse(&text).unwrap();
    let error = locked.unlock(&custody(Lock::raw(&KEK))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the keyring is locked with a passphrase (which needs the feature `passphrase`), \
         not with a raw key"
    );
}

#[cfg(feature = "passphrase")]
#[test]
fn an_empty_passphrase_locks_nothing() {
    let mut keyring = keyring();
    let error = keyring.lock(&custody(Lock::passphrase(""))).unwrap_err();
    assert_eq!(error.to_string(), "the passphrase is empty");
    assert_eq!(keyring.generation(), 0);
}

#[cfg(feature = "passphrase")]
#[test]
fn the_cost_of_a_passphrase_has_a_floor_and_ceilings() {
    for (m_kib, t, p, message) in [
        (19_455, 2, 1, "m_kib is 19455; it has to be 19456 to 1048576"),
        (1_048_577, 2, 1, "m_kib is 1048577; it has to be 19456 to 1048576"),
        (65_536, 1, 4, "t is 1; it has to be 2 to 16"),
        (65_536, 17, 4, "t is 17; it has to be 2 to 16"),
        (65_536, 3, 0, "p is 0; it has to be 1 to 16"),
        (65_536, 3, 17, "p is 17; it has to be 1 to 16"),
        (1_048_576, 5, 1, "t times m_kib exceed 4 GiB"),
        (u32::MAX, u32::MAX, u32::MAX, "m_kib is 4294967295; it has to be 19456 to 1048576"),
    ] {
        assert_eq!(PassphraseCost::new(m_kib, t, p).unwrap_err().to_string(), message);
    }
    for (m_kib, t, p) in [(19_456, 2, 1), (1_048_576, 4, 16), (262_144, 16, 1)] {
        let cost = PassphraseCost::new(m_kib, t, p).unwrap();
        assert_eq!((cost.m_kib(), cost.t(), cost.p()), (m_kib, t, p));
    }
}

/// Unlocks a text with the KMS key and the wrapped key that it names itself.
fn unlock_unpinned(text: &str, kek: &[u8; 32]) -> LockError {
    let locked = LockedKeyring::parse(text).unwrap();
    let found = |field: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(" = "));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    let Some(provider) = found("provider") else {
        return locked.unlock(&custody(Lock::raw(kek))).unwrap_err();
    };
    let key = KmsKey::new(&provider, &found("key_ref").unwrap()).unwrap();
    let wrapped = locked.kms("host", &key).unwrap().wrapped();
    locked.unlock(&custody(Lock::kms(&key, wrapped, kek))).unwrap_err()
}

#[test]
fn another_key_or_an_edited_field_unlocks_nothing() {
    for text in [raw(), kms()] {
        let error = unlock_unpinned(&text, &[0x34; 32]);
        assert!(matches!(error.open_error(), Some(OpenError::UnknownKey(_))));
    }
    for (field, edited) in
        [("\"aws\"", "\"gcp\""), ("alias/secrets", "alias/other"), ("d3JhcHBlZA==", "d3JhcHBlZQ==")]
    {
        let text = kms();
        assert!(text.contains(field));
        let error = unlock_unpinned(&text.replace(field, edited), &KEK);
        assert_eq!(error.open_error(), Some(&OpenError::Mismatch));
        assert_eq!(
            chain(&error),
            "the sealed keys were not opened: \
             the record belongs to another scope, or its header was altered"
        );
    }
}

#[test]
fn the_key_of_a_kms_is_pinned() {
    let text = kms();
    let locked = LockedKeyring::parse(&text).unwrap();
    let wrapped = b"wrapped";
    let refused = |provider: &str, key_ref: &str, wrapped: &[u8]| {
        let key = KmsKey::new(provider, key_ref).unwrap();
        let error = locked.unlock(&custody(Lock::kms(&key, wrapped, &KEK))).unwrap_err();
        assert_eq!(error.open_error(), None, "it was refused before any key was used");
        error.to_string()
    };
    let other_key = "the keyring is locked with another KMS key than the expected one";
    assert_eq!(refused("gcp", "alias/secrets", wrapped), other_key);
    assert_eq!(refused("aws", "alias/Secrets", wrapped), other_key);
    assert_eq!(refused("awsa", "lias/secrets", wrapped), other_key);
    let other_wrapped = "the wrapped key is not the one in the keyring's text";
    assert_eq!(refused("aws", "alias/secrets", b""), other_wrapped);
    assert_eq!(refused("aws", "alias/secrets", b"Wrapped"), other_wrapped);

    // Somebody replaces the text by one under a key of theirs, at the same KMS.
    let theirs = KmsKey::new("aws", "alias/theirs").unwrap();
    let text = keyring().lock(&custody(Lock::kms(&theirs, b"wrapped", &KEK))).unwrap();
    let locked = LockedKeyring::parse(&text).unwrap();
    let error = locked.unlock(&custody(Lock::kms(&kms_key(), b"wrapped", &KEK))).unwrap_err();
    assert_eq!(error.to_string(), other_key);
}

/// The key is right each time, so only the kind is wrong.
#[test]
fn a_lock_of_another_kind_unlocks_nothing() {
    let refused = |text: &str, lock: Lock<'_>| {
        let error = LockedKeyring::parse(text).unwrap().unlock(&custody(lock)).unwrap_err();
        assert_eq!(error.open_error(), None);
        error.to_string()
    };
    let key = kms_key();
    let by_kms = Lock::kms(&key, b"wrapped", &KEK);
    let message = "the keyring is locked with a KMS key, not with a raw key";
    assert_eq!(refused(&kms(), Lock::raw(&KEK)), message);
    let message = "the keyring is locked with a raw key, not with a KMS key";
    assert_eq!(refused(&raw(), by_kms), message);
    let error = refused(&argon2id(&raw()), by_kms);
    assert!(error.starts_with("the keyring is locked with a passphrase"), "{error}");
    #[cfg(feature = "passphrase")]
    {
        let message = "the keyring is locked with a KMS key, not with a passphrase";
        assert_eq!(refused(&kms(), Lock::passphrase(&KEK)), message);
    }
}

#[cfg(feature = "passphrase")]
#[test]
fn a_passphrase_takes_its_cost_from_the_text_and_may_be_long() {
    let long = "p".repeat(1 << 20);
    let text = keyring().lock(&custody(Lock::passphrase_at(&long, least()))).unwrap();
    let locked = LockedKeyring::parse(&text).unwrap();
    assert!(locked.unlock(&custody(Lock::passphrase_at(&long, PassphraseCost::default()))).is_ok());
    let error = locked.unlock(&custody(Lock::passphrase(&long[1..]))).unwrap_err();
    assert!(matches!(error.open_error(), Some(OpenError::UnknownKey(_))), "one byte less");
}

#[test]
fn the_fields_of_a_kms_have_limits() {
    let field =
        |provider: &str, key_ref: &str| KmsKey::new(provider, key_ref).unwrap_err().to_string();
    let long =
        |field: &str, len, max| format!("the {field} has {len} bytes; at most {max} are allowed");
    assert_eq!(field("", "k"), "the provider is empty");
    assert_eq!(field(&"p".repeat(65), "k"), long("provider", 65, 64));
    assert_eq!(field("aws\n", "k"), "the provider has a control character");
    assert_eq!(field("aws", ""), "the key_ref is empty");
    assert_eq!(field("aws", &"k".repeat(2049)), long("key_ref", 2049, 2048));
    assert_eq!(field("aws", " k"), "the key_ref has white space at its start or end");
    for wrapped in [vec![], vec![0; 4097]] {
        let mut keyring = keyring();
        let error = keyring.lock(&custody(Lock::kms(&kms_key(), &wrapped, &KEK))).unwrap_err();
        assert_eq!(error.to_string(), "`wrapped` has to be 1 to 4096 bytes long");
        assert_eq!(keyring.generation(), 0);
    }
    // The most of everything still fits.
    let mut keyring = keyring();
    for _ in 1..256 {
        keyring.add().unwrap();
    }
    // A quotation mark takes the most room in the text.
    let key = KmsKey::new(&"\"".repeat(64), &"\"".repeat(2048)).unwrap();
    let mut custody = Custody::new(&"\"".repeat(255)).unwrap();
    for i in 0..16 {
        let name = format!("{}{i:02}", "\"".repeat(62));
        custody = custody.lock(&name, Lock::kms(&key, &[0; 4096], &KEK)).unwrap();
    }
    let text = keyring.lock(&custody).unwrap();
    assert!(text.len() < MAX_LOCKED_LEN, "{} bytes", text.len());
    let again = LockedKeyring::parse(&text).unwrap().unlock(&custody).unwrap();
    assert!(again.entries().eq(keyring.entries()));
}

/// A text that is refused before it is unlocked, and why.
#[track_caller]
fn refused(text: &str, message: &str) {
    assert_eq!(chain(&LockedKeyring::parse(text).unwrap_err()), message);
}

#[test]
fn hostile_texts_are_refused() {
    let (raw, kms, argon2id) = (raw(), kms(), argon2id(&raw()));
    assert!(LockedKeyring::parse(&argon2id).is_ok(), "what is edited below");
    let sealed = |value: &str| {
        let (before, rest) = raw.split_once("sealed = ").unwrap();
        let (_, after) = rest.split_once('\n').unwrap();
        format!("{before}sealed = {value}\n{after}")
    };
    let missing = |line: &str, text: &str| {
        let lines = text.lines().filter(|found| !found.starts_with(line));
        lines.map(|line| line.to_owned() + "\n").collect::<String>()
    };

    let long = raw.clone() + &"#".repeat(MAX_LOCKED_LEN + 1 - raw.len());
    refused(&long, "the keyring's text is longer than 262144 bytes");
    assert!(LockedKeyring::parse(&long[..MAX_LOCKED_LEN]).is_ok());
    refused(
        "format = ",
        "the keyring's text is not TOML: error: line 1, column 10: a key without a value\n  \
         = help: write `= \"\"`\n",
    );
    refused(&format!("\u{feff}{raw}"), "the keyring's text begins with a byte order mark");
    refused("", "the keyring's text lacks `format`");
    refused(
        &raw.replace("format = 1", "format = 2"),
        "the keyring has a format that this library does not know",
    );
    refused(&raw.replace("format = 1", "format = nan"), "the keyring's `format` is not an integer");
    refused(&missing("deployment", &raw), "the keyring's text lacks `deployment`");
    refused(
        &raw.replace("\"test\"", "\" test\""),
        "in the keyring's text, the deployment has white space at its start or end",
    );
    refused(
        &raw.replace("\"raw\"", "\"none\""),
        "the keyring has a protection that this library does not know",
    );
    refused(&raw.replace("\"raw\"", "1"), "the keyring's `protection` is not a string");
    refused(&missing("protection", &raw), "the keyring's text lacks `protection`");
    refused(&missing("name", &raw), "the keyring's text lacks `name`");
    refused(&missing("sealed", &raw), "the keyring's text lacks `sealed`");
    refused(&raw.replace("\"host\"", "\"\""), "in the keyring's text, the name of a lock is empty");
    let added = "the keyring's text has a field that does not belong there";
    refused(&format!("other = 1\n{raw}"), added);
    refused(&format!("raw = 1\n{raw}"), added);
    refused(&(raw.clone() + "[argon2id]\n"), added);
    refused(&(raw.clone() + "t = 3\n"), added);
    refused(&(kms.clone() + "other = 1\n"), added);
    refused(&(argon2id.clone() + "secret = \"\"\n"), added);
    refused(&(argon2id.clone() + "wrapped = \"\"\n"), added);
    let (head, lock) = raw.split_once("[[lock]]").unwrap();
    refused(head, "the keyring's text lacks `lock`");
    refused(&format!("lock = 1\n{head}"), "the keyring's `lock` is not an array of tables");
    refused(&format!("lock = [1]\n{head}"), "the keyring's `lock` is not an array of tables");
    refused(&format!("lock = []\n{head}"), "a keyring has 1 to 16 locks");
    refused(&format!("{raw}[[lock]]{lock}"), "two locks have the same name");
    let locks: String =
        (0..17).map(|i| format!("[[lock]]{}", lock.replace("host", &i.to_string()))).collect();
    refused(&format!("{head}{locks}"), "a keyring has 1 to 16 locks");

    refused(&sealed("1"), "the keyring's `sealed` is not a string");
    let base64 = "the keyring's `sealed` is not canonical base64";
    refused(&sealed("\"iVNM\\nRA==\""), base64);
    refused(&sealed("\"iVNMRA\""), base64);
    refused(&sealed("\"iVNMRB==\""), base64);
    refused(&sealed("\"iVNM_A==\""), base64);
    refused(
        &sealed(&format!("\"{}\"", "A".repeat(60_000))),
        "the keyring's `sealed` is not a sealed keyring: these bytes are not a sealed record",
    );
    refused(
        &sealed("\"iVNMRA==\""),
        "the keyring's `sealed` is not a sealed keyring: the record is cut off",
    );
    let lock_record = "iVNMRAEBBg";
    assert!(raw.contains(lock_record));
    refused(
        &raw.replace(lock_record, &format!("{}{lock_record}", "A".repeat(8 * 512))),
        "the keyring's `sealed` has a length that is not allowed",
    );
    // A document's record begins like these two, but for its kind.
    for begins in ["iVNMRAEBBQ", lock_record] {
        let document = raw.replace(begins, "iVNMRAEBAQ");
        assert_ne!(document, raw);
        refused(
            &document,
            "the keyring's `sealed` is not a sealed keyring: the record holds another kind of content than is opened here",
        );
    }

    let edit = |from: &str, to: &str, message: &str| {
        assert!(argon2id.contains(from));
        refused(&argon2id.replace(from, to), message);
    };
    let number = |field| format!("the keyring's `{field}` is not an integer of 0 to 4294967295");
    edit("m_kib = 65536", "m_kib = 4294967296", &number("m_kib"));
    edit("m_kib = 65536", "m_kib = -1", &number("m_kib"));
    edit("m_kib = 65536", "m_kib = 65536.0", "the keyring's `m_kib` is not an integer");
    edit("m_kib = 65536", "m_kib = nan", "the keyring's `m_kib` is not an integer");
    edit("m_kib = 65536", "", "the keyring's text lacks `m_kib`");
    edit("p = 4", "p = \"4\"", "the keyring's `p` is not an integer");
    edit(
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "AAAAAAAAAAAAAAAAAAAA",
        "the keyring's `salt` has a length that is not allowed",
    );
    refused(&kms.replace("\"aws\"", "\"\""), "in the keyring's text, the provider is empty");
    refused(
        &kms.replace("d3JhcHBlZA==", ""),
        "the keyring's `wrapped` has a length that is not allowed",
    );
    refused(&missing("key_ref", &kms), "the keyring's text lacks `key_ref`");
}

/// The cost is checked before Argon2id runs, and only of the lock that is opened.
#[cfg(feature = "passphrase")]
#[test]
fn a_hostile_cost_is_refused_when_it_is_used() {
    let argon2id = argon2id(&raw());
    for (from, to, message) in [
        (
            "m_kib = 65536",
            "m_kib = 4294967295",
            "the keyring's m_kib is 4294967295; it has to be 19456 to 1048576",
        ),
        ("m_kib = 65536", "m_kib = 8", "the keyring's m_kib is 8; it has to be 19456 to 1048576"),
        ("t = 3", "t = 1_000_000", "the keyring's t is 1000000; it has to be 2 to 16"),
        ("t = 3", "t = 1", "the keyring's t is 1; it has to be 2 to 16"),
        ("p = 4", "p = 0", "the keyring's p is 0; it has to be 1 to 16"),
        (
            "m_kib = 65536\nt = 3",
            "m_kib = 1048576\nt = 16",
            "the keyring's t times m_kib exceed 4 GiB",
        ),
    ] {
        assert!(argon2id.contains(from));
        let locked = LockedKeyring::parse(&argon2id.replace(from, to)).unwrap();
        let error = locked.unlock(&custody(Lock::passphrase("p"))).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.open_error()), (message, None));
    }
}

proptest! {
    #[test]
    fn any_reference_survives_the_text(
        provider in "\\PC{1,16}|[\0-\u{ff}]{1,16}",
        key_ref in "[\0-\u{ff}\"'\\\\]{1,64}",
        wrapped in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let is_valid = |name: &str| !name.chars().any(char::is_control) && name.trim() == name;
        let key = KmsKey::new(&provider, &key_ref);
        prop_assert_eq!(key.is_ok(), is_valid(&provider) && is_valid(&key_ref));
        if let Ok(key) = key {
            let custody = custody(Lock::kms(&key, &wrapped, &KEK));
            let locked = LockedKeyring::parse(&keyring().lock(&custody).unwrap()).unwrap();
            prop_assert_eq!(locked.kms("host", &key).unwrap().wrapped(), &wrapped[..]);
            prop_assert!(locked.unlock(&custody).is_ok());
        }
    }

    #[test]
    fn no_edit_of_a_text_panics_or_unlocks(at in 0..4000_usize, new in "\\PC") {
        let text = kms();
        let at = at.min(text.len() - 1);
        let edited = format!("{}{new}{}", &text[..at], &text[at + 1..]);
        if let Ok(locked) = LockedKeyring::parse(&edited) {
            // An edit that changes nothing: a comment, white space, or the character itself.
            let unlocked = locked.unlock(&custody(Lock::kms(&kms_key(), b"wrapped", &KEK)));
            let is_layout = edited == text || new.trim().is_empty() || text[at..].starts_with([' ', '\n']);
            prop_assert!(unlocked.is_err() || is_layout);
        }
    }
}
