//! An exhaustive model of rotation: every interleaving of writers, readers, rotators, an import, and writes
//! that the store carries out late.
//!
//! The model has the protocol's calls to the store, and no bytes. It visits every state that they
//! lead to. With the rules of this library, no record that was acknowledged becomes unreadable, and
//! no error of a reader is false. If one of the rules is left out, the model finds what goes wrong,
//! and prints the shortest way there.

#![cfg(feature = "vault")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/full.rs"]
mod full;
mod rules;
mod state;
mod steps;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;
use std::hash::{BuildHasherDefault, Hasher};

use rules::{Doubts, RULES, Rules};
use state::{FIRST, GENERATIONS, Next, PROCESSES, Process, Record, Ring, Role, SLOTS, State};
use steps::{FORGED_RECORD, Fault, Step, steps};

/// The processes that take part.
#[derive(Clone, Copy, Debug)]
struct Cast {
    writers: usize,
    /// How often each writer writes.
    writes: u8,
    readers: usize,
    rotators: usize,
    importers: usize,
    /// How many writes are answered by nothing, and carried out later or never.
    late: u8,
    /// Adds a record that nobody can open.
    forged: bool,
}

#[derive(Debug, PartialEq)]
enum Found {
    /// How many states there are, none of which is bad.
    Nothing(usize),
    /// A record that was acknowledged cannot be opened.
    Loss,
    /// A reader was told that a record does not open, and it does, or it is not there any more.
    FalseError,
    /// A rotation is done, and an old key still opens.
    NotDestroyed,
}

fn begin(cast: &Cast) -> State {
    let first = Ring { primary: FIRST, opens: 1 << FIRST };
    let mut rings = [Ring::default(); GENERATIONS];
    rings[0] = first;
    let mut slots = [None; SLOTS];
    slots[0] = Some(Record { key: FIRST, revision: 1 });
    slots[2] = cast.forged.then_some(FORGED_RECORD);
    let of = |role, left| Process {
        role,
        ring: 0,
        next: Next::Idle,
        left,
        start: Ring::default(),
        found: false,
    };
    let all = [
        (cast.writers, of(Role::Writer, cast.writes)),
        (cast.readers, of(Role::Reader, 1)),
        (cast.rotators, of(Role::Rotator, 1)),
        (cast.importers, of(Role::Importer, 1)),
    ];
    let mut all = all.iter().flat_map(|(count, process)| vec![*process; *count]);
    let mut processes = [None; PROCESSES];
    processes.iter_mut().for_each(|process| *process = all.next());
    assert!(all.next().is_none(), "room for everybody");
    State {
        rings,
        ring: 0,
        slots,
        keys: FIRST,
        late: None,
        len: 2 + u8::from(cast.forged),
        losable: cast.late,
        processes,
    }
    .canonical()
}

/// Visits every state, and stops at the first bad one. Prints the way there.
fn explore(rules: &Rules, cast: &Cast) -> Found {
    let start = begin(cast);
    let mut states: Vec<(State, u32, Option<Step>)> = vec![(start, 0, None)];
    let mut seen: HashMap<State, (), BuildHasherDefault<Mix>> = HashMap::default();
    seen.insert(start, ());
    let mut at = 0;
    while at < states.len() {
        let (state, ..) = states[at];
        let mut bad = None;
        steps(rules, &state, &mut |next, step| {
            let found = judge(&state, &next, &step, cast);
            let next = next.canonical();
            if let Entry::Vacant(entry) = seen.entry(next) {
                entry.insert(());
                states.push((next, at as u32, Some(step)));
            }
            if bad.is_none() {
                bad = found.map(|found| (found, step));
            }
        });
        if let Some((found, step)) = bad {
            print(&states, at, &step, &found);
            return found;
        }
        at += 1;
    }
    Found::Nothing(states.len())
}

/// Judges a step. A record in the store was acknowledged, or is about to be.
fn judge(before: &State, after: &State, step: &Step, cast: &Cast) -> Option<Found> {
    if after.lost().is_some() {
        return Some(Found::Loss);
    }
    match step.error? {
        // It is true if the record is there, and no key of the keyring opens it.
        Fault::Unreadable(record) => {
            let is_there = before.slots.contains(&Some(record));
            let is_true = is_there && !before.ring().opens(record.key);
            assert!(cast.forged || !is_true, "a record that was lost is found before it is read");
            (!is_true).then_some(Found::FalseError)
        }
        Fault::NotDestroyed => Some(Found::NotDestroyed),
    }
}

