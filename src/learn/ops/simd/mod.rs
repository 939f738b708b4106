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

/// `wide!(|| …)` runs a loop compiled for this CPU's vector units. All that it calls must be `#[inline(always)]` or a closure.
/// Worth it from some thousand floats on.
///
/// A macro, so that each kind of CPU has a closure of its own: the compiler always takes a function with a single caller into it,
/// however large, and with it the caller's instructions. One closure for all of them, as `Arch::dispatch` has it, stays a function by
/// itself when it is large, compiled for the baseline.
macro_rules! wide {
    (|| $body:expr) => {{
        match pulp::Arch::new() {
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V4(simd) => pulp::Simd::vectorize(simd, || $body),
            #[cfg(target_arch = "x86_64")]
            pulp::Arch::V3(simd) => pulp::Simd::vectorize(simd, || $body),
            other => other.dispatch(|| $body),
        }
    }};
}
pub(crate) use wide;
