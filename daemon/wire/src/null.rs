//! BSD loopback.
