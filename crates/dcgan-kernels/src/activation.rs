//! Activation functions and their derivatives, computed from the function's values.

use rayon::prelude::*;

use crate::simd::{Kernel, LANES, Level, Simd, Vector, load, store};

/// Floats a task.
const TASK: usize = 16 * 1024;

/// The function that follows a convolution, applied to each value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` above zero, `slope * x` below; the field is the slope.
    LeakyRelu(f32),
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// The values at `x`. NaN stays NaN, so that a run that diverged shows it.
    #[inline(always)]
    pub(super) fn value<S: Simd>(self, simd: S, x: S::V) -> S::V {
        match self {
            Self::Relu => x.select_positive(x, simd.splat(0.0)),
            Self::LeakyRelu(slope) => x.select_positive(x, x * simd.splat(slope)),
            Self::Tanh => tanh(simd, x),
        }
    }

    /// The derivatives where the values are `y`. At the kink of ReLU and LeakyReLU it is the left one, as in PyTorch.
    #[inline(always)]
    pub(super) fn derivative_at_value<S: Simd>(self, simd: S, y: S::V) -> S::V {
        let one = simd.splat(1.0);
        match self {
            Self::Relu => y.select_positive(one, simd.splat(0.0)),
            Self::LeakyRelu(slope) => y.select_positive(one, simd.splat(slope)),
            Self::Tanh => one - y * y,
        }
    }
}

/// From here on `tanh` is 1 in `f32`.
const SATURATION: f32 = 9.1;
/// Odd coefficients of the numerator and even ones of the denominator of a minimax approximation of `tanh`
/// below 7.9, the highest first: those of Eigen's `generic_fast_tanh_float`.
const NUMERATOR: [f32; 7] = [
    -2.760_768_5e-16,
    2.000_188e-13,
    -8.604_672e-11,
    5.122_297e-8,
    1.485_722_4e-5,
    6.372_619e-4,
    4.893_524_6e-3,
];
const DENOMINATOR: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];

/// The hyperbolic tangents, from those of half the arguments: `tanh 2x = 2 tanh x / (1 + tanh^2 x)`, which
/// is flat where the approximation is least accurate.
#[inline(always)]
fn tanh<S: Simd>(simd: S, x: S::V) -> S::V {
    let limit = simd.splat(SATURATION);
    let x = (limit - x).select_positive(x, limit);
    let x = (x + limit).select_positive(x, simd.splat(-SATURATION));
    let half = x * simd.splat(0.5);
    let square = half * half;
    let tanh = half * polynomial(simd, &NUMERATOR, square) / polynomial(simd, &DENOMINATOR, square);
    (tanh + tanh) / (simd.splat(1.0) + tanh * tanh)
}

/// A polynomial from its coefficients, the highest first (Horner's rule).
#[inline(always)]
fn polynomial<S: Simd>(simd: S, coefficients: &[f32], x: S::V) -> S::V {
    let mut sum = simd.splat(0.0);
    for coefficient in coefficients {
        sum = sum * x + simd.splat(*coefficient);
    }
    sum
}

/// Applies an activation in place.
pub fn activate(values: &mut [f32], activation: Activation) {
    let level = Level::current();
    values.par_chunks_mut(TASK).for_each(|values| level.run(Values { values, activation }));
}

/// Turns the gradient of an activation's output into that of its input, from the output's `values`.
///
/// # Panics
/// If the lengths differ.
pub fn activation_gradient(values: &[f32], activation: Activation, gradient: &mut [f32]) {
    assert_eq!(values.len(), gradient.len());
    let level = Level::current();
    gradient
        .par_chunks_mut(TASK)
        .zip(values.par_chunks(TASK))
        .for_each(|(gradient, values)| level.run(Gradient { values, activation, gradient }));
}

struct Values<'a> {
    values: &'a mut [f32],
    activation: Activation,
}

impl Kernel for Values<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for values in self.values.chunks_mut(LANES) {
            store(self.activation.value(simd, load(simd, values)), values);
        }
    }
}

struct Gradient<'a> {
    values: &'a [f32],
    activation: Activation,
    gradient: &'a mut [f32],
}

impl Kernel for Gradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (values, gradient) in self.values.chunks(LANES).zip(self.gradient.chunks_mut(LANES)) {
            let derivative = self.activation.derivative_at_value(simd, load(simd, values));
            store(load(simd, gradient) * derivative, gradient);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tanh_is_accurate_at_every_level() {
        let inputs: Vec<f32> = (-120_000..=120_000).map(|i| i as f32 * 1e-4).collect();
        for level in Level::available() {
            let mut values = inputs.clone();
            level.force(|| activate(&mut values, Activation::Tanh));
            let error = |(x, y): (&f32, &f32)| (f64::from(*x).tanh() - f64::from(*y)).abs();
            let worst = inputs.iter().zip(&values).map(error).fold(0.0, f64::max);
            assert!(worst < 2e-7, "{level:?}: off by {worst}");
            assert!(values.iter().all(|y| y.abs() <= 1.0), "{level:?}: beyond 1");
        }
    }

    #[test]
    fn nan_stays_nan() {
        for activation in [Activation::Relu, Activation::LeakyRelu(0.2), Activation::Tanh] {
            for level in Level::available() {
                let mut values = [f32::NAN; 19];
                level.force(|| activate(&mut values, activation));
                assert!(values.iter().all(|value| value.is_nan()), "{activation:?}, {level:?}");
            }
        }
    }

    #[test]
    fn kinks_and_slopes_are_pytorchs() {
        for level in Level::available() {
            for (activation, at_minus_one, below) in
                [(Activation::Relu, 0.0, 0.0), (Activation::LeakyRelu(0.2), -0.2, 0.2)]
            {
                let (mut values, mut gradient) = ([-1.0, 0.0, 2.0], [1.0; 3]);
                level.force(|| {
                    activate(&mut values, activation);
                    activation_gradient(&values, activation, &mut gradient);
                });
                assert_eq!((values, gradient), ([at_minus_one, 0.0, 2.0], [below, below, 1.0]), "{level:?}");
            }
        }
    }
}
