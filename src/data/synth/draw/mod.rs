//! Drawing bottles with whole numbers.
//!
//! A brand's look (bottle, colours, label) is a function of (seed, meigara, brand); a photo of it is
//! a function of (seed, brand, number). Lengths are fixed point, angles are 4096ths of a turn, sines
//! come from a table: there is no floating point here, so every CPU draws the same bytes.
//!
//! ```text
//!   raster.rs   canvas, sine and arc sine tables, blending, blur, halving, resizing
//!   glyph.rs    pseudo-characters: random strokes put together as characters are
//!   look.rs     what a brand looks like: shape of bottle and cap, colours, plan of the label
//!   label.rs    the look's label as a flat sheet of paper
//!   bottle.rs   a bottle with its label wrapped round it, seen from somewhere
//!   scene.rs    what stands behind and before it
//!   photo.rs    one photo: scene, light, blur, noise
//! ```

pub mod bottle;
pub mod glyph;
pub mod label;
pub mod look;
pub mod photo;
pub mod raster;
pub mod scene;
