//! A mean that follows its values.

use serde::{Deserialize, Serialize};

/// An exponential moving average, unbiased from the first value on, as Adam's corrected moments are.
///
/// pandas equivalent: `Series.ewm(span=span, adjust=True).mean()`.
///
/// ```
/// use dcgan_train::report::moving_average::MovingAverage;
/// let mut mean = MovingAverage::over(3);
/// // A value weighs half of the one after it: (2 + 1/2 * 8) / (1 + 1/2).
/// assert_eq!([mean.add(8.0), mean.add(2.0)], [8.0, 4.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MovingAverage {
    decay: f64,
    sum: f64,
    weight: f64,
}

impl MovingAverage {
    /// A mean over about `span` values: each weighs `1 - 2 / (span + 1)` of the one after it.
    pub fn over(span: usize) -> Self {
        Self { decay: 1.0 - 2.0 / (span as f64 + 1.0), sum: 0.0, weight: 0.0 }
    }

    /// Adds a value and returns the mean, NaN before the first value. One that is not finite is passed over.
    pub fn add(&mut self, value: f32) -> f64 {
        if value.is_finite() {
            self.sum = self.decay * self.sum + f64::from(value);
            self.weight = self.decay * self.weight + 1.0;
        }
        self.sum / self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, summed term by term.
    fn weighted_mean(values: &[f32], decay: f64) -> f64 {
        let weight = |age: usize| decay.powi(age as i32);
        let ages = 0..values.len();
        let sum: f64 = ages.clone().map(|age| weight(age) * f64::from(values[values.len() - 1 - age])).sum();
        sum / ages.map(weight).sum::<f64>()
    }

    #[test]
    fn it_is_the_weighted_mean_of_all_values_so_far() {
        let values: Vec<f32> = (0..50).map(|i| (i * i % 17) as f32 - 3.0).collect();
        let mut mean = MovingAverage::over(9);
        for count in 1..=values.len() {
            let (found, expected) = (mean.add(values[count - 1]), weighted_mean(&values[..count], 0.8));
            assert!((found - expected).abs() < 1e-12, "after {count}: {found}, not {expected}");
        }
    }

    #[test]
    fn what_is_no_number_changes_nothing() {
        let mut mean = MovingAverage::over(5);
        assert!(mean.add(f32::NAN).is_nan());
        let before = mean.add(2.0);
        assert_eq!([mean.add(f32::INFINITY), mean.add(f32::NAN)], [before, before]);
    }
}
