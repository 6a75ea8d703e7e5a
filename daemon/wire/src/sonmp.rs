//! SONMP.
