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

/// [`wide`] for a function item with `#[inline(always)]` and its arguments. The compiler leaves a large closure alone, compiled
/// without the wider instructions (each `mul_add` is then a call); a function item that must be inlined is not. For every loop
/// with an activation or more than a line or two.
#[inline(always)]
pub(crate) fn wide_call<A, R>(f: impl FnOnce(A) -> R, arguments: A) -> R {
    struct Call<A, F>(F, A);

    impl<A, R, F: FnOnce(A) -> R> pulp::WithSimd for Call<A, F> {
        type Output = R;

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> R {
            (self.0)(self.1)
        }
    }

    pulp::Arch::new().dispatch(Call(f, arguments))
}
