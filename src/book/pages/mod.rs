//! What is printed from settings and from the declared table.
//!
//! `print` writes settings as canonical TOML, `reference` the page docs/reference.md, `explain` the answer
//! to a question about one name, `keys` all dotted names, `values` what Toji printed itself. All of it comes from the constants that the reader checks with.

mod explain;
mod keys;
mod print;
mod reference;
mod values;

pub use explain::{Unknown, explain};
pub use keys::keys;
pub use print::print;
pub use reference::reference;
pub use values::values;
