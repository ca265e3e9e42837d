use super::*;
use crate::simd::{Kernel, LANES, Level, Vector};

/// A matrix as it acts, found from the columns of the identity.
fn entries<M: Matrix<C, R>, const R: usize, const C: usize>(level: Level) -> [[f32; C]; R] {
    struct Column<M, const R: usize, const C: usize>(usize, std::marker::PhantomData<M>);

    impl<M: Matrix<C, R>, const R: usize, const C: usize> Kernel for Column<M, R, C> {
        type Output = [f32; R];

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> [f32; R] {
            let unit = std::array::from_fn(|c| simd.splat(if c == self.0 { 1.0 } else { 0.0 }));
            M::apply(simd, unit).map(|value| {
                let mut lanes = [0.0; LANES];
                value.store(&mut lanes);
                lanes[0]
            })
        }
    }

    let columns: [[f32; R]; C] =
        std::array::from_fn(|c| level.run(Column::<M, R, C>(c, std::marker::PhantomData)));
    std::array::from_fn(|r| columns.map(|column| column[r]))
}

fn is_transpose<const R: usize, const C: usize>(matrix: [[f32; C]; R], adjoint: [[f32; R]; C]) {
    for (r, row) in matrix.iter().enumerate() {
        for (value, column) in row.iter().zip(adjoint) {
            // A sixth and its double round apart.
            assert!((value - column[r]).abs() < 1e-7, "{matrix:?} is not the transpose of {adjoint:?}");
        }
    }
}

/// Two taps applied to `P` inputs by a scheme, in `f64`, are the `M` sums of the definition; and the
/// adjoints are transposes.
fn is_a_filter<F: Scheme<M, P>, const M: usize, const P: usize>() {
    let dot = |row: &[f32], x: &[f64]| row.iter().zip(x).map(|(f, x)| f64::from(*f) * x).sum::<f64>();
    for level in Level::available() {
        let input = entries::<F::Input, P, P>(level);
        let weight = entries::<F::Weight, P, 2>(level);
        let output = entries::<F::Output, M, P>(level);
        let (g, d) = ([3.0, -0.7], std::array::from_fn::<f64, P, _>(|i| (i * i) as f64 - 2.5));
        let products: [f64; P] = std::array::from_fn(|p| dot(&weight[p], &g) * dot(&input[p], &d));
        for (i, row) in output.iter().enumerate() {
            let (found, expected) = (dot(row, &products), g[0] * d[i] + g[1] * d[i + 1]);
            // A sixth is no f32.
            assert!((found - expected).abs() < 1e-5, "{level:?}, output {i}: {found}, not {expected}");
        }
        is_transpose(input, entries::<F::InputAdjoint, P, P>(level));
        is_transpose(weight, entries::<F::WeightAdjoint, 2, P>(level));
        is_transpose(output, entries::<F::OutputAdjoint, P, M>(level));
    }
}

#[test]
fn each_scheme_is_a_filter_of_two_taps() {
    is_a_filter::<F22, 2, 3>();
    is_a_filter::<F42, 4, 5>();
}
