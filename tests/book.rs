//! Tests of book through the public interface.
