//! Tests of house through the public interface.