fn print(states: &[(State, u32, Option<Step>)], mut at: usize, last: &Step, found: &Found) {
    let mut way = vec![*last];
    while let (_, parent, Some(step)) = states[at] {
        way.push(step);
        at = parent as usize;
    }
    let mut text = String::new();
    for step in way.iter().rev() {
        let role = step.role.map_or(String::new(), |role| format!("{role:?} "));
        let slot = step
            .slot
            .map_or(String::new(), |slot| format!(" ({})", ["X", "Y", "Z"][usize::from(slot)]));
        writeln!(text, "  {role}{}{slot}", step.what).unwrap();
    }
    println!("{found:?} after {} states:\n{text}", states.len());
}

/// A fast hash; the states are not an attacker's.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u8(*byte));
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 = (self.0.rotate_left(5) ^ u64::from(byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u8(number as u8);
    }
}

const NOBODY: Cast =
    Cast { writers: 0, writes: 1, readers: 0, rotators: 0, importers: 0, late: 0, forged: false };
/// The smallest cast that can lose a record.
const TWO: Cast = Cast { writers: 1, rotators: 1, ..NOBODY };
const THREE: Cast = Cast { writers: 1, rotators: 2, ..NOBODY };

/// Fails unless the rules hold for a cast. `states` is how many states the store and the processes can be
/// in, so that a part of the model that is never reached is noticed.
#[track_caller]
fn holds(rules: &Rules, cast: &Cast, states: usize) {
    assert_eq!(explore(rules, cast), Found::Nothing(states), "{cast:?}");
}

#[test]
fn nothing_is_lost_and_no_error_is_false() {
    for (cast, states) in [
        (TWO, 121),
        (Cast { writers: 2, rotators: 2, ..NOBODY }, 102_498),
        (Cast { writers: 2, writes: 2, ..TWO }, 11_285),
        (Cast { readers: 2, ..TWO }, 1_958),
        (Cast { readers: 1, rotators: 2, ..NOBODY }, 1_636),
        (Cast { importers: 1, rotators: 2, ..NOBODY }, 2_417),
        (Cast { readers: 1, importers: 1, late: 1, ..TWO }, 60_087),
        (Cast { late: 1, ..THREE }, 47_222),
        (Cast { readers: 1, forged: true, ..TWO }, 1_079),
    ] {
        holds(&RULES, &cast, states);
    }
}

/// Millions of states.
#[test]
fn nothing_is_lost_in_a_large_cast() {
    let large = [
        (Cast { writers: 2, readers: 1, ..THREE }, 1_358_511),
        (Cast { writers: 2, late: 1, ..THREE }, 1_248_771),
        (Cast { writers: 2, importers: 1, ..THREE }, 1_829_575),
        (Cast { rotators: 3, ..TWO }, 363_112),
        (Cast { readers: 1, forged: true, ..THREE }, 19_424),
    ];
    for (cast, states) in &large[..if full::times(10) == 10 { large.len() } else { 0 }] {
        holds(&RULES, cast, *states);
    }
}

/// Each rule left out, and what happens then.
#[test]
fn each_rule_is_needed() {
    let reader = Cast { readers: 1, rotators: 2, ..NOBODY };
    let import = Cast { importers: 1, rotators: 1, ..NOBODY };
    let unfenced = Rules { fence: false, ..RULES };
    // A key is added, and promoted when every process has loaded it: but nobody knows when.
    let promoted = Rules { added_as_primary: false, ..unfenced };
    for (rules, cast, expected) in [
        (unfenced, TWO, Found::Loss),
        (unfenced, THREE, Found::Loss),
        (promoted, TWO, Found::Loss),
        (promoted, THREE, Found::Loss),
        (Rules { swap: false, ..RULES }, THREE, Found::Loss),
        (Rules { one_keyring_a_pass: false, ..RULES }, THREE, Found::Loss),
        (Rules { import_reseals: false, ..RULES }, import, Found::Loss),
        (Rules { doubts: Doubts::None, ..RULES }, reader, Found::FalseError),
        (Rules { doubts: Doubts::Keyring, ..RULES }, reader, Found::FalseError),
        (Rules { one_rotation_of_its_own: false, ..RULES }, THREE, Found::NotDestroyed),
    ] {
        assert_eq!(explore(&rules, &cast), expected, "{rules:?} {cast:?}");
    }
}

/// It is the fence that keeps records. Behind it, promoting in a write of its own loses nothing, either;
/// it takes one generation more.
#[test]
fn behind_a_fence_a_promotion_may_be_a_write_of_its_own() {
    let promoted = Rules { added_as_primary: false, ..RULES };
    holds(&promoted, &TWO, 198);
    holds(&promoted, &THREE, 21_342);
}
