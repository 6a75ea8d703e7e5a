//! BPDUs.
