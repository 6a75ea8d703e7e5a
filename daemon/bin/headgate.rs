//! `headgate`, the administrator's command: see the `headgate_cli` crate.

fn main() -> std::process::ExitCode {
    headgate_cli::main()
}
