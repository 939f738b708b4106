//! What every other folder stands on, and nothing that knows recipes, graphs or learning.
//!
//! Values that would otherwise come from the surroundings (time, randomness, the wish to stop, the
//! place where progress is shown) have their types here, so that they can be passed in:
//! the engine never asks the environment, the clock or the terminal by itself.

pub mod cancel;
pub mod clock;
pub mod files;
pub mod key;
pub mod printed;
pub mod progress;
pub mod seed;
pub mod text;
pub mod value;
pub(crate) mod wide;

pub use cancel::Cancel;
pub use clock::{Clock, Time};
pub use key::{Key, KeyWriter};
pub use progress::Progress;
pub use seed::Seed;
pub use value::{Entries, Value};
