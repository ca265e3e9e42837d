//! A layer, a stack of layers, and visitors of their values.

use dfdx::prelude::*;

use crate::backend::operations::{Array, Backend, DeviceResult, RequiresGrad};

/// The number of a network's first convolution: PyTorch's names, such as `conv1.weight`, count from 1.
pub const FIRST_CONVOLUTION: usize = 1;

/// A layer or a stack of them.
pub trait Layer<B: Backend>: Sized {
    /// Shape of the input.
    type Input: Shape;
    /// Shape of the output.
    type Output: Shape;

    /// Number of convolutions: PyTorch's names count them, and linear layers not.
    const CONVOLUTIONS: usize;

    /// A layer with all values 0, to be [initialised](crate::networks::init) or loaded.
    ///
    /// # Errors
    /// If the device fails.
    fn build(device: &B::Device) -> DeviceResult<Self, B>;

    /// The training forward pass: BatchNorm uses the batch's statistics and updates the running ones, with a
    /// tape or without.
    ///
    /// # Errors
    /// If the device fails.
    fn train<T: Tape<f32, B::Device>>(
        &mut self,
        x: Array<Self::Input, B, T>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<Self::Output, B, T>, B>;

    /// The forward pass for sampling: BatchNorm uses the running statistics, so that each image depends on
    /// its own input alone.
    ///
    /// PyTorch equivalent: `eval()` and `no_grad()`.
    ///
    /// # Errors
    /// If the device fails.
    fn infer(&self, x: Array<Self::Input, B>) -> DeviceResult<Array<Self::Output, B>, B>;

    /// Normalises the weights spectrally from now on, with vectors of zeros, to be
    /// [initialised](crate::networks::init) or loaded. No-op for generator layers.
    ///
    /// PyTorch equivalent: `torch.nn.utils.spectral_norm(module)`.
    ///
    /// # Errors
    /// If the device fails.
    fn add_spectral_norm(&mut self) -> DeviceResult<(), B> {
        Ok(())
    }

    /// Shows a visitor every value of the state dict, in the order of the forward pass; `index` numbers the
    /// first convolution.
    ///
    /// # Errors
    /// The visitor's.
    fn visit<V: Visitor<B>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error>;
}

/// What is done with the values of a network: initialise, save, load, update. Those that it has no use of are passed over.
pub trait Visitor<B: Backend> {
    /// What can go wrong.
    type Error;

    /// A trained tensor.
    ///
    /// # Errors
    /// The visitor's own.
    fn parameter<S: Shape>(&mut self, _: &str, _: &mut Array<S, B>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A value that training changes without a gradient: a running statistic of BatchNorm, a vector of spectral
    /// normalisation.
    ///
    /// # Errors
    /// The visitor's own.
    fn statistic<S: Shape>(&mut self, _: &str, _: &mut Array<S, B>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// BatchNorm's count of training forward passes.
    ///
    /// # Errors
    /// The visitor's own.
    fn count(&mut self, _: &str, _: &mut u64) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl<B: Backend, First: Layer<B>, Rest: Layer<B, Input = First::Output>> Layer<B> for (First, Rest) {
    type Input = First::Input;
    type Output = Rest::Output;
    const CONVOLUTIONS: usize = First::CONVOLUTIONS + Rest::CONVOLUTIONS;

    fn build(device: &B::Device) -> DeviceResult<Self, B> {
        Ok((First::build(device)?, Rest::build(device)?))
    }

    fn train<T: Tape<f32, B::Device>>(
        &mut self,
        x: Array<Self::Input, B, T>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<Self::Output, B, T>, B> {
        let x = self.0.train(x, requires_grad)?;
        self.1.train(x, requires_grad.inside())
    }

    fn infer(&self, x: Array<Self::Input, B>) -> DeviceResult<Array<Self::Output, B>, B> {
        self.1.infer(self.0.infer(x)?)
    }

    fn add_spectral_norm(&mut self) -> DeviceResult<(), B> {
        self.0.add_spectral_norm()?;
        self.1.add_spectral_norm()
    }

    fn visit<V: Visitor<B>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        self.0.visit(index, visitor)?;
        self.1.visit(index + First::CONVOLUTIONS, visitor)
    }
}
