//! Adam over all parameters of a network, its state in our hands.
//!
//! dfdx's own optimizer keeps its moments and its step count to itself, so that a run could not be resumed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use dcgan_core::TensorData;
use dfdx::prelude::*;

use crate::backend::operations::DeviceScalars;
use crate::backend::operations::{AdamStep, Array, Backend, Buffer, DeviceError, DeviceResult, Grads};
use crate::backend::scalars::ScalarId;
use crate::networks::layers::{FIRST_CONVOLUTION, Layer, Visitor};
use crate::networks::state_dict::{LoadError, StateDict, values_of};

/// PyTorch's names of the moments.
const MOMENTS: [&str; 2] = ["exp_avg", "exp_avg_sq"];
/// PyTorch's name of the count of steps.
const STEP: &str = "step";

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
pub struct Adam<B: Backend> {
    config: AdamConfig,
    time: i32,
    moments: BTreeMap<String, [Buffer<B>; 2]>,
}

impl<B: Backend> Adam<B> {
    /// An optimizer that has made no step.
    pub fn new(config: AdamConfig) -> Self {
        Self { config, time: 0, moments: BTreeMap::new() }
    }

    /// One step: every parameter of `layer` moves against its gradient, at `factor` times the learning rate. The sum of
    /// the gradient's squares over all parameters becomes a device scalar.
    ///
    /// # Errors
    /// If the device fails.
    pub fn step<L: Layer<B>>(
        &mut self,
        layer: &mut L,
        mut grads: Grads<B>,
        factor: f64,
        (device, scalars): (&B::Device, &mut B::DeviceScalars),
    ) -> DeviceResult<ScalarId, B> {
        self.time += 1;
        let AdamConfig { learning_rate, betas, eps } = self.config;
        let step = AdamStep { learning_rate: factor * learning_rate, betas, eps, time: self.time };
        let squares = scalars.begin_sum(device)?;
        let (moments, grads) = (&mut self.moments, &mut grads);
        layer.visit(FIRST_CONVOLUTION, &mut Update { step, moments, grads, scalars, squares: &squares })?;
        Ok(squares)
    }

    /// Moments and count of steps, to go on from: `exp_avg.` and `exp_avg_sq.` with each parameter's name, `step`.
    ///
    /// # Errors
    /// If the device fails.
    pub fn state<L: Layer<B>>(&mut self, layer: &mut L) -> DeviceResult<StateDict, B> {
        let step = TensorData::Count(self.time.into());
        let mut state = StateDict::from([(STEP.to_owned(), step)]);
        layer.visit(FIRST_CONVOLUTION, &mut Save { moments: &mut self.moments, state: &mut state })?;
        Ok(state)
    }

    /// Takes back what [`Adam::state`] gave.
    ///
    /// # Errors
    /// If a tensor is missing or of another shape, or the device fails.
    pub fn restore<L: Layer<B>>(
        &mut self,
        layer: &mut L,
        state: &StateDict,
    ) -> Result<(), LoadError<DeviceError<B>>> {
        let time = match state.get(STEP) {
            Some(TensorData::Count(time)) => i32::try_from(*time).ok(),
            _ => None,
        };
        self.time = time.ok_or_else(|| LoadError::Missing(STEP.to_owned()))?;
        self.moments.clear();
        if self.time > 0 {
            layer.visit(FIRST_CONVOLUTION, &mut Restore { moments: &mut self.moments, state })?;
        }
        Ok(())
    }
}

struct Save<'a, B: Backend> {
    moments: &'a mut BTreeMap<String, [Buffer<B>; 2]>,
    state: &'a mut StateDict,
}

impl<B: Backend> Visitor<B> for Save<'_, B> {
    type Error = DeviceError<B>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        let Some(moments) = self.moments.get_mut(name) else { return Ok(()) };
        let shape: Vec<usize> = tensor.shape().concrete().into();
        for (moment, buffer) in MOMENTS.into_iter().zip(moments) {
            let values = B::buffer_values(tensor.device(), buffer)?;
            self.state.insert(format!("{moment}.{name}"), TensorData::from_values(&shape, values));
        }
        Ok(())
    }
}

struct Restore<'a, B: Backend> {
    moments: &'a mut BTreeMap<String, [Buffer<B>; 2]>,
    state: &'a StateDict,
}

impl<B: Backend> Visitor<B> for Restore<'_, B> {
    type Error = LoadError<DeviceError<B>>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> Result<(), Self::Error> {
        let buffer = |moment: &str| {
            let values = values_of(self.state, &format!("{moment}.{name}"), tensor.shape())?;
            B::buffer(tensor.device(), values).map_err(LoadError::Device)
        };
        let [first, second] = MOMENTS.map(buffer);
        self.moments.insert(name.to_owned(), [first?, second?]);
        Ok(())
    }
}

struct Update<'a, B: Backend> {
    step: AdamStep,
    moments: &'a mut BTreeMap<String, [Buffer<B>; 2]>,
    grads: &'a mut Grads<B>,
    scalars: &'a mut B::DeviceScalars,
    squares: &'a ScalarId,
}

impl<B: Backend> Visitor<B> for Update<'_, B> {
    type Error = DeviceError<B>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        let moments = match self.moments.entry(name.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let (device, count) = (tensor.device(), tensor.shape().num_elements());
                let zeros = || Storage::<f32>::try_alloc_len(device, count);
                entry.insert([zeros()?, zeros()?])
            }
        };
        let gradient = self.grads.get_or_alloc_mut(tensor)?;
        self.scalars.add_squares(tensor.device(), self.squares, gradient)?;
        B::adam(self.step, tensor, moments, gradient)
    }
}
