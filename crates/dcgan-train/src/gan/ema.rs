//! The mean of a network's weights over the steps of its training.

use std::collections::BTreeMap;

use dcgan_core::TensorData;
use dfdx::prelude::*;

use crate::backend::operations::{Array, Backend, DeviceError, DeviceResult};
use crate::networks::layers::{FIRST_CONVOLUTION, Layer, Visitor};
use crate::networks::state_dict::StateDict;

/// The name of the count among the tensors of a state.
const UPDATES: &str = "updates";

/// An exponential moving average of a network's parameters (Yazici et al., 2019: of a GAN's generator, it draws better
/// images than the weights of any one step).
///
/// Update `t`, from 1, keeps `min(decay, t / (t + 9))` of the mean: a short run's is not one of the random weights that
/// it began with. BatchNorm's statistics are not averaged, since they would be those of other weights:
/// [`recalibrate`](crate::networks::recalibrate) computes them anew.
///
/// TensorFlow equivalent: `tf.train.ExponentialMovingAverage(decay, num_updates)`, `num_updates` counted from 0.
pub struct Ema<B: Backend> {
    decay: f64,
    updates: u64,
    /// The means by the parameters' names, flat.
    means: BTreeMap<String, Array<(usize,), B>>,
}

impl<B: Backend> Ema<B> {
    /// A mean of no steps, with a decay from 0 up to, not including, 1.
    pub fn new(decay: f64) -> Self {
        Self { decay, updates: 0, means: BTreeMap::new() }
    }

    /// Takes the parameters of a network into the mean.
    ///
    /// # Errors
    /// If the device fails.
    pub fn update<L: Layer<B>>(&mut self, layer: &mut L) -> DeviceResult<(), B> {
        self.updates += 1;
        let updates = self.updates as f64;
        let keep = self.decay.min(updates / (updates + 9.0));
        layer.visit(FIRST_CONVOLUTION, &mut Update { keep, means: &mut self.means })
    }

    /// Gives a network of the same architecture the means as parameters; those of which there is none stay.
    ///
    /// # Errors
    /// If the device fails.
    pub fn apply<L: Layer<B>>(&self, layer: &mut L) -> DeviceResult<(), B> {
        layer.visit(FIRST_CONVOLUTION, &mut Apply { means: &self.means })
    }

    /// The means, flat, by the parameters' names, and the count of updates, to go on from.
    pub fn state(&self) -> StateDict {
        let count = (UPDATES.to_owned(), TensorData::Count(self.updates as i64));
        let means = self.means.iter().map(|(name, mean)| {
            let mut values = vec![0.0; mean.shape().num_elements()];
            B::read(mean, &mut values);
            (name.clone(), TensorData::from_values(&[values.len()], values))
        });
        means.chain([count]).collect()
    }

    /// Takes back what [`Ema::state`] gave.
    ///
    /// # Errors
    /// If the device fails.
    pub fn restore(&mut self, device: &B::Device, state: &StateDict) -> DeviceResult<(), B> {
        (self.updates, self.means) = (0, BTreeMap::new());
        for (name, data) in state {
            match data {
                TensorData::Count(count) => self.updates = (*count).try_into().unwrap_or(0),
                TensorData::F32(values) => {
                    let values: Vec<f32> = values.iter().copied().collect();
                    let shape = (values.len(),);
                    self.means.insert(name.clone(), device.try_tensor_from_vec(values, shape)?);
                }
            }
        }
        Ok(())
    }
}

struct Update<'a, B: Backend> {
    keep: f64,
    means: &'a mut BTreeMap<String, Array<(usize,), B>>,
}

impl<B: Backend> Visitor<B> for Update<'_, B> {
    type Error = DeviceError<B>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        // A view, which is gone before the parameter changes again.
        let flat = tensor.clone().try_reshape_like(&(tensor.shape().num_elements(),))?;
        match self.means.get_mut(name) {
            Some(mean) => mean.try_axpy(self.keep, &flat, 1.0 - self.keep),
            None => {
                self.means.insert(name.to_owned(), flat);
                Ok(())
            }
        }
    }
}

struct Apply<'a, B: Backend> {
    means: &'a BTreeMap<String, Array<(usize,), B>>,
}

impl<B: Backend> Visitor<B> for Apply<'_, B> {
    type Error = DeviceError<B>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        if let Some(mean) = self.means.get(name) {
            *tensor = mean.clone().try_reshape_like(tensor.shape())?;
        }
        Ok(())
    }
}
