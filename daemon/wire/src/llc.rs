//! LLC and SNAP headers.
