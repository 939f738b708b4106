//! Tests of tui through the public interface.
