//! Winograd's minimal algorithms for a filter of two taps (Winograd, 1980; Lavin and Gray, 2016).
//!
//! `F(M, 2)` computes `M` neighbouring sums `y[i] = g[0] d[i] + g[1] d[i + 1]` with `P = M + 1`
//! multiplications instead of `2 M`: `y = C ((B g) * (A d))`, the product taken element by element, with a
//! matrix `A` for the input, `B` for the weight and `C` for the output. It multiplies two polynomials at `P`
//! points: at the finite points by evaluating them, at infinity by their leading coefficients.
//!
//! The matrices are written as the few operations that apply them, because a processor that can read and
//! write a vector in every cycle has none to spare for multiplications by 0 and 1. In two dimensions they
//! act on columns, then on rows ([`both_ways`]).

use crate::simd::Simd;

mod f22;
mod f42;

pub(super) use f22::F22;
pub(super) use f42::F42;

/// The matrices of `F(M, 2)`, and their transposes: gradients flow back through those.
pub(super) trait Scheme<const M: usize, const P: usize>: Copy + Send + Sync {
    /// `A`, from `P` inputs to `P` factors.
    type Input: Matrix<P, P>;
    /// `A^T`.
    type InputAdjoint: Matrix<P, P>;
    /// `B`, from the two taps to `P` factors.
    type Weight: Matrix<2, P>;
    /// `B^T`.
    type WeightAdjoint: Matrix<P, 2>;
    /// `C`, from `P` products to `M` outputs.
    type Output: Matrix<P, M>;
    /// `C^T`.
    type OutputAdjoint: Matrix<M, P>;
}

/// A constant matrix of `ROWS` rows and `COLUMNS` columns.
pub(super) trait Matrix<const COLUMNS: usize, const ROWS: usize> {
    /// The matrix times a column of vectors.
    fn apply<S: Simd>(simd: S, x: [S::V; COLUMNS]) -> [S::V; ROWS];
}

/// `matrix x matrix^T`: the matrix applied to the columns of a square of vectors, then to its rows.
#[inline(always)]
pub(super) fn both_ways<S: Simd, M: Matrix<C, R>, const R: usize, const C: usize>(
    simd: S,
    x: [[S::V; C]; C],
) -> [[S::V; R]; R] {
    let mut rows = [[simd.splat(0.0); C]; R];
    for c in 0..C {
        let mut column = [simd.splat(0.0); C];
        for (value, x) in column.iter_mut().zip(&x) {
            *value = x[c];
        }
        for (row, value) in rows.iter_mut().zip(M::apply(simd, column)) {
            row[c] = value;
        }
    }
    let mut out = [[simd.splat(0.0); R]; R];
    for (out, row) in out.iter_mut().zip(rows) {
        *out = M::apply(simd, row);
    }
    out
}

#[cfg(test)]
mod tests;
