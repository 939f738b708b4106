//! The `toji` binary: arguments in, exit code out.

mod cli;
mod tui;

fn main() -> std::process::ExitCode {
    cli::run()
}
