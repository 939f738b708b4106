//! Exact search: every query against every photo of the gallery, the best k kept.
//!
//! Nothing is approximate. [`exact`] multiplies tiles of queries and gallery (`kernel`) and throws each tile of
//! cosines away after `top` has looked at it, so memory holds no query × gallery matrix: at
//! 2,942 × 109,481 × 512 it is the embeddings and their packed queries and some 5 MB.
//!
//! Order is total: cosine falling, and among equal cosines the photo that stands first in the
//! gallery. (faiss and `np.argsort` promise no order among equals, so there the same model can score
//! differently from run to run.) A query that is itself in the gallery is left out of its own list by
//! its number, never by dropping the first column, which would drop a duplicate that tied with it.
//!
//! [`graph()`] searches a set within itself; `symmetric` makes each product once for both of its photos.
//!
//! [`places()`] goes through the same tiles and says, without a cut at k, how many photos stand before a query's first right
//! answer.

pub mod exact;
mod graph;
mod kernel;
mod neighbours;
mod places;
pub(in crate::retrieve) mod symmetric;
mod top;

pub use exact::{VERSION, neighbours, search};
pub use graph::graph;
pub use neighbours::Neighbours;
pub use places::{Place, places};
