//! Arguments → client → exit code.

/// Reads the arguments and does what they say.
pub fn run() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
