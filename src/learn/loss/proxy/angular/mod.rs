//! Classifiers over angles in which the right class must win by a margin.
//!
//! Takes embeddings and directions; gives the softmax cross-entropy of the scaled cosines, of which the target's
//! was made smaller first. Each file is one way to make it smaller; the rest is `classify::margin_logits`.

pub mod arcface;
