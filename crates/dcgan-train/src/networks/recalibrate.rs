//! BatchNorm's statistics, computed anew for the weights that a network has.
//!
//! The running statistics of training are those of weights that have changed since, and of batches with real numbers
//! of latents in them; a mean of weights has none at all. A generator draws with them: where they are not those of its
//! weights, its images are too dark, too bright or washed out.

use std::collections::BTreeMap;
use std::path::Path;

use dcgan_core::checkpoint::Checkpoint;
use dcgan_core::rng::Rng;
use dcgan_core::spec::BATCH_NORM_MOMENTUM;
use dcgan_core::streams;
use dfdx::prelude::*;

use crate::backend::error::BackendError;
use crate::backend::operations::{Array, Backend, DeviceError, DeviceResult, RequiresGrad};
use crate::networks::arch::{Architecture, ForArchitecture};
use crate::networks::batch::random_latents;
use crate::networks::error::NetworkError;
use crate::networks::layers::{FIRST_CONVOLUTION, Layer, Visitor};
use crate::networks::sampler::architecture;
use crate::networks::state_dict::{self, StateDict};

/// Batches that are enough for three digits of the statistics.
pub const BATCHES: u64 = 32;
/// Latents a batch.
pub const BATCH_SIZE: usize = 128;

/// Gives a generator the statistics of `batches` batches of [`BATCH_SIZE`] latents, the same ones each time.
///
/// # Errors
/// If the device fails.
pub fn recalibrate<A: Architecture, B: Backend>(
    device: &B::Device,
    generator: &mut A::Generator<B>,
    batches: u64,
) -> DeviceResult<(), B> {
    let latents = |batch| {
        let mut rng = Rng::stream(0, streams::CALIBRATION, batch);
        random_latents::<A, B>(device, &mut rng, BATCH_SIZE)
    };
    use_statistics_of::<B, _>(generator, (0..batches).map(latents))
}

/// Replaces a network's running statistics by the means of those of some batches, each batch being normalised with
/// its own, and its count of batches by theirs.
///
/// PyTorch equivalent: `torch.optim.swa_utils.update_bn(batches, module)`: `momentum = None`, reset, forward passes.
///
/// # Errors
/// If the device fails, and those of `batches`.
pub fn use_statistics_of<B: Backend, L: Layer<B>>(
    network: &mut L,
    batches: impl IntoIterator<Item = DeviceResult<Array<L::Input, B>, B>>,
) -> DeviceResult<(), B> {
    let mut statistics = Statistics { sums: BTreeMap::new(), batches: 0 };
    for batch in batches {
        network.visit(FIRST_CONVOLUTION, &mut Forget)?;
        network.train(batch?, RequiresGrad::NONE)?;
        network.visit(FIRST_CONVOLUTION, &mut Gather(&mut statistics))?;
        statistics.batches += 1;
    }
    network.visit(FIRST_CONVOLUTION, &mut Replace(&statistics))
}

/// [`recalibrate`] of a generator's checkpoint: the same weights with other statistics, and a record that says so. What was
/// measured of its images is dropped: with other statistics, they are others.
///
/// # Errors
/// If the file is no generator of an architecture in the table, or the device fails.
pub fn recalibrate_checkpoint<B: Backend>(
    device: &B::Device,
    path: &Path,
    batches: u64,
) -> Result<Checkpoint, NetworkError> {
    let (spec, mut checkpoint) = Checkpoint::load_generator(path)?;
    let computation = Recalibrate::<B> { device, state: &checkpoint.tensors, batches };
    checkpoint.tensors =
        architecture(&spec, path)?.run(computation).map_err(|error| BackendError::new::<B>(&error))?;
    checkpoint.record.measured.clear();
    checkpoint.record.options.insert("recalibrated_batches".to_owned(), batches.into());
    Ok(checkpoint)
}

struct Recalibrate<'a, B: Backend> {
    device: &'a B::Device,
    state: &'a StateDict,
    batches: u64,
}

impl<B: Backend> ForArchitecture for Recalibrate<'_, B> {
    type Output = DeviceResult<StateDict, B>;

    fn run<A: Architecture>(self, _: &'static str) -> Self::Output {
        let mut generator = state_dict::from_state_dict::<B, A::Generator<B>>(self.device, self.state)?;
        recalibrate::<A, B>(self.device, &mut generator, self.batches)?;
        Ok(state_dict::state_dict::<B, _>(&mut generator))
    }
}

/// Sums of the statistics by name, in `f64`, over so many batches.
struct Statistics {
    sums: BTreeMap<String, Vec<f64>>,
    batches: u64,
}

/// Sets the running statistics to 0: what a training pass leaves there then is its batch's share alone.
struct Forget;

impl<B: Backend> Visitor<B> for Forget {
    type Error = DeviceError<B>;

    fn statistic<S: Shape>(&mut self, _: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        *tensor = tensor.device().try_zeros_like(tensor.shape())?;
        Ok(())
    }
}

/// Adds the statistics of the pass behind [`Forget`].
struct Gather<'a>(&'a mut Statistics);

impl<B: Backend> Visitor<B> for Gather<'_> {
    type Error = DeviceError<B>;

    fn statistic<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        let mut values = vec![0.0; tensor.shape().num_elements()];
        B::read(tensor, &mut values);
        let sums = self.0.sums.entry(name.to_owned()).or_insert_with(|| vec![0.0; values.len()]);
        let share = f64::from(BATCH_NORM_MOMENTUM);
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value) / share);
        Ok(())
    }
}

/// Puts the means in the place of the running statistics, where there was a batch.
struct Replace<'a>(&'a Statistics);

impl<B: Backend> Visitor<B> for Replace<'_> {
    type Error = DeviceError<B>;

    fn statistic<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        let Some(sums) = self.0.sums.get(name) else { return Ok(()) };
        let means = sums.iter().map(|sum| (sum / self.0.batches as f64) as f32).collect();
        *tensor = tensor.device().try_tensor_from_vec(means, *tensor.shape())?;
        Ok(())
    }

    fn count(&mut self, _: &str, count: &mut u64) -> DeviceResult<(), B> {
        if self.0.batches > 0 {
            *count = self.0.batches;
        }
        Ok(())
    }
}
