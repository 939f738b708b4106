//! Tests of retrieve through the public interface.
