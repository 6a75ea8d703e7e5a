//! Radiotap header.
