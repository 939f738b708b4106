//! What is printed from settings and from the declared table.
//!
//! `print` writes settings as canonical TOML and `printed` reads that back, `reference` the page docs/reference.md, `explain` the answer
//! to a question about one name, `keys` all dotted names. All of it comes from the constants that the reader checks with.

mod explain;
mod keys;
mod print;
mod reference;

pub use explain::{Unknown, explain};
pub use keys::keys;
pub use print::{print, printed};
pub use reference::reference;
