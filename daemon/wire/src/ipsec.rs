//! AH and ESP.
