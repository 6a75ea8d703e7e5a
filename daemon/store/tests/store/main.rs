//! The real process, spoken to over its real sockets. Each file holds one concern.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, clippy::print_stdout)] // all of this crate is test

mod acknowledgements;
mod bounds;
mod bundles;
mod credentials;
mod damage;
mod forgotten;
mod memory;
mod opening;
mod privacy;
mod receipts;
mod rights;
mod site;
mod subjects;
mod upkeep;

use headgate_service::exit::{Exit, chain};

/// Not a test of its own: [`site::Site::start`] runs this binary again with this as its only test,
/// and it then is the store.
#[test]
fn the_store_process() {
    let Ok(arguments) = std::env::var(site::ARGUMENTS) else { return };
    let arguments = <headgate_store::Arguments as clap::Parser>::parse_from(arguments.split('\n'));
    headgate_service::log::init("headgate-store");
    let code = match headgate_store::run(&arguments) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{}", chain(&error));
            error.code()
        }
    };
    std::process::exit(code.into());
}
