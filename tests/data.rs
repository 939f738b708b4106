//! Tests of data through the public interface.
