//! The zip that a host asks for.
