//! Tests of data through the public interface.

mod decoding;
mod facts;
mod ground;
mod guessing;
mod layouts;
mod mistakes;
mod remembering;
