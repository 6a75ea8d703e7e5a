//! MLD.
