//! Everything that can be done to a record a bit, a byte or a field at a time.

use std::collections::BTreeMap;

use secrets_toml::Template;
use secrets_toml::seal::{By, Contents, Keyring, OpenError, Opened, Revision, Scope};

use crate::seal::{install, keyring, revision, secrets, version};

/// How often each error came up; `opened` if there was none.
#[derive(Default)]
struct Histogram(BTreeMap<&'static str, usize>);

impl Histogram {
    fn count(&mut self, result: Result<Opened, OpenError>) {
        let name = match result {
            Ok(_) => "opened",
            Err(OpenError::NotARecord) => "NotARecord",
            Err(OpenError::Truncated) => "Truncated",
            Err(OpenError::UnsupportedVersion) => "UnsupportedVersion",
            Err(OpenError::UnsupportedSuite) => "UnsupportedSuite",
            Err(OpenError::UnknownKind) => "UnknownKind",
            Err(OpenError::Malformed) => "Malformed",
            Err(OpenError::TrailingBytes) => "TrailingBytes",
            Err(OpenError::UnknownKey(_)) => "UnknownKey",
            Err(OpenError::Mismatch) => "Mismatch",
            Err(OpenError::Tampered) => "Tampered",
            Err(error) => panic!("{error}"),
        };
        *self.0.entry(name).or_default() += 1;
    }

    #[track_caller]
    fn assert(self, expected: &[(&str, usize)]) {
        assert_eq!(self.0.into_iter().collect::<Vec<_>>(), expected);
    }
}

/// A document, a tombstone, and the same as past revisions, each with all fields and 1,144 bytes.
fn each_kind(keyring: &Keyring) -> [(bool, Vec<u8>); 4] {
    let by = || By::author("ada").unwrap().time(1);
    let template = Template::parse("CLARIFAI_PAT = ''").unwrap();
    let secrets = secrets();
    let contents = Contents::new(&secrets).template(&template).by(by());
    let document = keyring.seal(&version(), Revision::FIRST, contents).unwrap().into_bytes();
    let tombstone = keyring.seal_tombstone(&version(), Revision::FIRST, by()).unwrap().into_bytes();
    let past = |record: &[u8]| keyring.seal_past(&version(), record).unwrap().into_bytes();
    let (past_document, past_tombstone) = (past(&document), past(&tombstone));
    [(false, document), (false, tombstone), (true, past_document), (true, past_tombstone)]
}

fn open(keyring: &Keyring, past: bool, record: &[u8]) -> Result<Opened, OpenError> {
    match past {
        true => keyring.open_past(&version(), Revision::FIRST, record),
        false => keyring.open(&version(), record),
    }
}

#[test]
fn every_flipped_bit() {
    let keyring = keyring();
    for (past, mut record) in each_kind(&keyring) {
        assert_eq!(record.len(), 1144);
        let mut histogram = Histogram::default();
        for bit in 0..record.len() * 8 {
            record[bit / 8] ^= 1 << (bit % 8);
            histogram.count(open(&keyring, past, &record));
            record[bit / 8] ^= 1 << (bit % 8);
        }
        histogram.count(open(&keyring, past, &record));
        histogram.assert(&[
            // The reserved byte, the revisions 0 and 2^63, and bodies too long for any.
            ("Malformed", 8 + 2 + 11),
            // The other revisions, the rewraps, the salt, the commitment.
            ("Mismatch", 62 + 32 + 256 + 256),
            ("NotARecord", 32),
            ("Tampered", 1040 * 8),
            // The body's length is 1040, in binary 10000010000: one bit less is 1024, or 16.
            ("TrailingBytes", 2),
            ("Truncated", 19),
            ("UnknownKey", 128),
            ("UnknownKind", 8),
            ("UnsupportedSuite", 8),
            ("UnsupportedVersion", 8),
            ("opened", 1),
        ]);
    }
}

#[test]
fn no_record_opens_in_the_past_and_in_the_present() {
    let keyring = keyring();
    let mut histogram = Histogram::default();
    for (past, mut record) in each_kind(&keyring) {
        assert!(open(&keyring, past, &record).is_ok());
        histogram.count(open(&keyring, !past, &record));
        for kind in 0..=255 {
            record[6] = kind;
            histogram.count(open(&keyring, !past, &record));
        }
    }
    // As it is, and with each other kind: the two of the wrong place are past the kind's check.
    histogram.assert(&[("Mismatch", 4 * 2), ("UnknownKind", 4 * (1 + 254))]);

    // A past record opens at its own revision only.
    let [.., (_, record), _] = each_kind(&keyring);
    let error = keyring.open_past(&version(), revision(2), &record).unwrap_err();
    assert_eq!(error, OpenError::Mismatch);
    let mut moved = record;
    moved[15] = 2;
    let error = keyring.open_past(&version(), revision(2), &moved).unwrap_err();
    assert_eq!(error, OpenError::Mismatch);
    let error = keyring.open_past(&install("acme"), Revision::FIRST, &moved).unwrap_err();
    assert_eq!(error, OpenError::Mismatch);
}

#[test]
fn every_truncation_and_every_further_byte() {
    let (keyring, scope) = (keyring(), version());
    let record = keyring.seal(&scope, Revision::FIRST, &secrets()).unwrap().into_bytes();
    let mut histogram = Histogram::default();
    for len in 0..record.len() {
        histogram.count(keyring.open(&scope, &record[..len]));
    }
    for byte in 0..=255 {
        histogram.count(keyring.open(&scope, &[&record[..], &[byte]].concat()));
    }
    histogram.assert(&[("NotARecord", 4), ("TrailingBytes", 256), ("Truncated", 1140)]);
}

/// A record, with the arguments that it was sealed with.
struct Sealed {
    scope: Scope,
    revision: Revision,
    tombstone: bool,
    record: Vec<u8>,
}

/// A record for every scope, revision and kind, under the primary key.
fn all_under(keyring: &Keyring) -> Vec<Sealed> {
    let mut all = Vec::new();
    for scope in [Scope::module("chat").unwrap(), version(), install("acme"), install("other")] {
        for (revision, tombstone) in
            [(revision(1), false), (revision(1), true), (revision(2), false), (revision(2), true)]
        {
            let record = match tombstone {
                false => keyring.seal(&scope, revision, &secrets()),
                true => keyring.seal_tombstone(&scope, revision, None),
            };
            let record = record.unwrap().into_bytes();
            all.push(Sealed { scope: scope.clone(), revision, tombstone, record });
        }
    }
    all
}

#[test]
fn every_record_opens_under_its_own_key_and_scope_only() {
    let keyrings = [1, 2].map(|key| Keyring::from_bytes([key; 32]));
    let mut histogram = Histogram::default();
    for ours in &keyrings {
        for theirs in &keyrings {
            for (asked, given) in pairs(&all_under(ours), &all_under(theirs)) {
                let opened = ours.open(&asked.scope, &given.record);
                let of_scope = ours.for_scope(&asked.scope).open(&given.record);
                assert_eq!(opened.as_ref().err(), of_scope.as_ref().err());
                let own = std::ptr::eq(ours, theirs) && asked.scope == given.scope;
                assert_eq!(opened.is_ok(), own);
                if let Ok(opened) = &opened {
                    assert_eq!(opened.revision(), given.revision);
                    assert_eq!(opened.is_tombstone(), given.tombstone);
                }
                histogram.count(opened);
            }
        }
    }
    // 16 records against 16, under 2 keys against 2; of one key, a quarter is of the same scope.
    histogram.assert(&[("Mismatch", 384), ("UnknownKey", 512), ("opened", 128)]);
}

#[test]
fn no_splice_of_two_records_opens() {
    // The header with the body's length, the salt, the commitment, the body, the tag.
    const FIELDS: usize = 5;
    let places =
        [(0, 0..36), (0, 68..72), (1, 36..68), (2, 72..104), (3, 104..1128), (4, 1128..1144)];
    // Both keys are in one keyring, so that it is never for want of a key that nothing opens.
    let mut keyring = keyring();
    let mut all = all_under(&keyring);
    let second = keyring.add().unwrap();
    keyring.promote(&second).unwrap();
    all.extend(all_under(&keyring));
    let mut histogram = Histogram::default();
    for (ours, theirs) in pairs(&all, &all) {
        for mask in 0..1 << FIELDS {
            let mut record = ours.record.clone();
            for (_, place) in places.iter().filter(|(field, _)| mask >> field & 1 == 1) {
                record[place.clone()].copy_from_slice(&theirs.record[place.clone()]);
            }
            let result = keyring.open(&ours.scope, &record);
            let whole =
                record == ours.record || (record == theirs.record && ours.scope == theirs.scope);
            assert_eq!(result.is_ok(), whole, "fields {mask:05b}");
            histogram.count(result);
        }
    }
    // 32 records; for each 31 others, 7 of them of the same scope and 3 with the same header.
    let (selves, others, of_scope, of_header) = (32, 32 * 31, 32 * 7, 32 * 3);
    histogram.assert(&[
        ("Mismatch", 26_496),
        // Header, salt and commitment of one record, and of body and tag not both.
        ("Tampered", 3 * (others + of_scope + of_header)),
        // A record with itself, the whole of ours, the whole of theirs, and ours but for a header
        // that is the same.
        ("opened", 32 * selves + others + of_scope + of_header),
    ]);
}

fn pairs<'a>(
    ours: &'a [Sealed],
    theirs: &'a [Sealed],
) -> impl Iterator<Item = (&'a Sealed, &'a Sealed)> {
    ours.iter().flat_map(move |ours| theirs.iter().map(move |theirs| (ours, theirs)))
}
