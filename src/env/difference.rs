//! The difference between two environments: names, never a value.

use std::fmt;

use crate::env::environment::Env;

impl Env {
    /// Returns the names to set and to unset in a process that has the variables of `earlier`, so
    /// that it has those of this `Env`.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::Document;
    ///
    /// let earlier = Document::parse("PAT = 'hunter2'\nPORT = 80\nMODEL = 'small'\n")?.env()?;
    /// let env = Document::parse("PAT = 'hunter3'\nPORT = 80\nNEW = 1\n")?.env()?;
    ///
    /// let changes = env.changes_since(&earlier);
    /// assert!(changes.set().eq(["PAT", "NEW"]));
    /// assert!(changes.unset().eq(["MODEL"]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn changes_since<'a>(&'a self, earlier: &'a Self) -> EnvChanges<'a> {
        let set = self.iter().filter(|&(name, value)| earlier.get(name) != Some(value));
        let unset = earlier.iter().filter(|&(name, _)| self.get(name).is_none());
        let name = |(name, _): (&'a str, &'a str)| name;
        EnvChanges { set: set.map(name).collect(), unset: unset.map(name).collect() }
    }
}

/// The names that differ between two environments, from [`Env::changes_since`].
///
/// It has no value. [`Env::get`] of the newer environment has the values to set.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvChanges<'a> {
    set: Vec<&'a str>,
    unset: Vec<&'a str>,
}

impl<'a> EnvChanges<'a> {
    /// The names that are new or have another value, in the order of the newer environment.
    pub fn set(&self) -> impl ExactSizeIterator<Item = &'a str> {
        self.set.iter().copied()
    }

    /// The names that are not a variable any more, in the order of the earlier environment.
    pub fn unset(&self) -> impl ExactSizeIterator<Item = &'a str> {
        self.unset.iter().copied()
    }

    /// Returns `true` if both environments have the same variables with the same values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }
}

impl fmt::Debug for EnvChanges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvChanges").field("set", &self.set).field("unset", &self.unset).finish()
    }
}
