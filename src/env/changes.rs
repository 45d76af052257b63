//! The changes that the overrides of one query make to an environment.

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
    /// The range of its value in the new buffer.
    value: Range<usize>,
    /// The source that all names displaced by it share, made for the first of them.
    by: Option<Arc<Source>>,
}

impl<'a> Override<'a> {
    pub(crate) fn new(parameter: &'a str, variable: &'a str, displaces: &'a [String]) -> Self {
        Self { parameter, variable, displaces, position: 0, value: 0..0, by: None }
    }

    /// Sets the position of its field in the query, and the range of its value in the new buffer.
    pub(crate) fn supplied(self, position: usize, value: Range<usize>) -> Self {
        Self { position, value, ..self }
    }

    fn source(&self) -> Source {
        Source::Query { parameter: self.parameter.to_owned() }
    }
}

/// The change of one name.
struct Change<'a> {
    name: &'a str,
    /// The index of the override that makes it.
    by: usize,
    /// `true` if the override displaces the name, `false` if it gives it a value.
    displaces: bool,
    /// The change was applied.
    is_done: bool,
}

/// The effect of a change on a name.
pub(super) enum Effect {
    /// It has a new value.
    Set { value: Range<usize>, source: Source },
    /// It is displaced.
    Displaced { by: Arc<Source> },
}

/// The changes of all names that overrides set or displace.
///
/// - If several parameters override the same variable, the last one in the query counts. The others
///   neither override nor displace.
/// - A name that is set is not displaced.
/// - If several overrides displace a name, the source is the one that was allowed first.
pub(super) struct Changes<'a> {
    overrides: Vec<Override<'a>>,
    /// One per name. Those that set a name come before those that displace one.
    changes: Vec<Change<'a>>,
    names: Names,
}

impl<'a> Changes<'a> {
    pub(super) fn of(overrides: Vec<Override<'a>>) -> Self {
        let displaced = overrides.iter().map(|one| one.displaces.len()).sum::<usize>();
        let most = overrides.len() + displaced;
        let changes = Vec::with_capacity(most);
        let mut all = Self { overrides, changes, names: Names::with_capacity(most) };
        // All names that are set are added before any that is displaced, so that `add` finds them
        // and does not displace them.
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

    /// Adds a change. If there is one of the same name, returns its position instead.
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

    /// Applies the change of a variable. Returns `None` if there is none.
    #[inline]
    pub(super) fn of_variable(&mut self, name: &[u8]) -> Option<Effect> {
        self.find(name).ok().map(|position| self.take(position))
    }

    /// Returns `true` if a name that was displaced before stays displaced, because no override sets
    /// it.
    pub(super) fn keeps_displaced(&mut self, name: &[u8]) -> bool {
        let Ok(position) = self.find(name) else { return true };
        let change = &mut self.changes[position];
        // If an override sets it, the change is not done: it makes a new variable.
        change.is_done |= change.displaces;
        change.displaces
    }

    /// Applies the changes that were not asked for so far: first those that set a name.
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
