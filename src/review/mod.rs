//! Embeddings and pictures → suspects. Empty until the stages that fill it are built.
