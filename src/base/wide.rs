//! Plain loops as wide as the CPU's vectors.
//!
//! `wide!(|| …)` runs a loop compiled for AVX-512, AVX2 or the baseline, whichever this CPU has (through `pulp`), chosen at run
//! time. All that it calls must be `#[inline(always)]` or a closure with one caller. Worth it from some thousand numbers on.
//! In whole numbers the bits are the same everywhere; in floats as long as no sum's order follows the vectors' width.
//!
//! A macro, so that each kind of CPU has a closure of its own: the compiler always takes a function with a single caller into it,
//! however large, and with it the caller's instructions. One closure for all of them, as `Arch::dispatch` has it, stays a function by
//! itself when it is large, compiled for the baseline.

/// See the module.
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
