//! A key from a passphrase: Argon2id, and how much of it.

#[cfg(feature = "passphrase")]
use argon2::{Algorithm, Argon2, Block, Params, Version};
#[cfg(feature = "passphrase")]
use zeroize::Zeroizing;

/// Memory, in KiB, from OWASP's least for two passes to what a server can spare for one login.
const M_KIB: std::ops::RangeInclusive<u32> = 19 * 1024..=1024 * 1024;
const T: std::ops::RangeInclusive<u32> = 2..=16;
const P: std::ops::RangeInclusive<u32> = 1..=16;
/// Passes times memory, in KiB: a few seconds of work, so that a text from a stranger cannot ask
/// for minutes.
const MAX_WORK_KIB: u64 = 4 * 1024 * 1024;

/// What one guess at a passphrase costs: the parameters of Argon2id (RFC 9106, version 0x13).
///
/// The default is 64 MiB, 3 passes, 4 lanes, RFC 9106's second recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassphraseCost {
    m_kib: u32,
    t: u32,
    p: u32,
}

impl PassphraseCost {
    /// Memory in KiB, passes, and lanes.
    ///
    /// # Errors
    ///
    /// Below 19 MiB, 2 passes, 1 lane; above 1 GiB, 16 passes, 16 lanes; and where passes times
    /// memory exceed 4 GiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::PassphraseCost;
    ///
    /// assert_eq!(PassphraseCost::new(65_536, 3, 4)?, PassphraseCost::default());
    /// let error = PassphraseCost::new(1024, 3, 4).unwrap_err();
    /// assert_eq!(error.to_string(), "m_kib is 1024; it has to be 19456 to 1048576");
    /// # Ok::<(), secrets_toml::seal::PassphraseCostError>(())
    /// ```
    pub fn new(m_kib: u32, t: u32, p: u32) -> Result<Self, PassphraseCostError> {
        for (field, value, range) in [("m_kib", m_kib, M_KIB), ("t", t, T), ("p", p, P)] {
            if !range.contains(&value) {
                let (min, max) = range.into_inner();
                return Err(PassphraseCostError(Fault::Range { field, value, min, max }));
            }
        }
        if u64::from(m_kib) * u64::from(t) > MAX_WORK_KIB {
            return Err(PassphraseCostError(Fault::Work));
        }
        Ok(Self { m_kib, t, p })
    }

    /// The memory, in KiB.
    #[must_use]
    pub fn m_kib(&self) -> u32 {
        self.m_kib
    }

    /// The passes over it.
    #[must_use]
    pub fn t(&self) -> u32 {
        self.t
    }

    /// The lanes.
    #[must_use]
    pub fn p(&self) -> u32 {
        self.p
    }

    /// The key of a passphrase; `None` where there is not enough memory. The matrix is taken with
    /// `try_reserve`, handed in, and wiped.
    #[cfg(feature = "passphrase")]
    pub(super) fn derive(self, passphrase: &[u8], salt: &[u8; 16]) -> Option<Zeroizing<[u8; 32]>> {
        let mut key = Zeroizing::new([0; 32]);
        let params = Params::new(self.m_kib, self.t, self.p, Some(key.len())).ok()?;
        let blocks = params.block_count();
        let mut matrix = Zeroizing::new(Vec::new());
        matrix.try_reserve_exact(blocks).ok()?;
        matrix.resize(blocks, Block::new());
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(passphrase, salt, &mut key[..], &mut matrix[..])
            .ok()?;
        Some(key)
    }
}

impl Default for PassphraseCost {
    fn default() -> Self {
        Self { m_kib: 64 * 1024, t: 3, p: 4 }
    }
}

/// Parameters of Argon2id that are too weak, or that ask for too much.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct PassphraseCostError(Fault);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("{field} is {value}; it has to be {min} to {max}")]
    Range { field: &'static str, value: u32, min: u32, max: u32 },
    #[error("t times m_kib exceed 4 GiB")]
    Work,
}
