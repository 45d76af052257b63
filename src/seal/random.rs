//! The one place where randomness comes from: the operating system.

use zeroize::Zeroizing;

/// 32 fresh bytes, wiped on drop.
pub(super) type Random = Zeroizing<[u8; 32]>;

/// Takes 32 bytes of the operating system.
pub(super) fn random() -> Result<Random, RandomnessError> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(random.as_mut_slice()).map_err(RandomnessError)?;
    Ok(random)
}

/// The operating system gave no randomness, so nothing was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct RandomnessError(#[source] getrandom::Error);
