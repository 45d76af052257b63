//! The rules of the protocol, each of which can be left out.

/// The rules that the processes keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// A write carries the keyring that it was sealed under.
    pub(crate) fence: bool,
    /// The keyring is written by compare-and-swap, not whatever is stored.
    pub(crate) swap: bool,
    /// A key is made primary in the write that adds it, not in a second one.
    pub(crate) added_as_primary: bool,
    /// Before a reader reports a record, it loads the keyring and reads the record again.
    pub(crate) doubts: Doubts,
    /// An import seals under the primary key.
    pub(crate) import_reseals: bool,
    /// A rotator that loads another keyring in the middle of a pass begins the pass again.
    pub(crate) one_keyring_a_pass: bool,
    /// A rotator that has finished another's rotation makes one of its own, if its keys still open.
    pub(crate) one_rotation_of_its_own: bool,
}

/// The steps that a process takes if a record does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Doubts {
    /// Reports it at once.
    None,
    /// Loads the keyring, and tries the record that it has read.
    Keyring,
    /// Loads the keyring, and reads the record again.
    Both,
}

/// The rules of a vault whose keyring is in its store.
pub(crate) const RULES: Rules = Rules {
    fence: true,
    swap: true,
    added_as_primary: true,
    doubts: Doubts::Both,
    import_reseals: true,
    one_keyring_a_pass: true,
    one_rotation_of_its_own: true,
};
