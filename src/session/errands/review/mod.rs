//! Photos that are worth a look, and what a person decided about them.
//!
//! - [`outliers`]: training photos far from their label's dominant sub-center;
//! - [`edits`]: decisions: written down, taken back, weighed.

pub mod edits;
pub mod outliers;
