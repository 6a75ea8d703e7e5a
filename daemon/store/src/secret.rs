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

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
