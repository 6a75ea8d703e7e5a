//! CAPWAP.
