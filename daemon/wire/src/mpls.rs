//! MPLS label stack.
