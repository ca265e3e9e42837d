//! The 4x4 convolution of stride 2 and padding 1, and its two gradients.
//!
//! Pixel `(i, j)` of the small map sees the pixels `(2i + ky - 1, 2j + kx - 1)` of the large one, with `ky`
//! and `kx` from 0 to 3; those outside are zero.
//!
//! Two modules compute them: `direct` by gathering what each pixel sees, and `winograd` with fewer
//! multiplications. The large map's planes and the small map's are read and written more often than the
//! maps, so Winograd's way only pays where there are enough channels on both sides: [`ConvShape::method`].

use std::marker::PhantomData;

use crate::simd::Level;
use crate::uninit::filled;

mod direct;
mod filter;
mod planes;
mod scheme;
mod shape;
mod transform;
mod winograd;

pub use filter::WeightCache;
use scheme::{F22, F42};
pub use shape::{ConvShape, Method};
use winograd::Winograd;

/// A convolution's weight.
#[derive(Clone, Copy, Debug)]
pub struct Weight<'a> {
    /// `[O, C, 4, 4]`.
    pub values: &'a [f32],
    /// The planes of these values: empty, or filled by an earlier use of the same values.
    pub cache: &'a WeightCache,
}

/// `conv2d(large, weight)`: `[C, S, S, N]`, `[O, C, 4, 4]` to `[O, S/2, S/2, N]`.
///
/// PyTorch equivalent: `torch.nn.functional.conv2d(large, weight, stride=2, padding=1)`.
///
/// # Panics
/// If a slice has not the size that `shape` gives it, or the method does not allow the shape.
pub fn forward(shape: ConvShape, method: Method, large: &[f32], weight: Weight) -> Vec<f32> {
    shape.check(method, large.len(), shape.small(), weight.values.len());
    let fill = |small: &mut [_]| match method {
        Method::Direct => direct::forward(shape, large, weight.values, small),
        Method::F22 => f22(shape).forward(large, weight.cache.f22(shape, weight.values), small),
        Method::F42 => f42(shape).forward(large, weight.cache.f42(shape, weight.values), small),
    };
    // SAFETY: each method writes every pixel of every channel.
    unsafe { filled(shape.small(), fill) }
}

/// `conv_transpose2d(small, weight)`: `[O, S/2, S/2, N]`, `[O, C, 4, 4]` to `[C, S, S, N]`.
///
/// PyTorch equivalent: `torch.nn.functional.conv_transpose2d(small, weight, stride=2, padding=1)`; for the
/// gradient of a convolution's input, `small` is the gradient of its output.
///
/// # Panics
/// As [`forward`].
pub fn input_gradient(shape: ConvShape, method: Method, small: &[f32], weight: Weight) -> Vec<f32> {
    shape.check(method, shape.large(), small.len(), weight.values.len());
    let fill = |large: &mut [_]| match method {
        Method::Direct => direct::input_gradient(shape, small, weight.values, large),
        Method::F22 => f22(shape).input_gradient(small, weight.cache.f22(shape, weight.values), large),
        Method::F42 => f42(shape).input_gradient(small, weight.cache.f42(shape, weight.values), large),
    };
    // SAFETY: each method writes every pixel of every channel.
    unsafe { filled(shape.large(), fill) }
}

/// `weight += ` the gradient of `conv2d(large, weight)`'s weight, where `small` is the gradient of its
/// output: `[C, S, S, N]`, `[O, S/2, S/2, N]` to `[O, C, 4, 4]`. It adds, because a weight that is used for
/// several batches gets the sum of their gradients.
///
/// PyTorch equivalent: `torch.nn.grad.conv2d_weight(large, weight.shape, small, stride=2, padding=1)`.
///
/// # Panics
/// As [`forward`].
pub fn weight_gradient(shape: ConvShape, method: Method, large: &[f32], small: &[f32], weight: &mut [f32]) {
    shape.check(method, large.len(), small.len(), weight.len());
    match method {
        Method::Direct => direct::weight_gradient(shape, large, small, weight),
        Method::F22 => f22(shape).weight_gradient(large, small, weight),
        Method::F42 => f42(shape).weight_gradient(large, small, weight),
    }
}

fn f22(shape: ConvShape) -> Winograd<2, 3, F22> {
    Winograd { shape, scheme: PhantomData, level: Level::current() }
}

fn f42(shape: ConvShape) -> Winograd<4, 5, F42> {
    Winograd { shape, scheme: PhantomData, level: Level::current() }
}

#[cfg(test)]
mod tests;
