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
mod transform;
mod winograd;

pub use filter::WeightCache;
use scheme::{F22, F42};
use winograd::Winograd;

/// Channels on both sides, and weights `O C`, from which a Winograd scheme is faster.
const WINOGRAD_CHANNELS: usize = 3;
const WINOGRAD_WEIGHT: usize = 3 * 64;
/// Columns of a plane from which F(4,2) is faster than F(2,2) whatever the weight: with fewer, products wait
/// for its planes of the weight, 25/4 as large as the weight.
const COLUMNS: usize = 32;
/// Weights `O C` up to which it always is.
const SMALL_WEIGHT: usize = 64 * 1024;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As defined, by gathered pixels and matrix products.
    Direct,
    /// Winograd's F(2,2) in both dimensions, with 9 multiplications for 16; the large side a multiple of 4.
    F22,
    /// Winograd's F(4,2) in both dimensions, with 25 multiplications for 64; the large side a multiple of 8.
    F42,
}

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels `C` of the large map.
    pub channels: usize,
    /// Channels `O` of the small map.
    pub outputs: usize,
    /// Side `S` of the large map, even.
    pub side: usize,
    /// Images `N` of the batch.
    pub batch: usize,
}

impl ConvShape {
    /// Floats of the large map, `[C, S, S, N]`.
    pub fn large(&self) -> usize {
        self.channels * self.large_row()
    }

    /// Floats of the small map, `[O, S/2, S/2, N]`.
    pub fn small(&self) -> usize {
        self.outputs * self.small_row()
    }

    /// Floats of the weight, `[O, C, 4, 4]`.
    pub fn weight(&self) -> usize {
        self.outputs * self.channels * 16
    }

    /// The method that measured fastest for such a layer.
    pub fn method(&self) -> Method {
        let weight = self.channels * self.outputs;
        let wide = self.channels.min(self.outputs) >= WINOGRAD_CHANNELS && weight >= WINOGRAD_WEIGHT;
        let columns = (self.side / 8).pow(2) * self.batch;
        let f42 = columns >= COLUMNS || weight <= SMALL_WEIGHT;
        [(Method::F42, wide && f42), (Method::F22, wide)]
            .into_iter()
            .find(|(method, fast)| *fast && self.allows(*method))
            .map_or(Method::Direct, |(method, _)| method)
    }

    /// Whether the side is a multiple of what the method works on at once.
    pub fn allows(&self, method: Method) -> bool {
        self.side.is_multiple_of(match method {
            Method::Direct => 2,
            Method::F22 => 4,
            Method::F42 => 8,
        })
    }

    fn large_row(&self) -> usize {
        self.side * self.side * self.batch
    }

    fn small_side(&self) -> usize {
        self.side / 2
    }

    fn small_row(&self) -> usize {
        self.small_side() * self.small_side() * self.batch
    }

    fn check(&self, method: Method, large: usize, small: usize, weight: usize) {
        assert!(self.batch > 0, "a batch has at least one image");
        assert!(self.side.is_multiple_of(2), "a stride of 2 needs an even side, not {}", self.side);
        assert!(self.allows(method), "{method:?} cannot compute {self:?}");
        assert_eq!(large, self.large(), "the large map of {self:?}");
        assert_eq!(small, self.small(), "the small map of {self:?}");
        assert_eq!(weight, self.weight(), "the weight of {self:?}");
    }

    fn f22(self) -> Winograd<2, 3, F22> {
        Winograd { shape: self, scheme: PhantomData, level: Level::current() }
    }

    fn f42(self) -> Winograd<4, 5, F42> {
        Winograd { shape: self, scheme: PhantomData, level: Level::current() }
    }
}

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
        Method::F22 => shape.f22().forward(large, weight.cache.f22(shape, weight.values), small),
        Method::F42 => shape.f42().forward(large, weight.cache.f42(shape, weight.values), small),
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
        Method::F22 => shape.f22().input_gradient(small, weight.cache.f22(shape, weight.values), large),
        Method::F42 => shape.f42().input_gradient(small, weight.cache.f42(shape, weight.values), large),
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
        Method::F22 => shape.f22().weight_gradient(large, small, weight),
        Method::F42 => shape.f42().weight_gradient(large, small, weight),
    }
}

/// `0..len` in pieces of `step`, as starts and lengths; the last piece may be shorter.
fn ranges(len: usize, step: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(step).map(move |start| (start, step.min(len - start)))
}

#[cfg(test)]
mod tests;
