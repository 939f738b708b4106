//! Proxies that are compared otherwise than by a margin on one column.
//!
//! Takes embeddings and directions per class; the losses here come from the world of pairs and triplets, in which a
//! class's proxy stands for the photos that are not in the batch.
//!
//! - [`proxy_nca`]: a softmax over distances to the proxies.
//! - [`proxy_anchor`]: each proxy looks at the whole batch.
//! - [`soft_triple`]: several centres per class, softly chosen.

pub mod proxy_anchor;
pub mod proxy_nca;
pub mod soft_triple;
