//! `F(2, 2)` at the points 0, 1 and infinity: 9 multiplications for 16 in two dimensions.

use super::{Matrix, Scheme};
use crate::simd::Simd;

/// `F(2, 2)`.
#[derive(Clone, Copy)]
pub(in super::super) struct F22;

impl Scheme<2, 3> for F22 {
    type Input = Input;
    type InputAdjoint = InputAdjoint;
    type Weight = Weight;
    type WeightAdjoint = WeightAdjoint;
    type Output = Output;
    type OutputAdjoint = OutputAdjoint;
}

/// ```text
/// 1 -1  0
/// 0  1  0
/// 0 -1  1
/// ```
pub(in super::super) struct Input;

impl Matrix<3, 3> for Input {
    #[inline(always)]
    fn apply<S: Simd>(_: S, [d0, d1, d2]: [S::V; 3]) -> [S::V; 3] {
        [d0 - d1, d1, d2 - d1]
    }
}

/// The transpose of [`Input`].
pub(in super::super) struct InputAdjoint;

impl Matrix<3, 3> for InputAdjoint {
    #[inline(always)]
    fn apply<S: Simd>(_: S, [v0, v1, v2]: [S::V; 3]) -> [S::V; 3] {
        [v0, v1 - v0 - v2, v2]
    }
}

/// ```text
/// 1 0
/// 1 1
/// 0 1
/// ```
pub(in super::super) struct Weight;

impl Matrix<2, 3> for Weight {
    #[inline(always)]
    fn apply<S: Simd>(_: S, [g0, g1]: [S::V; 2]) -> [S::V; 3] {
        [g0, g0 + g1, g1]
    }
}

/// The transpose of [`Weight`].
pub(in super::super) struct WeightAdjoint;

impl Matrix<3, 2> for WeightAdjoint {
    #[inline(always)]
    fn apply<S: Simd>(_: S, [u0, u1, u2]: [S::V; 3]) -> [S::V; 2] {
        [u0 + u1, u1 + u2]
    }
}

/// ```text
/// 1 1 0
/// 0 1 1
/// ```
pub(in super::super) struct Output;

impl Matrix<3, 2> for Output {
    #[inline(always)]
    fn apply<S: Simd>(_: S, [y0, y1, y2]: [S::V; 3]) -> [S::V; 2] {
        [y0 + y1, y1 + y2]
    }
}

/// The transpose of [`Output`].
pub(in super::super) struct OutputAdjoint;

impl Matrix<2, 3> for OutputAdjoint {
    #[inline(always)]
    fn apply<S: Simd>(_: S, [y0, y1]: [S::V; 2]) -> [S::V; 3] {
        [y0, y0 + y1, y1]
    }
}
