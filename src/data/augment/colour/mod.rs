//! What a pixel's value becomes, by itself or by its picture's histogram. Nothing moves.
//!
//! ```text
//!   lanes.rs    the arithmetic, sixteen pixels at a time; OpenCV's 8-bit HSV
//!   tone.rs     RandomBrightnessContrast, RGBShift, Posterize: one table of 256 levels
//!   jitter.rs   ColorJitter
//!   hsv.rs      HueSaturationValue
//!   gray.rs     ToGray
//!   lab.rs      OpenCV's 8-bit CIE Lab
//!   clahe.rs    CLAHE
//! ```

pub mod clahe;
pub mod gray;
pub mod hsv;
pub mod jitter;
pub mod lab;
pub mod lanes;
pub mod tone;
