//! Secret octets.

use zeroize::Zeroize;

use crate::Error;

/// 32 secret octets on the heap, cleared when dropped. They are never moved, copied or printed.
pub(crate) struct Secret(Box<[u8; 32]>);

impl Secret {
    /// A place to read a key into.
    pub(crate) fn zero() -> Secret {
        Secret(Box::new([0; 32]))
    }

    /// A fresh key.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub(crate) fn random() -> Result<Secret, Error> {
        let mut secret = Secret::zero();
        getrandom::fill(secret.0.as_mut_slice()).map_err(|_| Error::Random)?;
        Ok(secret)
    }

    /// The octets.
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The octets, to be filled.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8; 32] {
        &mut self.0
    }
}

/// Overwrites what the functions that were called before have left on the stack: copies of keys and of what is derived from
/// them. It reaches below the frame of whoever calls it, so it is called when they have returned.
#[inline(never)]
pub(crate) fn scrub() {
    // Whoever looks at it from behind the black box would find zeros: they are written.
    let mut left = [0_u8; STACK_LEFT];
    std::hint::black_box(&mut left);
}

/// More than key schedules, sealing and hashing take of the stack, octets.
const STACK_LEFT: usize = 16 << 10;

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
