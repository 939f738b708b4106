//! What lies under the operations: vector units, functions that they can follow, matrix products.
//!
//! [`wide`] runs a loop compiled for the widest vectors that this CPU has (AVX-512, AVX2 with FMA, or the baseline),
//! chosen once at run time. The same loop gives the same bits on one type of CPU; on another, where vectors have another
//! width, sums may round otherwise.

#[allow(dead_code, reason = "operations take them up one by one")]
pub(crate) mod math;
mod product;
mod small;

pub(crate) use product::{Matrix, matmul};
pub(crate) use small::{LANES, Left, padded, small};

/// Runs `f` compiled for this CPU's vector units. `f` and all that it calls must be `#[inline(always)]` or closures, or the
/// compiler cannot carry the wider instructions into them. Worth it from some thousand floats on.
#[inline(always)]
pub(crate) fn wide<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}
