//! Random numbers, the same ones in every run, and how many of them a run takes.

/// A small generator of random numbers (xorshift), the same ones in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// How often a test rolls: `full` times if `SECRETS_TOML_FULL` is set, otherwise a tenth of that.
pub(crate) fn times(full: usize) -> usize {
    if std::env::var_os("SECRETS_TOML_FULL").is_some() { full } else { full / 10 }
}
