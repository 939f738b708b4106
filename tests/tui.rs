//! Tests of tui through the public interface: the `toji` binary itself.
//!
//! Screens, keys, bytes and a pseudo-terminal are tested inside the binary
//! (`cargo test --release --bin toji tui::`), since an integration test cannot see `src/tui`.
