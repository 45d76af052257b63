//! The state of the model: what the store holds, and what each process knows.

/// The most generations, slots and processes of a setting.
pub(crate) const GENERATIONS: usize = 9;
pub(crate) const SLOTS: usize = 3;
pub(crate) const PROCESSES: usize = 6;

/// A generation of the keyring: which key seals, and which open, as bits. The other keys are destroyed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Ring {
    pub(crate) primary: u8,
    pub(crate) opens: u8,
}

impl Ring {
    pub(crate) fn opens(self, key: u8) -> bool {
        self.opens >> key & 1 == 1
    }

    /// Returns `true` if a rotation is under way.
    pub(crate) fn is_rotating(self) -> bool {
        self.opens.count_ones() > 1
    }

    /// The key that was added last.
    pub(crate) fn newest(self) -> u8 {
        7 - self.opens.leading_zeros() as u8
    }
}

/// A record: the key that it is under, and its revision. A rewrap keeps the revision. No two writes that
/// the store carries out have both in common, so they tell records apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub(crate) struct Record {
    pub(crate) key: u8,
    pub(crate) revision: u8,
}

/// A write under way: it is carried out if the slot still holds what was read, and if the keyring
/// is still the one that it was sealed under.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Write {
    pub(crate) slot: u8,
    pub(crate) expected: Option<Record>,
    pub(crate) record: Record,
    pub(crate) fence: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Role {
    Writer,
    Reader,
    Rotator,
    Importer,
}

/// The next call of a process to the store. What a process does between two calls, nobody sees.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Next {
    /// Nothing yet, or nothing more.
    Idle,
    /// Reads a slot. `doubted` is a record that did not open while the keyring was the same.
    Read { slot: u8, doubted: Option<Record> },
    /// Loads the keyring, since the record of a slot did not open.
    Doubt { slot: u8, record: Record },
    /// Loads the keyring, since it was fenced or lost a race. `slot` is read afterwards.
    Load { slot: u8 },
    /// Writes.
    Apply(Write),
    /// A rotator: writes the keyring with one key more.
    Add,
    /// The same, if a key is added first and made primary later.
    Promote,
    /// Writes the keyring without the other keys.
    Destroy,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Process {
    pub(crate) role: Role,
    /// The generation that it has loaded.
    pub(crate) ring: u8,
    pub(crate) next: Next,
    /// The number of calls that its user still makes.
    pub(crate) left: u8,
    /// A rotator: the keys that opened when it was called, which are to be destroyed.
    pub(crate) start: Ring,
    /// A rotator: this pass has found a record under another key.
    pub(crate) found: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct State {
    pub(crate) rings: [Ring; GENERATIONS],
    /// The generation that the store holds. Generations are numbered from 0.
    pub(crate) ring: u8,
    pub(crate) slots: [Option<Record>; SLOTS],
    /// How many slots there are.
    pub(crate) len: u8,
    pub(crate) keys: u8,
    /// A write whose caller had no answer, and which the store carries out later, or never.
    pub(crate) late: Option<Write>,
    /// How many answers may still be lost.
    pub(crate) losable: u8,
    pub(crate) processes: [Option<Process>; PROCESSES],
}

impl State {
    pub(crate) fn ring(&self) -> Ring {
        self.rings[usize::from(self.ring)]
    }

    pub(crate) fn known(&self, process: &Process) -> Ring {
        self.rings[usize::from(process.ring)]
    }

    /// Stores a next generation of the keyring.
    pub(crate) fn store_ring(&mut self, ring: Ring) {
        self.ring += 1;
        self.rings[usize::from(self.ring)] = ring;
    }

    /// Returns the slot of a record that nobody can open any more.
    pub(crate) fn lost(&self) -> Option<usize> {
        let unreadable = |record: &Option<Record>| {
            record.is_some_and(|record| record.key != FORGED && !self.ring().opens(record.key))
        };
        self.slots.iter().position(unreadable)
    }

    /// Returns one state for all that differ only in the order of the processes of one role, and in
    /// generations that no process knows any more.
    pub(crate) fn canonical(mut self) -> Self {
        let known = |ring| self.processes.iter().flatten().any(|process| process.ring == ring);
        let late = self.late.map(|write| write.fence);
        let (mut rings, mut count, mut names) =
            ([Ring::default(); GENERATIONS], 0, [0; GENERATIONS]);
        for ring in 0..=self.ring {
            if ring == self.ring || known(ring) || late == Some(ring) {
                rings[usize::from(count)] = self.rings[usize::from(ring)];
                names[usize::from(ring)] = count;
                count += 1;
            }
        }
        let rename = |ring: &mut u8| *ring = names[usize::from(*ring)];
        for process in self.processes.iter_mut().flatten() {
            rename(&mut process.ring);
            if let Next::Apply(write) = &mut process.next {
                rename(&mut write.fence);
            }
        }
        self.late.iter_mut().for_each(|write| rename(&mut write.fence));
        rename(&mut self.ring);
        self.rings = rings;
        self.processes.sort_unstable();
        self
    }
}

/// The key of a record that somebody forged. No keyring has it.
pub(crate) const FORGED: u8 = 0;
/// The key at the beginning, and of what is imported.
pub(crate) const FIRST: u8 = 1;
