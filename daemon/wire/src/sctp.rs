//! SCTP.
