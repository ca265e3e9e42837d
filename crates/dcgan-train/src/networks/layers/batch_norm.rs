//! BatchNorm (Ioffe and Szegedy, 2015): parameters and running statistics; a backend does the arithmetic.

use dcgan_core::spec::BATCH_NORM_MOMENTUM;
use dfdx::prelude::*;

use super::layer::Visitor;
use crate::backend::operations::{Backend, DeviceResult, Norm, Parameter, Statistics};

/// BatchNorm over `C` channels.
///
/// PyTorch equivalent: `torch.nn.BatchNorm2d(C)`.
pub struct BatchNorm<const C: usize, B: Backend> {
    scale: Parameter<Rank1<C>, B>,
    bias: Parameter<Rank1<C>, B>,
    running: Statistics<C, B>,
    batches: u64,
}

impl<const C: usize, B: Backend> BatchNorm<C, B> {
    pub(super) fn build(device: &B::Device) -> DeviceResult<Self, B> {
        let running = Statistics { mean: device.try_zeros()?, variance: device.try_ones()? };
        Ok(Self { scale: Parameter::build(device)?, bias: Parameter::build(device)?, running, batches: 0 })
    }

    /// To normalise with the statistics of the batch.
    pub(super) fn batch(&self) -> Norm<'_, C, B> {
        Norm { scale: &self.scale, bias: &self.bias, running: None }
    }

    /// To normalise with the running statistics.
    pub(super) fn running(&self) -> Norm<'_, C, B> {
        Norm { scale: &self.scale, bias: &self.bias, running: Some(&self.running) }
    }

    /// Moves the running statistics towards those of a batch.
    pub(super) fn remember(&mut self, batch: Option<Statistics<C, B>>) -> DeviceResult<(), B> {
        let Some(batch) = batch else { return Ok(()) };
        let (keep, take) = (1.0 - BATCH_NORM_MOMENTUM, BATCH_NORM_MOMENTUM);
        self.running.mean.try_axpy(keep, &batch.mean, take)?;
        self.running.variance.try_axpy(keep, &batch.variance, take)?;
        self.batches += 1;
        Ok(())
    }

    pub(super) fn visit<V: Visitor<B>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        visitor.parameter(&format!("bn{index}.weight"), self.scale.values_mut())?;
        visitor.parameter(&format!("bn{index}.bias"), self.bias.values_mut())?;
        visitor.statistic(&format!("bn{index}.running_mean"), &mut self.running.mean)?;
        visitor.statistic(&format!("bn{index}.running_var"), &mut self.running.variance)?;
        visitor.count(&format!("bn{index}.num_batches_tracked"), &mut self.batches)
    }
}
