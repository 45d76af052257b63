//! A key from a passphrase, by Argon2id.

#[cfg(feature = "passphrase")]
use argon2::{Algorithm, Argon2, Block, Params, Version};
#[cfg(feature = "passphrase")]
use zeroize::Zeroizing;

use crate::seal::error::{CostFault, LockError, LockFault};
use crate::seal::format::{M_KIB, MAX_WORK_KIB, P, T};

/// The cost of one guess at a passphrase: the parameters of Argon2id (RFC 9106, version 0x13).
///
/// The default is 64 MiB, 3 passes and 4 lanes, which is RFC 9106's second recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassphraseCost {
    m_kib: u32,
    t: u32,
    p: u32,
}

impl PassphraseCost {
    /// Makes a cost of the memory in KiB, the passes over it, and the lanes.
    ///
    /// # Errors
    ///
    /// Returns [`LockError`] if
    ///
    /// - the memory is not 19 MiB to 1 GiB,
    /// - the passes are not 2 to 16, or the lanes not 1 to 16, or
    /// - passes times memory exceed 4 GiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use secrets_toml::seal::PassphraseCost;
    ///
    /// assert_eq!(PassphraseCost::new(65_536, 3, 4)?, PassphraseCost::default());
    /// let error = PassphraseCost::new(1024, 3, 4).unwrap_err();
    /// assert_eq!(error.to_string(), "m_kib is 1024; it has to be 19456 to 1048576");
    /// # Ok::<(), secrets_toml::seal::LockError>(())
    /// ```
    pub fn new(m_kib: u32, t: u32, p: u32) -> Result<Self, LockError> {
        Ok(Self::checked(m_kib, t, p).map_err(LockFault::Cost)?)
    }

    pub(super) fn checked(m_kib: u32, t: u32, p: u32) -> Result<Self, CostFault> {
        for (field, value, range) in [("m_kib", m_kib, M_KIB), ("t", t, T), ("p", p, P)] {
            if !range.contains(&value) {
                let (min, max) = range.into_inner();
                return Err(CostFault::Range { field, value, min, max });
            }
        }
        if u64::from(m_kib) * u64::from(t) > MAX_WORK_KIB {
            return Err(CostFault::Work);
        }
        Ok(Self { m_kib, t, p })
    }

    /// Returns the memory in KiB.
    #[must_use]
    pub fn m_kib(&self) -> u32 {
        self.m_kib
    }

    /// Returns the number of passes over the memory.
    #[must_use]
    pub fn t(&self) -> u32 {
        self.t
    }

    /// Returns the number of lanes.
    #[must_use]
    pub fn p(&self) -> u32 {
        self.p
    }

    /// Derives the key of a passphrase, or returns `None` if there is not enough memory.
    ///
    /// The matrix is allocated here, with `try_reserve_exact`, so that a lack of memory is an error
    /// and the matrix is wiped.
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
