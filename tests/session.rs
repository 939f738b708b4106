//! Tests of session through the public interface.
