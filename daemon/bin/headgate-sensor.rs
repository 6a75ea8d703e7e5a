//! `headgate-sensor`: see the `headgate_sensor` crate.

fn main() -> std::process::ExitCode {
    headgate_sensor::main()
}
