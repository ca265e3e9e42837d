//! Winograd's minimal algorithms for a filter of two taps (Winograd, 1980; Lavin and Gray, 2016).
//!
//! `F(M, 2)` computes `M` neighbouring sums `y[i] = g[0] d[i] + g[1] d[i + 1]` with `P = M + 1`
//! multiplications instead of `2 M`: `y = OUTPUT ((WEIGHT g) * (INPUT d))`, the product taken element by
//! element. It multiplies two polynomials at `P` points: at the finite points by evaluating them, at
//! infinity by their leading coefficients. In two dimensions the matrices act on columns, then on rows.

use crate::kernels::simd::Simd;

/// The three matrices of `F(M, 2)`.
pub(super) trait Scheme<const M: usize, const P: usize>: Copy + Send + Sync {
    /// From `P` inputs to `P` factors.
    const INPUT: [[f32; P]; P];
    /// From the two taps to `P` factors.
    const WEIGHT: [[f32; 2]; P];
    /// From `P` products to `M` outputs.
    const OUTPUT: [[f32; P]; M];
}

/// `F(2, 2)` at the points 0, 1 and infinity: 9 multiplications for 16 in two dimensions.
#[derive(Clone, Copy)]
pub(super) struct F22;

impl Scheme<2, 3> for F22 {
    const INPUT: [[f32; 3]; 3] = [[1.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 1.0]];
    const WEIGHT: [[f32; 2]; 3] = [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    const OUTPUT: [[f32; 3]; 2] = [[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]];
}

/// `F(4, 2)` at the points 0, 1, -1, 2 and infinity: 25 multiplications for 64 in two dimensions.
#[derive(Clone, Copy)]
pub(super) struct F42;

impl Scheme<4, 5> for F42 {
    const INPUT: [[f32; 5]; 5] = [
        [2.0, -1.0, -2.0, 1.0, 0.0],
        [0.0, -2.0, -1.0, 1.0, 0.0],
        [0.0, 2.0, -3.0, 1.0, 0.0],
        [0.0, -1.0, 0.0, 1.0, 0.0],
        [0.0, 2.0, -1.0, -2.0, 1.0],
    ];
    const WEIGHT: [[f32; 2]; 5] =
        [[0.5, 0.0], [-0.5, -0.5], [-1.0 / 6.0, 1.0 / 6.0], [1.0 / 6.0, 1.0 / 3.0], [0.0, 1.0]];
    const OUTPUT: [[f32; 5]; 4] = [
        [1.0, 1.0, 1.0, 1.0, 0.0],
        [0.0, 1.0, -1.0, 2.0, 0.0],
        [0.0, 1.0, 1.0, 4.0, 0.0],
        [0.0, 1.0, -1.0, 8.0, 1.0],
    ];
}

/// The matrix with rows and columns exchanged: an adjoint.
pub(super) const fn transpose<const R: usize, const C: usize>(matrix: [[f32; C]; R]) -> [[f32; R]; C] {
    let mut transposed = [[0.0; R]; C];
    let mut r = 0;
    while r < R {
        let mut c = 0;
        while c < C {
            transposed[c][r] = matrix[r][c];
            c += 1;
        }
        r += 1;
    }
    transposed
}

/// `matrix x matrix^T`: the matrix applied to the columns of a square of vectors, then to its rows.
#[inline(always)]
pub(super) fn both_ways<S: Simd, const R: usize, const C: usize>(
    simd: S,
    matrix: &[[f32; C]; R],
    x: [[S::V; C]; C],
) -> [[S::V; R]; R] {
    let mut columns = [[simd.splat(0.0); C]; R];
    for (r, row) in matrix.iter().enumerate() {
        for c in 0..C {
            let mut column = [simd.splat(0.0); C];
            for (value, x) in column.iter_mut().zip(&x) {
                *value = x[c];
            }
            columns[r][c] = combination(simd, row, &column);
        }
    }
    let mut out = [[simd.splat(0.0); R]; R];
    for (r, columns) in columns.iter().enumerate() {
        for (s, row) in matrix.iter().enumerate() {
            out[r][s] = combination(simd, row, columns);
        }
    }
    out
}

/// The sum of `factor * x` over a row of a matrix, without the products that its zeros and ones spare: the
/// row is constant, so that this becomes a few instructions.
#[inline(always)]
fn combination<S: Simd, const C: usize>(simd: S, row: &[f32; C], x: &[S::V; C]) -> S::V {
    let mut sum: Option<S::V> = None;
    for (factor, x) in row.iter().copied().zip(*x) {
        sum = match sum {
            _ if factor == 0.0 => sum,
            None if factor == 1.0 => Some(x),
            None => Some(x * simd.splat(factor)),
            Some(sum) if factor == 1.0 => Some(sum + x),
            Some(sum) if factor == -1.0 => Some(sum - x),
            Some(sum) => Some(sum + x * simd.splat(factor)),
        };
    }
    sum.unwrap_or(simd.splat(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `OUTPUT ((WEIGHT g) * (INPUT d))` in `f64`.
    fn apply<const M: usize, const P: usize, F: Scheme<M, P>>(g: [f64; 2], d: [f64; P]) -> [f64; M] {
        let dot = |row: &[f32], x: &[f64]| row.iter().zip(x).map(|(f, x)| f64::from(*f) * x).sum::<f64>();
        let products: [f64; P] = std::array::from_fn(|p| dot(&F::WEIGHT[p], &g) * dot(&F::INPUT[p], &d));
        std::array::from_fn(|i| dot(&F::OUTPUT[i], &products))
    }

    fn is_a_filter<const M: usize, const P: usize, F: Scheme<M, P>>() {
        let (g, d) = ([3.0, -0.7], std::array::from_fn(|i| (i * i) as f64 - 2.5));
        let found = apply::<M, P, F>(g, d);
        for (i, found) in found.iter().enumerate() {
            let expected = g[0] * d[i] + g[1] * d[i + 1];
            // A sixth is no f32.
            assert!((found - expected).abs() < 1e-5, "output {i}: {found}, not {expected}");
        }
    }

    #[test]
    fn each_scheme_is_a_filter_of_two_taps() {
        is_a_filter::<2, 3, F22>();
        is_a_filter::<4, 5, F42>();
    }
}
