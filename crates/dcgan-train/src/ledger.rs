//! Numbers that training says of itself, kept where they were computed until somebody reads them.
//!
//! To read a number is to wait for the device. A GPU that is waited for has nothing to do afterwards, so its engine keeps
//! the numbers of many steps, and they travel together.

use std::mem;
use std::ops::Range;

use dfdx::prelude::*;

use crate::engine::{Array, Buffer, DeviceResult, Engine, FeatureShape};
use crate::loss::{Goal, mean_probability, scalar};

/// Where a number stands in a ledger, as parts whose sum it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry(pub(crate) Range<usize>);

/// A loss that a backward pass can begin at, and where its numbers stand.
pub struct Judged<E: Engine, T> {
    /// The loss.
    pub loss: Array<Rank0, E, T>,
    /// The loss as a number.
    pub value: Entry,
    /// The mean of the probabilities that the logits stand for.
    pub probability: Entry,
}

/// The numbers of an engine that nobody has read.
pub trait Ledger<E: Engine>: Default {
    /// The loss of logits `[1, N]`, which is the end of what is computed: a backward pass begins at it.
    ///
    /// # Errors
    /// If the device fails; so do the others.
    fn judge<T: Tape<f32, E::Device>>(
        &mut self,
        logits: Array<FeatureShape<1>, E, T>,
        goal: Goal,
    ) -> DeviceResult<Judged<E, T>, E>;

    /// Begins a sum.
    ///
    /// # Errors
    /// As [`Ledger::judge`].
    fn begin_sum(&mut self, device: &E::Device) -> DeviceResult<Entry, E>;

    /// Adds the squares of a buffer's floats to a sum.
    ///
    /// # Errors
    /// As [`Ledger::judge`].
    ///
    /// # Panics
    /// If [`Ledger::begin_sum`] did not begin it since the last reading.
    fn add_squares(&mut self, device: &E::Device, sum: &Entry, buffer: &mut Buffer<E>)
    -> DeviceResult<(), E>;

    /// Takes all numbers out: this waits for the device.
    ///
    /// # Errors
    /// As [`Ledger::judge`].
    fn read(&mut self, device: &E::Device) -> DeviceResult<Numbers, E>;
}

/// What stood in a ledger when it was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers(Vec<f64>);

impl Numbers {
    fn add(&mut self, number: f64) -> Entry {
        self.0.push(number);
        Entry(self.0.len() - 1..self.0.len())
    }

    /// The number of an entry.
    ///
    /// # Panics
    /// If it was made after these were read, or for others.
    pub fn get(&self, entry: &Entry) -> f64 {
        self.0[entry.0.clone()].iter().sum()
    }
}

/// The ledger of an engine that does not let numbers wait.
impl<E: Engine> Ledger<E> for Numbers {
    fn judge<T: Tape<f32, E::Device>>(
        &mut self,
        logits: Array<FeatureShape<1>, E, T>,
        goal: Goal,
    ) -> DeviceResult<Judged<E, T>, E> {
        let probability = self.add(mean_probability::<E>(&logits.retaped()).into());
        let loss = goal.loss::<E, T>(logits)?;
        let value = self.add(scalar::<E, _>(&loss).into());
        Ok(Judged { loss, value, probability })
    }

    fn begin_sum(&mut self, _: &E::Device) -> DeviceResult<Entry, E> {
        Ok(self.add(0.0))
    }

    fn add_squares(
        &mut self,
        device: &E::Device,
        sum: &Entry,
        buffer: &mut Buffer<E>,
    ) -> DeviceResult<(), E> {
        self.0[sum.0.start] += E::sum_of_squares(device, buffer)?;
        Ok(())
    }

    fn read(&mut self, _: &E::Device) -> DeviceResult<Numbers, E> {
        Ok(mem::take(self))
    }
}

impl FromIterator<f32> for Numbers {
    fn from_iter<I: IntoIterator<Item = f32>>(numbers: I) -> Self {
        Self(numbers.into_iter().map(f64::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_sum_of_its_parts() {
        let numbers: Numbers = [1.0, 2.0, 4.0, 8.0].into_iter().collect();
        assert_eq!(numbers.get(&Entry(1..3)), 6.0);
    }
}
