//! GENEVE.
