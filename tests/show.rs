//! Tests of show through the public interface.
