//! Randomness. All of it comes from the operating system, through the one function of this file.

use std::io;

use zeroize::Zeroizing;

/// 32 fresh bytes, wiped on drop.
pub(super) type Random = Zeroizing<[u8; 32]>;

/// Reads 32 bytes from the operating system's random generator.
pub(super) fn random() -> io::Result<Random> {
    let mut random = Zeroizing::new([0; 32]);
    getrandom::fill(random.as_mut_slice())?;
    Ok(random)
}
