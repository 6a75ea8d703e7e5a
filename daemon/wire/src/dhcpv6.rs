//! DHCPv6.
