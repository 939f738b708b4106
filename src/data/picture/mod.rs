//! Files of pictures: what they are ([`content`]: hash, size, whether they are whole) and what they show
//! ([`decode`]: pixels, upright, within limits), at the size and in the part that somebody needs ([`View`]).
//!
//! ```text
//!   alike.rs     how a picture looks, in 64 bits
//!   content.rs   what the bytes of every picture are
//!   decode.rs    bytes → pixels
//!   view.rs      a reduced picture, a part of it
//!   part.rs      a picture of which only a part counts
//!   remembered.rs what was seen of pictures, by content
//!   jpeg/        common JPEGs, read at a reduced size in the first place
//! ```

pub mod alike;
pub mod content;
pub mod decode;
mod jpeg;
pub mod part;
pub(crate) mod remembered;
pub mod view;

pub use view::{Area, Seen, View};
