//! Tests of learn through the public interface.
