//! The literate recipe: text ↔ prose and cells, with diagnostics. Knows no stage.

pub mod technique;
