//! Plain types of the backends' operations: shapes, and what is asked of an operation.

use dcgan_kernels::augment::ImagesShape;
use dfdx::prelude::*;

/// Feature maps of `C` channels and side `S`: `[C, S, S, N]`, the batch innermost and of any size.
pub type MapShape<const C: usize, const S: usize> = (Const<C>, Const<S>, Const<S>, usize);
/// `F` features of each image: `[F, N]`.
pub type FeatureShape<const F: usize> = (Const<F>, usize);

/// The gradients that a backward pass has to compute; a backend may skip the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequiresGrad {
    /// Gradients of weights and biases.
    pub parameters: bool,
    /// Gradient of the input.
    pub input: bool,
}

impl RequiresGrad {
    /// An update of the network itself: its input is data.
    pub const PARAMETERS: Self = Self { parameters: true, input: false };
    /// Sampling.
    pub const NONE: Self = Self { parameters: false, input: false };
    /// A network that another one's gradient passes through.
    pub const INPUT: Self = Self { parameters: false, input: true };

    /// For a layer whose input is the output of another layer.
    pub(crate) fn inside(self) -> Self {
        Self { input: true, ..self }
    }
}

/// A loss on logits: `factor` times their mean cross-entropy with one target probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// The target probability, 0 to 1.
    pub label: f64,
    /// Multiplies the cross-entropy.
    pub factor: f64,
}

impl Target {
    /// The plain cross-entropy.
    pub fn towards(label: f64) -> Self {
        Self { label, factor: 1.0 }
    }
}

/// The sizes of a batch of images.
///
/// # Panics
/// If the shape is not `[C, S, S, N]`.
pub(crate) fn images_shape<X: Shape>(shape: &X) -> ImagesShape {
    let shape: Vec<usize> = shape.concrete().into();
    match shape[..] {
        [channels, side, width, batch] if side == width => ImagesShape { channels, side, batch },
        _ => panic!("images are [C, S, S, N], not {shape:?}"),
    }
}
