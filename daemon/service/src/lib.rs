//! What every long-running process of Headgate does alike.
//!
//! **What it does.** Loads `headgate.toml` ([`config`]), finds credentials ([`credential`]), logs to
//! the journal or to standard error ([`log`]), tells the service manager about readiness and
//! progress ([`notify`]), stops on request ([`stop`]), gives up privileges ([`lockdown`]), frames
//! messages on local sockets ([`frame`]), shows how far long work has come ([`progress`]) and names the exit codes ([`exit`]).
//!
//! **What it never does.** It holds no key, parses no frame, opens no network connection.
//!
//! **Who uses it.** Every process crate. It imports none of ours (ADR 0002).

pub mod config;
pub mod credential;
pub mod exit;
pub mod frame;
pub mod lockdown;
pub mod log;
pub mod notify;
pub mod openmetrics;
pub mod progress;
pub mod stop;
