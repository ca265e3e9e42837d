//! The norm of a gradient.

use rayon::prelude::*;

/// Floats a task.
const TASK: usize = 16 * 1024;

/// The sum of squares, in `f64`; the same bits with any number of threads.
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let sum = |values: &[f32]| values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>();
    let sums: Vec<f64> = values.par_chunks(TASK).map(sum).collect();
    sums.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 + 4 + ... + n^2 = n (n + 1) (2n + 1) / 6, over several tasks.
    #[test]
    fn squares_are_summed() {
        let n = 40_000_u32;
        let values: Vec<f32> = (1..=n).map(|value| value as f32).collect();
        let n = f64::from(n);
        let expected = n * (n + 1.0) * (2.0 * n + 1.0) / 6.0;
        assert!((sum_of_squares(&values) / expected - 1.0).abs() < 1e-12);
        assert_eq!(sum_of_squares(&[]), 0.0);
    }
}
