//! ERSPAN.
