//! Activations that other operations take along in their own pass over memory.
//!
//! An operation asks for an [`Act`] and applies it where its output is in a register anyway. The way back needs the value
//! before the activation, which the operation computes again; nothing is kept. ReLU keeps NaN, so that a run that
//! diverges is seen.

use super::simd::math;

/// A function of each value, at the end of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Act {
    /// The value itself.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x · sigmoid(x)` (Elfwing, Uchibe and Doya 2017; "swish").
    Silu,
    /// `x · Φ(x)`, exact (Hendrycks and Gimpel 2016).
    Gelu,
    /// `x · sigmoid(1.702·x)`, as OpenAI's CLIP.
    QuickGelu,
    /// GELU by its tanh form, as SigLIP.
    GeluTanh,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

impl Act {
    /// The function.
    #[inline(always)]
    pub(crate) fn at(self, x: f32) -> f32 {
        match self {
            Act::None => x,
            Act::Relu => rectify(x),
            Act::Silu => math::silu(x),
            Act::Gelu => math::gelu(x),
            Act::QuickGelu => math::quick_gelu(x),
            Act::GeluTanh => math::gelu_tanh(x),
            Act::Relu6 => {
                let x = rectify(x);
                if x > 6.0 { 6.0 } else { x }
            }
        }
    }

    /// The gradient `g` of the function's value, taken back to its argument `x`.
    #[inline(always)]
    pub(crate) fn back(self, g: f32, x: f32) -> f32 {
        match self {
            Act::None => g,
            Act::Relu => {
                if x > 0.0 {
                    g
                } else {
                    0.0
                }
            }
            Act::Silu => g * math::silu_slope(x),
            Act::Gelu => g * math::gelu_slope(x),
            Act::QuickGelu => g * math::quick_gelu_slope(x),
            Act::GeluTanh => g * math::gelu_tanh_slope(x),
            Act::Relu6 => {
                if x > 0.0 && x < 6.0 {
                    g
                } else {
                    0.0
                }
            }
        }
    }
}

/// Evaluates the loop `$body` with `$act` as a constant of the name `$name`, one copy for each activation, so that no loop
/// asks at each value which it is.
macro_rules! with_act {
    ($act:expr, $name:ident => $body:expr) => {{
        use $crate::learn::ops::Act;
        match $act {
            Act::None => {
                const $name: Act = Act::None;
                $body
            }
            Act::Relu => {
                const $name: Act = Act::Relu;
                $body
            }
            Act::Silu => {
                const $name: Act = Act::Silu;
                $body
            }
            Act::Gelu => {
                const $name: Act = Act::Gelu;
                $body
            }
            Act::QuickGelu => {
                const $name: Act = Act::QuickGelu;
                $body
            }
            Act::GeluTanh => {
                const $name: Act = Act::GeluTanh;
                $body
            }
            Act::Relu6 => {
                const $name: Act = Act::Relu6;
                $body
            }
        }
    }};
}
pub(crate) use with_act;

/// `max(x, 0)`, and NaN stays NaN.
#[inline(always)]
pub(crate) fn rectify(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}
