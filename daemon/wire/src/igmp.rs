//! IGMP.
