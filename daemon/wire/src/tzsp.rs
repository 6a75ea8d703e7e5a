//! TZSP.
