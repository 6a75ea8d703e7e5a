//! EDP.
