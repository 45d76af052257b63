//! The keys that the library derives, derived once more: tests search freed blocks for them.

use base64ct::{Base64, Encoding};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit as _};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use sha2::block_api::compress256;

pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().to_vec()
}

pub(crate) fn scope_key(key: &[u8], scope: &[u8]) -> Vec<u8> {
    mac(key, &[b"secrets-toml/v1 scope\0", scope])
}

pub(crate) fn aead_key(scope_key: &[u8], commitment: &[u8]) -> Vec<u8> {
    mac(scope_key, &[b"encrypt", commitment])
}

/// The hash state of HMAC under a key, which is as good as the key. `pad` is the byte of its first
/// block.
pub(crate) fn state(key: &[u8], pad: u8) -> Vec<u8> {
    let mut block = [pad; 64];
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    let mut state = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    compress256(&mut state, &[block]);
    state.iter().flat_map(|word: &u32| word.to_ne_bytes()).collect()
}

/// Opens the ring key of a text whose last lock is the raw key `kek`, and is named `host`.
pub(crate) fn ring_key(text: &str, deployment: &str, kek: &[u8]) -> [u8; 32] {
    let field = opened(kek, &lock_scope(deployment), &sealed(text));
    assert_eq!(field[..5], [6, 0, 0, 0, 32]);
    field[5..37].try_into().unwrap()
}

/// Opens the keys of a text with one lock. Destroyed keys are left out.
pub(crate) fn keys(text: &str, deployment: &str, ring_key: &[u8]) -> Vec<[u8; 32]> {
    let record = records(text).next().unwrap();
    let field = opened(ring_key, &keys_scope(text, deployment), &record);
    let count = u16::from_be_bytes([field[5], field[6]]);
    assert_eq!((field[0], &field[1..5]), (5, &(2 + 49 * u32::from(count)).to_be_bytes()[..]));
    let entries = field[7..].chunks_exact(49).take(count.into());
    let keys = entries.map(|entry| entry[17..].try_into().unwrap());
    keys.filter(|key| *key != [0; 32]).collect()
}

/// Decrypts a record.
fn opened(key: &[u8], scope: &[u8], record: &[u8]) -> Vec<u8> {
    let key = aead_key(&scope_key(key, scope), &record[72..104]);
    let cipher = ChaCha20Poly1305::new_from_slice(&key).unwrap();
    let (mut body, aad) =
        (record[104..record.len() - 16].to_vec(), [&record[..104], scope].concat());
    let tag = record[record.len() - 16..].try_into().unwrap();
    cipher.decrypt_inout_detached(&[0; 12].into(), &aad, body.as_mut_slice().into(), tag).unwrap();
    body
}

/// The scope of a lock of a key, which is named `host`.
pub(crate) fn lock_scope(deployment: &str) -> Vec<u8> {
    let deployment_len = (deployment.len() as u16).to_be_bytes();
    [b"\x7C", &deployment_len[..], deployment.as_bytes(), b"\0\x04host\0\x03raw"].concat()
}

/// The scope of the keys of a text with one lock, of a key.
pub(crate) fn keys_scope(text: &str, deployment: &str) -> Vec<u8> {
    let lock = sealed(text);
    let len = |bytes: &[u8]| (bytes.len() as u16).to_be_bytes();
    let fields = b"\0\x04host\0\x03raw";
    let deployment_len = len(deployment.as_bytes());
    [b"\x7D", &deployment_len[..], deployment.as_bytes(), &len(fields), fields, &len(&lock), &lock]
        .concat()
}

/// Returns the record of the last lock in a locked keyring's text.
pub(crate) fn sealed(text: &str) -> Vec<u8> {
    records(text).last().unwrap()
}

/// Returns the records of a locked keyring's text: first that of the keys, then those of the locks.
fn records(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("sealed = \""));
    lines.map(|line| Base64::decode_vec(line.trim_end_matches('"')).unwrap())
}
