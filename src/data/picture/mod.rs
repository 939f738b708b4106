//! Files of pictures: what they are ([`content`]: hash, size, whether they are whole) and what they show
//! ([`decode`]: pixels, upright, within limits).

pub mod content;
pub mod decode;
