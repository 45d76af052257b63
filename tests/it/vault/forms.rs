//! Authors with open forms, while a rotation seals their records again and again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;

use secrets_toml::store::MemoryStore;
use secrets_toml::vault::{Expected, Scopes, Vault, VaultError};

use crate::full::times;
use crate::seal::{install, revision, secrets};
use crate::vault::Rings;

/// A conflict is reported only if another author has saved since the form was opened.
#[test]
fn a_rotation_disturbs_no_open_form() {
    let saves = times(10_000);
    let (store, rings) = (MemoryStore::new(), Rings::new());
    let scopes = ["acme", "initech", "umbrella"].map(install);
    let vault = |turn| Vault::new(&store, rings.load(turn)).keep_history(2).unwrap();
    for scope in &scopes {
        vault(0).put(scope, &secrets(), Expected::Absent).unwrap();
    }
    let (saved, over_a_rewrap, rewrapped) =
        (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let ended = AtomicBool::new(false);
    // The threads may run one after the other. So the authors go on until saves and rewraps have met.
    let has_met = || over_a_rewrap.load(Relaxed) > 0 && rewrapped.load(Relaxed) > saves / 10;
    let goes_on = || match saved.load(Relaxed) {
        count if count < saves => true,
        count => count < 100 * saves && !has_met(),
    };
    thread::scope(|threads| {
        let authors = [0, 1, 2, 3, 4, 5, 6, 7].map(|author| {
            let (vault, scope) = (vault(author), &scopes[author % 3]);
            let (saved, over_a_rewrap, goes_on) = (&saved, &over_a_rewrap, &goes_on);
            threads.spawn(move || {
                while goes_on() {
                    let form = vault.get(scope).unwrap().unwrap();
                    thread::yield_now();
                    match vault.put(scope, &secrets(), Expected::Revision(form.revision())) {
                        Ok(_) => {
                            saved.fetch_add(1, Relaxed);
                            over_a_rewrap.fetch_add(usize::from(form.rewraps() > 0), Relaxed);
                        }
                        Err(VaultError::Conflict { current }) => {
                            assert!(current > Some(form.revision()), "another author saved");
                        }
                        Err(error) => panic!("{error:?}"),
                    }
                }
            })
        });
        let (store, rings, rewrapped, ended) = (&store, &rings, &rewrapped, &ended);
        threads.spawn(move || {
            for turn in 0.. {
                if ended.load(Relaxed) {
                    break;
                }
                rewrapped.fetch_add(rings.rewrap(store, turn) as usize, Relaxed);
            }
        });
        let authors = authors.map(thread::ScopedJoinHandle::join);
        ended.store(true, Relaxed);
        assert!(authors.iter().all(Result::is_ok));
    });
    let reader = vault(0);
    let writes =
        scopes.iter().map(|scope| reader.get(scope).unwrap().unwrap().revision().get() - 1);
    assert_eq!(writes.sum::<u64>(), saved.load(Relaxed) as u64, "no save was lost");
    assert!(has_met());
    let verified = reader.verify(Scopes::All).unwrap();
    assert_eq!((verified.documents(), verified.failed()), (3, 0));
    assert!(reader.get_at(&scopes[0], revision(1)).unwrap().is_none(), "two are kept");
}
