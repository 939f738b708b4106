//! Tests of data through the public interface.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail loudly")]

mod decoding;
mod facts;
mod ground;
mod guessing;
mod layouts;
mod mistakes;
mod remembering;
mod spelling;
