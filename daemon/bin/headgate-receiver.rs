//! `headgate-receiver`: see the `headgate_receiver` crate.

fn main() -> std::process::ExitCode {
    headgate_receiver::main()
}
