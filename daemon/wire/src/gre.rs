//! GRE.
