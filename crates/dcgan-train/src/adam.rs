//! Adam over all parameters of a network, its state in our hands.
//!
//! dfdx's own optimizer keeps its moments and its step count to itself, so that a run could not be resumed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use dfdx::prelude::*;

use crate::engine::{AdamStep, Array, Buffer, DeviceError, DeviceResult, Engine, Grads};
use crate::layers::{FIRST_CONVOLUTION, Layer, Visitor};

/// Adam's settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamConfig {
    /// The learning rate, 0.0002 by default.
    pub learning_rate: f64,
    /// Decay of the first and of the second moment, 0.5 and 0.999 by default.
    pub betas: [f64; 2],
    /// Added to the root of the second moment, 1e-8 by default.
    pub eps: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { learning_rate: 2e-4, betas: [0.5, 0.999], eps: 1e-8 }
    }
}

/// Adam (Kingma and Ba, 2014).
///
/// PyTorch equivalent: `torch.optim.Adam(module.parameters(), learning_rate, betas, eps)`.
pub struct Adam<E: Engine> {
    config: AdamConfig,
    time: i32,
    moments: BTreeMap<String, [Buffer<E>; 2]>,
}

impl<E: Engine> Adam<E> {
    /// An optimizer that has made no step.
    pub fn new(config: AdamConfig) -> Self {
        Self { config, time: 0, moments: BTreeMap::new() }
    }

    /// One step: every parameter of `layer` moves against its gradient, at `factor` times the learning rate.
    ///
    /// # Errors
    /// If the device fails.
    pub fn step<L: Layer<E>>(
        &mut self,
        layer: &mut L,
        mut grads: Grads<E>,
        factor: f64,
    ) -> DeviceResult<(), E> {
        self.time += 1;
        let AdamConfig { learning_rate, betas, eps } = self.config;
        let step = AdamStep { learning_rate: factor * learning_rate, betas, eps, time: self.time };
        layer.visit(FIRST_CONVOLUTION, &mut Update { step, moments: &mut self.moments, grads: &mut grads })
    }
}

struct Update<'a, E: Engine> {
    step: AdamStep,
    moments: &'a mut BTreeMap<String, [Buffer<E>; 2]>,
    grads: &'a mut Grads<E>,
}

impl<E: Engine> Visitor<E> for Update<'_, E> {
    type Error = DeviceError<E>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, E>) -> DeviceResult<(), E> {
        let moments = match self.moments.entry(name.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let (device, count) = (tensor.device(), tensor.shape().num_elements());
                let zeros = || Storage::<f32>::try_alloc_len(device, count);
                entry.insert([zeros()?, zeros()?])
            }
        };
        E::adam(self.step, tensor, moments, self.grads.get_or_alloc_mut(tensor)?)
    }

    fn statistic<S: Shape>(&mut self, _: &str, _: &mut Array<S, E>) -> DeviceResult<(), E> {
        Ok(())
    }

    fn count(&mut self, _: &str, _: &mut u64) -> DeviceResult<(), E> {
        Ok(())
    }
}
