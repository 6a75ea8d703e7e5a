//! CDP.
