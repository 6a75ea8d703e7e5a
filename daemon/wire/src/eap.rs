//! EAP.
