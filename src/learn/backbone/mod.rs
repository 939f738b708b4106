//! timm's networks, with timm's names for their tensors. To be written.
