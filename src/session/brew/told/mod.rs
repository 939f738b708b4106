//! What is told of a run beside its events: its log, what somebody wants to hear of, whether it ends in time.

pub mod due;
pub mod happened;
pub(super) mod log;
