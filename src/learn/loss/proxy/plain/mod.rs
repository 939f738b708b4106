//! Classifiers without a margin: the baselines that every other loss has to beat.
//!
//! Takes embeddings and one vector per class; gives the softmax cross-entropy over products
//! ([`cross_entropy`]) or over cosines ([`normalized_softmax`]).

pub mod cross_entropy;
pub mod normalized_softmax;
