//! `headgate-store`: see the `headgate_store` crate.

fn main() -> std::process::ExitCode {
    headgate_store::main()
}
