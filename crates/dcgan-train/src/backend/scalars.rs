//! Values that training reports about itself, such as losses.
//!
//! Reading one waits for the device. A GPU that is waited for runs dry, so its backend keeps the values of many steps and
//! copies them together.

use std::ops::Range;

/// Names a scalar: the indices of the parts that it is the sum of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalarId(pub(crate) Range<usize>);

/// Scalars that were read, and the [`DeviceScalars`](crate::backend::operations::DeviceScalars) of backends that compute on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScalarValues(Vec<f64>);

impl ScalarValues {
    /// Appends a scalar.
    pub(crate) fn push(&mut self, number: f64) -> ScalarId {
        self.0.push(number);
        ScalarId(self.0.len() - 1..self.0.len())
    }

    /// Adds to the first part of a scalar.
    pub(crate) fn add_to(&mut self, sum: &ScalarId, number: f64) {
        self.0[sum.0.start] += number;
    }

    /// The value of a scalar.
    ///
    /// # Panics
    /// If `entry` names a scalar that was recorded after this reading, or elsewhere.
    pub fn get(&self, entry: &ScalarId) -> f64 {
        self.0[entry.0.clone()].iter().sum()
    }
}

impl FromIterator<f32> for ScalarValues {
    fn from_iter<I: IntoIterator<Item = f32>>(numbers: I) -> Self {
        Self(numbers.into_iter().map(f64::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_sum_of_its_parts() {
        let numbers: ScalarValues = [1.0, 2.0, 4.0, 8.0].into_iter().collect();
        assert_eq!(numbers.get(&ScalarId(1..3)), 6.0);
    }
}
