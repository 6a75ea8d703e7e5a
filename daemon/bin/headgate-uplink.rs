//! `headgate-uplink`: see the `headgate_uplink` crate.

fn main() -> std::process::ExitCode {
    headgate_uplink::main()
}
