//! What lenses, sensors and codecs do to a picture.
//!
//! ```text
//!   blur.rs       GaussianBlur, and rows with a mirrored margin
//!   motion.rs     MotionBlur
//!   noise.rs      GaussNoise
//!   compress.rs   ImageCompression, Downscale
//! ```

pub mod blur;
pub mod compress;
pub mod motion;
pub mod noise;
