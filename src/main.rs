//! The `longshore` command.

fn main() -> std::process::ExitCode {
    longshore::cli::main()
}
