//! What the overrides of one query do to the names of an environment.

use std::ops::Range;
use std::sync::Arc;

use crate::env::names::{Names, Vacant};
use crate::env::provenance::Source;

/// A parameter that supplies a value for a variable.
pub(crate) struct Override<'a> {
    parameter: &'a str,
    variable: &'a str,
    displaces: &'a [String],
    /// The position of its field in the query.
    position: usize,
    value: Range<usize>,
    /// The source of all that it displaced: one, however many names that are.
    by: Option<Arc<Source>>,
}

impl<'a> Override<'a> {
    pub(crate) fn new(parameter: &'a str, variable: &'a str, displaces: &'a [String]) -> Self {
        Self { parameter, variable, displaces, position: 0, value: 0..0, by: None }
    }

    /// Sets which field of the query it is, and where the new value is in the new buffer.
    pub(crate) fn supplied(self, position: usize, value: Range<usize>) -> Self {
        Self { position, value, ..self }
    }

    fn source(&self) -> Source {
        Source::Query { parameter: self.parameter.to_owned() }
    }
}

/// What becomes of one name.
struct Change<'a> {
    name: &'a str,
    /// The position of the override that does it.
    by: usize,
    /// Whether the override displaces the name, instead of giving it a value.
    displaces: bool,
    is_done: bool,
}

/// What becomes of a name.
pub(super) enum Effect {
    /// It has a new value.
    Set { value: Range<usize>, source: Source },
    /// It is displaced.
    Displaced { by: Arc<Source> },
}

/// What becomes of each name that overrides set or displace.
///
/// Of several overrides of one variable the last in the query counts, and the others neither
/// override nor displace. What is set is not displaced, and of several overrides that displace a
/// name the first is named.
pub(super) struct Changes<'a> {
    overrides: Vec<Override<'a>>,
    /// No two of the same name; those that set come first.
    changes: Vec<Change<'a>>,
    names: Names,
}

impl<'a> Changes<'a> {
    pub(super) fn of(overrides: Vec<Override<'a>>) -> Self {
        let displaced = overrides.iter().map(|one| one.displaces.len()).sum::<usize>();
        let most = overrides.len() + displaced;
        let changes = Vec::with_capacity(most);
        let mut all = Self { overrides, changes, names: Names::with_capacity(most) };
        for by in 0..all.overrides.len() {
            let Some(other) = all.add(all.overrides[by].variable, by, false) else { continue };
            let before = all.changes[other].by;
            let is_later = all.overrides[by].position > all.overrides[before].position;
            let (wins, loses) = if is_later { (by, before) } else { (before, by) };
            all.changes[other].by = wins;
            all.overrides[loses].displaces = &[];
        }
        for by in 0..all.overrides.len() {
            for name in all.overrides[by].displaces {
                all.add(name, by, true);
            }
        }
        all
    }

    /// Adds a change, or returns the position of the one of the same name.
    #[inline]
    fn add(&mut self, name: &'a str, by: usize, displaces: bool) -> Option<usize> {
        match self.find(name.as_bytes()) {
            Ok(other) => Some(other),
            Err(vacant) => {
                self.names.add(self.changes.len(), &vacant);
                self.changes.push(Change { name, by, displaces, is_done: false });
                None
            }
        }
    }

    /// What becomes of a name that has a value; `None` if nothing does.
    #[inline]
    pub(super) fn of_variable(&mut self, name: &[u8]) -> Option<Effect> {
        self.find(name).ok().map(|position| self.take(position))
    }

    /// Whether a name that was displaced before stays so: nothing gives it a value.
    pub(super) fn keeps_displaced(&mut self, name: &[u8]) -> bool {
        let Ok(position) = self.find(name) else { return true };
        let change = &mut self.changes[position];
        // What sets it is still to be done: it makes a new variable.
        change.is_done |= change.displaces;
        change.displaces
    }

    /// What becomes of the names that nothing was asked about: those that are set come first.
    pub(super) fn for_each_other(mut self, mut run: impl FnMut(&str, Effect)) {
        for position in 0..self.changes.len() {
            if !self.changes[position].is_done {
                run(self.changes[position].name, self.take(position));
            }
        }
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Result<usize, Vacant> {
        self.names.find(name, self.changes.len(), |position| self.changes[position].name)
    }

    fn take(&mut self, position: usize) -> Effect {
        let change = &mut self.changes[position];
        change.is_done = true;
        let one = &mut self.overrides[change.by];
        if !change.displaces {
            return Effect::Set { value: one.value.clone(), source: one.source() };
        }
        let by = match &one.by {
            Some(by) => Arc::clone(by),
            None => Arc::clone(one.by.insert(Arc::new(one.source()))),
        };
        Effect::Displaced { by }
    }
}
