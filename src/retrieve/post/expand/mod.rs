//! Post steps that move photos by their neighbours.
//!
//! `weighted` moves rows towards neighbours once (query expansion, and database augmentation when the rows are the gallery's); `blend`
//! does it several times for everybody; `negative` moves rows away from what is known to be no answer.

pub(super) mod blend;
pub(super) mod negative;
pub(super) mod weighted;
