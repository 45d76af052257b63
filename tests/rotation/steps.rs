//! The steps of the model: each is one call to the store, and what the process does with the answer.

use crate::rules::{Doubts, Rules};
use crate::state::{FIRST, FORGED, Next, Process, Record, Ring, Role, State, Write};

/// The revision of what is imported, which is higher than what is written.
const IMPORTED: u8 = 200;

/// One step, for a trace: who did it, in words, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) role: Option<Role>,
    pub(crate) what: &'static str,
    pub(crate) slot: Option<u8>,
    /// The error that the caller was given, if the step ends a call with one.
    pub(crate) error: Option<Fault>,
}

/// How a call ends if it does not end well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// This record does not open.
    Unreadable(Record),
    /// A rotation says that it is done, and a key of its beginning still opens.
    NotDestroyed,
}

/// Calls `each` with every state that one step leads to.
pub(crate) fn steps(rules: &Rules, state: &State, each: &mut impl FnMut(State, Step)) {
    if let Some(write) = state.late {
        let mut next = *state;
        next.late = None;
        each(
            next,
            Step { role: None, what: "the store drops a late write", slot: None, error: None },
        );
        if next.carry_out(rules, &write) == Answer::Applied {
            let (what, slot) = ("the store carries out a late write", Some(write.slot));
            each(next, Step { role: None, what, slot, error: None });
        }
    }
    for (i, process) in state.processes.iter().enumerate() {
        let Some(process) = process else { continue };
        let mut done = |mut next: State, process: Process, what, slot, error| {
            next.processes[i] = Some(process);
            each(next, Step { role: Some(process.role), what, slot, error });
        };
        step(rules, state, process, &mut done);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Applied,
    Conflict,
    Fenced,
}

impl State {
    /// A write as the store decides it, in one transaction.
    fn carry_out(&mut self, rules: &Rules, write: &Write) -> Answer {
        if rules.fence && write.fence != self.ring {
            return Answer::Fenced;
        }
        let slot = &mut self.slots[usize::from(write.slot)];
        if *slot != write.expected {
            return Answer::Conflict;
        }
        *slot = Some(write.record);
        Answer::Applied
    }

    /// Writes the keyring if it is the one that the process knows. Returns `false` if it is not.
    fn swap_ring(&mut self, rules: &Rules, process: &mut Process, ring: Ring) -> bool {
        if rules.swap && process.ring != self.ring {
            return false;
        }
        self.store_ring(ring);
        process.ring = self.ring;
        true
    }
}

type Done<'a> = dyn FnMut(State, Process, &'static str, Option<u8>, Option<Fault>) + 'a;

fn step(rules: &Rules, state: &State, process: &Process, done: &mut Done<'_>) {
    let (mut next, mut new) = (*state, *process);
    match process.next {
        Next::Idle if process.left == 0 => {}
        Next::Idle if process.role == Role::Rotator => {
            new.left -= 1;
            new.start = state.ring();
            load(rules, &mut next, &mut new);
            let fault = end(&next, &new);
            done(next, new, "is called, and loads the keyring", None, fault);
        }
        Next::Idle => {
            for slot in 0..state.len {
                new.next = Next::Read { slot, doubted: None };
                let is_own = process.role != Role::Importer || slot == 1;
                let is_forged = state.slots[usize::from(slot)] == Some(FORGED_RECORD);
                if process.role == Role::Reader || is_own && !is_forged {
                    read(rules, state, new, slot, None, done);
                }
            }
        }
        Next::Read { slot, doubted } => read(rules, state, new, slot, doubted, done),
        Next::Doubt { slot, record } => {
            let is_same = process.ring == state.ring;
            new.ring = state.ring;
            if rules.doubts == Doubts::Keyring {
                // Faulty: the record that was read may have been replaced meanwhile.
                let fault = (!state.ring().opens(record.key)).then_some(Fault::Unreadable(record));
                new.next = if process.role == Role::Rotator { Next::Idle } else { idle(&mut new) };
                done(next, new, "loads the keyring, and tries its record", Some(slot), fault);
                return;
            }
            new.next = Next::Read { slot, doubted: is_same.then_some(record) };
            if process.role == Role::Rotator && rules.one_keyring_a_pass && !is_same {
                load(rules, &mut next, &mut new);
            }
            let fault = end(&next, &new);
            let what = if is_same { "finds its keyring unchanged" } else { "loads the keyring" };
            done(next, new, what, Some(slot), fault);
        }
        Next::Load { slot } if process.role == Role::Rotator => {
            load(rules, &mut next, &mut new);
            let fault = end(&next, &new);
            done(next, new, "loads the keyring", Some(slot), fault);
        }
        Next::Load { slot } => {
            new.ring = state.ring;
            new.next = Next::Read { slot, doubted: None };
            done(next, new, "loads the keyring", Some(slot), None);
        }
        Next::Apply(write) => {
            if state.losable > 0 {
                let mut lost = *state;
                lost.losable -= 1;
                lost.late = Some(write);
                done(
                    lost,
                    new,
                    "has no answer to a write, and sends it again",
                    Some(write.slot),
                    None,
                );
            }
            let what = match next.carry_out(rules, &write) {
                Answer::Applied => {
                    match process.role {
                        Role::Rotator => {
                            (new.found, new.next) = (true, after(state, write.slot, true))
                        }
                        _ => new.next = idle(&mut new),
                    }
                    if new.next == Next::Idle { "writes, and is done" } else { "rewraps" }
                }
                Answer::Conflict => {
                    new.next = Next::Read { slot: write.slot, doubted: None };
                    "meets another record, and plans again"
                }
                Answer::Fenced => {
                    new.next = Next::Load { slot: write.slot };
                    "is fenced"
                }
            };
            done(next, new, what, Some(write.slot), None);
        }
        Next::Add => {
            let (known, key) = (state.known(process), state.keys + 1);
            let primary = if rules.added_as_primary { key } else { known.primary };
            let ring = Ring { primary, opens: known.opens | 1 << key };
            if next.swap_ring(rules, &mut new, ring) {
                next.keys = key;
                new.next = if rules.added_as_primary { first(&mut new) } else { Next::Promote };
                done(next, new, "stores the keyring with a new key", None, None);
            } else {
                new.next = Next::Load { slot: 0 };
                done(next, new, "finds another keyring", None, None);
            }
        }
        Next::Promote => {
            let known = state.known(process);
            if next.swap_ring(rules, &mut new, Ring { primary: known.newest(), ..known }) {
                new.next = first(&mut new);
                done(next, new, "stores the keyring with the new key as primary", None, None);
            } else {
                new.next = Next::Load { slot: 0 };
                done(next, new, "finds another keyring", None, None);
            }
        }
        Next::Destroy => {
            let primary = state.known(process).primary;
            if next.swap_ring(rules, &mut new, Ring { primary, opens: 1 << primary }) {
                load(rules, &mut next, &mut new);
                let fault = end(&next, &new);
                done(next, new, "stores the keyring without the other keys", None, fault);
            } else {
                new.next = Next::Load { slot: 0 };
                done(next, new, "finds another keyring", None, None);
            }
        }
    }
}

