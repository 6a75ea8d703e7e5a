//! PPI header.
