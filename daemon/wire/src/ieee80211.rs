//! IEEE 802.11 MAC header.
