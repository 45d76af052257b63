//! A text that is not a locked keyring, or that was changed, cannot be unlocked.

use arbitrary::Unstructured;
use secrets_toml::seal::{Custody, Keyring, Lock, LockedKeyring};

const KEY: [u8; 32] = [9; 32];

fn custody(lock: Lock<'_>) -> Custody<'_> {
    Custody::new("test").and_then(|custody| custody.lock("host", lock)).expect("valid names")
}

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(locked) = LockedKeyring::parse(text) {
        let _ = format!("{locked:?}");
        assert!(locked.unlock(&custody(Lock::raw(&KEY))).is_err(), "it was never locked");
    }
    let mut keyring = Keyring::from_bytes([7; 32]);
    let locked = keyring.lock(&custody(Lock::raw(&KEY))).expect("there is randomness");
    let mut changed = locked.clone();
    for (place, character) in
        Unstructured::new(data).arbitrary_iter::<(u16, char)>().into_iter().flatten().flatten()
    {
        let at = (0..changed.len())
            .cycle()
            .skip(usize::from(place))
            .find(|&at| changed.is_char_boundary(at));
        if let Some(at) = at {
            changed.insert(at, character);
        }
    }
    let opened = LockedKeyring::parse(&changed)
        .ok()
        .and_then(|locked| locked.unlock(&custody(Lock::raw(&KEY))).ok());
    assert!(opened.is_none_or(|opened| opened.primary() == keyring.primary()));
}
