//! Only bytes that were sealed for a scope open in it: no arbitrary bytes, and no changed record.

use arbitrary::{Arbitrary, Unstructured};
use secrets_toml::Document;
use secrets_toml::seal::{Header, Keyring, Revision, Scope};

#[derive(Arbitrary)]
enum Change {
    Byte(u16, u8),
    Cut(u16),
    Append(Vec<u8>),
    Insert(u16, u8),
}

pub(crate) fn check(data: &[u8]) {
    let keyring = Keyring::from_bytes([7; 32]);
    let scope = Scope::module("chat").expect("a good name");
    assert!(keyring.open(&scope, data).is_err(), "it was never sealed");
    let _ =
        (Header::parse(data), keyring.rewrap(&scope, data), keyring.for_scope(&scope).open(data));

    let secrets = Document::parse("a = 'hunter2'").expect("well-formed").validate();
    let secrets = secrets.expect("nothing is blank");
    let sealed = keyring.seal(&scope, Revision::FIRST, &secrets).expect("there is randomness");
    let mut record = sealed.as_bytes().to_vec();
    for change in Unstructured::new(data).arbitrary_iter::<Change>().into_iter().flatten().flatten()
    {
        let at = |place: u16| usize::from(place) % record.len().max(1);
        match change {
            Change::Byte(place, mask) if !record.is_empty() => {
                let at = at(place);
                record[at] ^= mask
            }
            Change::Cut(place) => record.truncate(at(place)),
            Change::Append(bytes) => record.extend(bytes),
            Change::Insert(place, byte) => record.insert(at(place), byte),
            Change::Byte(..) => {}
        }
    }
    assert_eq!(keyring.open(&scope, &record).is_ok(), record == sealed.as_bytes());
}
