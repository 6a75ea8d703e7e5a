//! EAPOL.
