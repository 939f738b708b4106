//! What lies under the operations: vector units, functions that they can follow, matrix products.
//!
//! `wide!` runs a loop compiled for the widest vectors that this CPU has (AVX-512, AVX2 with FMA, or the baseline),
//! chosen once at run time. The same loop gives the same bits on one type of CPU; on another, where vectors have another
//! width, sums may round otherwise.

pub(crate) mod math;
mod product;
mod small;

pub(crate) use product::{Matrix, matmul};
pub(crate) use small::{LANES, Left, padded, small};

pub(crate) use crate::base::wide::wide;
