//! Tests of dag through the public interface.