/// A record that somebody forged.
pub(crate) const FORGED_RECORD: Record = Record { key: FORGED, revision: 1 };

/// Reads a slot, and decides on the next call.
fn read(
    rules: &Rules,
    state: &State,
    mut new: Process,
    slot: u8,
    doubted: Option<Record>,
    done: &mut Done<'_>,
) {
    let (record, known) = (state.slots[usize::from(slot)], state.known(&new));
    if let Some(unopened) = record.filter(|record| !known.opens(record.key)) {
        let is_reported = doubted == Some(unopened) || rules.doubts == Doubts::None;
        if !is_reported {
            new.next = Next::Doubt { slot, record: unopened };
            return done(*state, new, "reads a record that it cannot open", Some(slot), None);
        }
        // A rotation is unfinished then, and ends. The old keys stay.
        new.next = idle(&mut new);
        return done(
            *state,
            new,
            "reports a record",
            Some(slot),
            Some(Fault::Unreadable(unopened)),
        );
    }
    let revision = record.map_or(0, |record| record.revision);
    let seal = |key, revision| {
        let record_new = Record { key, revision };
        Next::Apply(Write { slot, expected: record, record: record_new, fence: new.ring })
    };
    let (what, next) = match new.role {
        Role::Reader => ("reads", idle(&mut new)),
        Role::Writer => ("reads and seals", seal(known.primary, revision + 1)),
        Role::Importer if revision >= IMPORTED => ("imports nothing", idle(&mut new)),
        Role::Importer if !known.opens(FIRST) => {
            // The record in the file needs a key that is destroyed: true if the keyring is current.
            (
                "cannot open its file",
                if new.ring == state.ring { idle(&mut new) } else { Next::Load { slot } },
            )
        }
        Role::Importer if rules.import_reseals => {
            ("reads and seals", seal(known.primary, IMPORTED))
        }
        Role::Importer => ("reads and takes the file's record", seal(FIRST, IMPORTED)),
        Role::Rotator => match record {
            Some(record) if record.key != known.primary => {
                ("reads and seals", seal(known.primary, record.revision))
            }
            _ => ("finds nothing to do", after(state, slot, new.found)),
        },
    };
    new.next = next;
    if new.role == Role::Rotator && matches!(next, Next::Read { slot: 0, .. }) {
        new.found = false;
    }
    done(*state, new, what, Some(slot), None);
}

/// The end of a call. Returns the next call, of which there is none.
fn idle(process: &mut Process) -> Next {
    if process.role == Role::Rotator {
        process.left = 0;
        process.start = Ring::default();
        process.found = false;
    } else {
        process.left -= 1;
    }
    Next::Idle
}

/// The first slot of a rotator's first pass.
fn first(process: &mut Process) -> Next {
    process.found = false;
    Next::Read { slot: 0, doubted: None }
}

/// The call after a slot: the next slot, another pass, or the end of the last pass.
fn after(state: &State, slot: u8, found: bool) -> Next {
    match slot + 1 {
        slot if slot < state.len => Next::Read { slot, doubted: None },
        _ if found => Next::Read { slot: 0, doubted: None },
        _ => Next::Destroy,
    }
}

/// Loads the keyring, and decides what is left of a rotation.
fn load(rules: &Rules, state: &mut State, process: &mut Process) {
    process.ring = state.ring;
    let ring = state.ring();
    process.next = if ring.is_rotating() {
        let is_added = !rules.added_as_primary && ring.newest() != ring.primary;
        if is_added { Next::Promote } else { first(process) }
    } else if process.start.opens & ring.opens != 0
        && (rules.one_rotation_of_its_own || !process.start.is_rotating())
    {
        Next::Add
    } else {
        Next::Idle
    };
}

/// Returns the fault of a rotation that says it is done and is not.
fn end(state: &State, process: &Process) -> Option<Fault> {
    let is_done = process.next == Next::Idle && process.start.opens & state.ring().opens != 0;
    is_done.then_some(Fault::NotDestroyed)
}
