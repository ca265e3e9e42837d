//! `F(4, 2)` at the points 0, 1, -1, 2 and infinity: 25 multiplications for 64 in two dimensions.

use super::{Matrix, Scheme};
use crate::simd::{Simd, Vector};

/// `F(4, 2)`.
#[derive(Clone, Copy)]
pub(in super::super) struct F42;

impl Scheme<4, 5> for F42 {
    type Input = Input;
    type InputAdjoint = InputAdjoint;
    type Weight = Weight;
    type WeightAdjoint = WeightAdjoint;
    type Output = Output;
    type OutputAdjoint = OutputAdjoint;
}

/// ```text
/// 2 -1 -2  1  0
/// 0 -2 -1  1  0
/// 0  2 -3  1  0
/// 0 -1  0  1  0
/// 0  2 -1 -2  1
/// ```
pub(in super::super) struct Input;

impl Matrix<5, 5> for Input {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [d0, d1, d2, d3, d4]: [S::V; 5]) -> [S::V; 5] {
        let (two, minus_two) = (simd.splat(2.0), simd.splat(-2.0));
        let (odd, last) = (d3 - d1, d3 - d2);
        [
            (d0 - d2).mul_add(two, odd),
            d1.mul_add(minus_two, last),
            (d1 - d2).mul_add(two, last),
            odd,
            odd.mul_add(minus_two, d4 - d2),
        ]
    }
}

/// The transpose of [`Input`].
pub(in super::super) struct InputAdjoint;

impl Matrix<5, 5> for InputAdjoint {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [v0, v1, v2, v3, v4]: [S::V; 5]) -> [S::V; 5] {
        let (two, minus_two) = (simd.splat(2.0), simd.splat(-2.0));
        let (odd, last) = (v4.mul_add(minus_two, v0 + v3), v1 + v2);
        [
            v0 + v0,
            (v2 - v1).mul_add(two, simd.splat(0.0) - odd),
            (v0 + v2).mul_add(minus_two, simd.splat(0.0) - last - v4),
            odd + last,
            v4,
        ]
    }
}

/// ```text
///  1/2   0
/// -1/2 -1/2
/// -1/6  1/6
///  1/6  1/3
///   0    1
/// ```
pub(in super::super) struct Weight;

impl Matrix<2, 5> for Weight {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [g0, g1]: [S::V; 2]) -> [S::V; 5] {
        let (half, sixth) = (simd.splat(0.5), simd.splat(1.0 / 6.0));
        [g0 * half, (g0 + g1) * simd.splat(-0.5), (g1 - g0) * sixth, (g0 + g1 + g1) * sixth, g1]
    }
}

/// The transpose of [`Weight`].
pub(in super::super) struct WeightAdjoint;

impl Matrix<5, 2> for WeightAdjoint {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [u0, u1, u2, u3, u4]: [S::V; 5]) -> [S::V; 2] {
        let (half, sixth) = (simd.splat(0.5), simd.splat(1.0 / 6.0));
        [
            (u0 - u1).mul_add(half, (u3 - u2) * sixth),
            (u2 + u3 + u3).mul_add(sixth, u1.mul_add(simd.splat(-0.5), u4)),
        ]
    }
}

/// ```text
/// 1 1  1 1 0
/// 0 1 -1 2 0
/// 0 1  1 4 0
/// 0 1 -1 8 1
/// ```
pub(in super::super) struct Output;

impl Matrix<5, 4> for Output {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [y0, y1, y2, y3, y4]: [S::V; 5]) -> [S::V; 4] {
        let (sum, difference) = (y1 + y2, y1 - y2);
        [
            y0 + sum + y3,
            y3.mul_add(simd.splat(2.0), difference),
            y3.mul_add(simd.splat(4.0), sum),
            y3.mul_add(simd.splat(8.0), difference + y4),
        ]
    }
}

/// The transpose of [`Output`].
pub(in super::super) struct OutputAdjoint;

impl Matrix<4, 5> for OutputAdjoint {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, [y0, y1, y2, y3]: [S::V; 4]) -> [S::V; 5] {
        let (even, odd) = (y0 + y2, y1 + y3);
        let (two, four, eight) = (simd.splat(2.0), simd.splat(4.0), simd.splat(8.0));
        [y0, even + odd, even - odd, y3.mul_add(eight, y2.mul_add(four, y1.mul_add(two, y0))), y3]
    }
}
