//! Spectral normalisation (Miyato et al., 2018): a weight divided by an estimate of its largest singular value.
//!
//! A weight `[R, ...]` is a matrix of `R` rows. `u`, of `R` numbers, and `v`, one number a column, approach its
//! first singular vectors; `u^T W v` is the estimate.

use rayon::prelude::*;

/// What a vector is divided by at least when it is brought to length 1: PyTorch's `eps`.
pub const EPS: f32 = 1e-12;
/// Sums that run side by side in a product.
const LANES: usize = 16;
/// Columns that a task takes.
const BLOCK: usize = 256;

/// One step of both vectors towards the singular ones.
///
/// PyTorch equivalent: what `torch.nn.utils.spectral_norm` does before each training forward pass.
///
/// # Panics
/// If the weight has not as many values as `u` times `v`.
pub fn power_iteration(weight: &[f32], u: &mut [f32], v: &mut [f32]) {
    check(weight, u, v);
    v.fill(0.0);
    let columns = v.len();
    v.par_chunks_mut(BLOCK).enumerate().for_each(|(block, v)| {
        for (row, u) in weight.chunks_exact(columns).zip(&*u) {
            let row = &row[block * BLOCK..][..v.len()];
            v.iter_mut().zip(row).for_each(|(sum, value)| *sum += u * value);
        }
    });
    normalise(v);
    product(weight, v, u);
    normalise(u);
}

/// The estimate `u^T W v`.
///
/// # Panics
/// As [`power_iteration`].
pub fn sigma(weight: &[f32], u: &[f32], v: &[f32]) -> f32 {
    check(weight, u, v);
    let mut image = vec![0.0; u.len()];
    product(weight, v, &mut image);
    dot(u, &image)
}

/// Adds to `sum` the gradient of the weight `W`, where `gradient` is that of `normal = W / sigma` and the vectors
/// are constants: `(G - <G, W / sigma> u v^T) / sigma`.
///
/// # Panics
/// If a slice has another size than the weight.
pub fn add_gradient(sigma: f32, normal: &[f32], u: &[f32], v: &[f32], gradient: &[f32], sum: &mut [f32]) {
    check(normal, u, v);
    assert_eq!([gradient.len(), sum.len()], [normal.len(); 2], "gradients are as large as the weight");
    let columns = v.len();
    let rows = gradient.par_chunks_exact(columns).zip(normal.par_chunks_exact(columns));
    // Collected in the order of the rows, so that the sum is the same with any number of threads.
    let products: Vec<f32> = rows.map(|(gradient, normal)| dot(gradient, normal)).collect();
    let product: f32 = products.iter().sum();
    let rows = sum.par_chunks_exact_mut(columns).zip(gradient.par_chunks_exact(columns)).zip(u);
    rows.for_each(|((sum, gradient), u)| {
        let share = product * u;
        let values = gradient.iter().zip(v);
        sum.iter_mut().zip(values).for_each(|(sum, (gradient, v))| *sum += (gradient - share * v) / sigma);
    });
}

fn check(weight: &[f32], u: &[f32], v: &[f32]) {
    assert_eq!(weight.len(), u.len() * v.len(), "a weight of {} rows and {} columns", u.len(), v.len());
}

/// `W v`.
fn product(weight: &[f32], v: &[f32], result: &mut [f32]) {
    weight.par_chunks_exact(v.len()).zip(result).for_each(|(row, result)| *result = dot(row, v));
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (mut a, mut b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut sums = [0.0; LANES];
    for (a, b) in a.by_ref().zip(b.by_ref()) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

fn normalise(vector: &mut [f32]) {
    let length = dot(vector, vector).sqrt().max(EPS);
    vector.iter_mut().for_each(|value| *value /= length);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `2 a b^T + c d^T` with unit vectors at right angles: the singular values are 2 and 1.
    #[test]
    fn iterations_find_the_largest_singular_value() {
        let (a, c) = ([0.6, 0.8], [-0.8, 0.6]);
        let columns = 40;
        let unit = |odd: bool| -> Vec<f32> {
            (0..columns).map(|i| if (i % 2 == 1) == odd { 20f32.sqrt().recip() } else { 0.0 }).collect()
        };
        let (b, d) = (unit(false), unit(true));
        let entry = |r: usize, i: usize| 2.0 * a[r] * b[i] + c[r] * d[i];
        let weight: Vec<f32> = (0..2 * columns).map(|at| entry(at / columns, at % columns)).collect();
        let (mut u, mut v) = (vec![1.0, 0.0], vec![0.0; columns]);
        for _ in 0..20 {
            power_iteration(&weight, &mut u, &mut v);
        }
        assert!((sigma(&weight, &u, &v) - 2.0).abs() < 1e-6);
        assert!(u.iter().zip(a).all(|(found, expected)| (found - expected).abs() < 1e-5), "{u:?}");
    }

    #[test]
    fn a_weight_of_zeros_gives_no_vectors_that_are_not_numbers() {
        let (mut u, mut v) = (vec![1.0, 0.0], vec![0.0; 3]);
        power_iteration(&[0.0; 6], &mut u, &mut v);
        assert_eq!((u, v), (vec![0.0; 2], vec![0.0; 3]));
    }
}
