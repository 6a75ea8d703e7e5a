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
pub(crate) fn scrub() {
    overwrite::<{ 16 << 10 }>();
}

/// As [`scrub`], for whoever has served a request as a whole: persons that records, questions and answers were about.
pub(crate) fn scrub_all() {
    overwrite::<{ 64 << 10 }>();
}

/// Whoever looks at it from behind the black box would find zeros: they are written.
#[inline(never)]
fn overwrite<const OCTETS: usize>() {
    let mut left = [0_u8; OCTETS];
    std::hint::black_box(&mut left);
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
