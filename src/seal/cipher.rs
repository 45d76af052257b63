//! The cipher: ChaCha20-Poly1305 (RFC 8439), computed by one of two libraries.
//!
//! `chacha20poly1305` is the default. The feature `aws-lc-rs` selects the library of that name, which
//! gives the same bytes. Only this file knows which one it is.

use crate::seal::format::TAG_LEN;

/// Encrypts in place and returns the tag.
pub(super) fn encrypt(
    key: &[u8; 32],
    nonce: &[u8; 12],
    aad: &[u8],
    buffer: &mut [u8],
) -> [u8; TAG_LEN] {
    library::encrypt(key, nonce, aad, buffer)
}

/// Decrypts in place. If the tag is wrong, returns `false`, and the buffer holds no plaintext: it holds
/// the ciphertext, or with `aws-lc-rs` zeros.
#[must_use]
pub(super) fn decrypt(
    key: &[u8; 32],
    nonce: &[u8; 12],
    aad: &[u8],
    buffer: &mut [u8],
    tag: &[u8; TAG_LEN],
) -> bool {
    library::decrypt(key, nonce, aad, buffer, tag)
}

#[cfg(not(feature = "aws-lc-rs"))]
mod library {
    use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};

    use crate::seal::format::TAG_LEN;

    pub(super) fn encrypt(
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> [u8; TAG_LEN] {
        let cipher = ChaCha20Poly1305::new(key.into());
        let tag = cipher.encrypt_inout_detached(nonce.into(), aad, buffer.into());
        tag.expect("a record is shorter than the cipher's limit of 256 GiB").into()
    }

    pub(super) fn decrypt(
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> bool {
        let cipher = ChaCha20Poly1305::new(key.into());
        // It computes the tag before it writes anything.
        cipher.decrypt_inout_detached(nonce.into(), aad, buffer.into(), tag.into()).is_ok()
    }
}

/// The context with the key is in one block of this library's own, which overwrites it before it
/// frees it.
#[cfg(feature = "aws-lc-rs")]
mod library {
    use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

    use crate::seal::format::TAG_LEN;

    pub(super) fn encrypt(
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> [u8; TAG_LEN] {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = cipher(key).seal_in_place_separate_tag(nonce, Aad::from(aad), buffer);
        let tag = tag.expect("a record is shorter than the cipher's limit of 256 GiB");
        *tag.as_ref().first_chunk().expect("the tag has 16 bytes")
    }

    pub(super) fn decrypt(
        key: &[u8; 32],
        nonce: &[u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> bool {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        // It decrypts and computes the tag at once. If the tag is wrong, it overwrites the buffer.
        cipher(key).open_in_place_separate_tag(nonce, Aad::from(aad), tag, buffer).is_ok()
    }

    fn cipher(key: &[u8; 32]) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key);
        LessSafeKey::new(key.expect("the key has 32 bytes, and memory is left"))
    }
}
