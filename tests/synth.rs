//! Tests of synth through the public interface.
