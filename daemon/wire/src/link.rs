//! Link types of captures, and where their frames begin.
