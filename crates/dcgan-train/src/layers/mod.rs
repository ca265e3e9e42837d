//! The layers of the two networks, each typed by its sizes, and how they are stacked.
//!
//! A stack is a pair: a layer and the rest. The output of one has to be the input of the next, or the
//! program does not compile:
//!
//! ```
//! use dcgan_train::layers::{Down, Layer, Stem};
//! use dcgan_train::native::Native;
//!
//! type Narrowing = (Stem<3, 8, 16, 8, Native>, Down<8, 16, 8, 4, Native>);
//! let stack = Narrowing::build(&dfdx::tensor::Cpu::default());
//! # assert!(stack.is_ok());
//! ```
//!
//! Channels that do not meet (8 and 9):
//!
//! ```compile_fail,E0599
//! # use dcgan_train::layers::{Down, Layer, Stem};
//! # use dcgan_train::native::Native;
//! type Narrowing = (Stem<3, 8, 16, 8, Native>, Down<9, 16, 8, 4, Native>);
//! let stack = Narrowing::build(&dfdx::tensor::Cpu::default());
//! ```
//!
//! Sides that do not meet (8 and 16):
//!
//! ```compile_fail,E0599
//! # use dcgan_train::layers::{Down, Layer, Stem};
//! # use dcgan_train::native::Native;
//! type Narrowing = (Stem<3, 8, 16, 8, Native>, Down<8, 16, 16, 8, Native>);
//! let stack = Narrowing::build(&dfdx::tensor::Cpu::default());
//! ```
//!
//! A convolution whose output is not half its input (16 and 4):
//!
//! ```compile_fail,E0080
//! # use dcgan_train::layers::{Layer, Stem};
//! # use dcgan_train::native::Native;
//! let stack = Stem::<3, 8, 16, 4, Native>::build(&dfdx::tensor::Cpu::default());
//! ```

mod batch_norm;
mod down;
mod head;
mod project;
mod spectral;
mod stem;
mod to_image;
mod up;

use dfdx::prelude::*;

use crate::engine::{Array, DeviceResult, Engine, Wanted};

pub use batch_norm::BatchNorm;
pub use down::Down;
pub use head::Head;
pub use project::Project;
pub use spectral::Spectral;
pub use stem::Stem;
pub use to_image::ToImage;
pub use up::Up;

/// What a network's first convolution is numbered: PyTorch's names, such as `conv1.weight`, count from 1.
pub const FIRST_CONVOLUTION: usize = 1;

/// A layer or a stack of them.
pub trait Layer<E: Engine>: Sized {
    /// Shape of the input.
    type Input: Shape;
    /// Shape of the output.
    type Output: Shape;

    /// Number of convolutions: PyTorch's names count them, and linear layers not.
    const CONVOLUTIONS: usize;

    /// A layer with all values 0, to be [initialised](crate::init) or loaded.
    ///
    /// # Errors
    /// If the device fails.
    fn build(device: &E::Device) -> DeviceResult<Self, E>;

    /// The training forward pass: BatchNorm uses the batch's statistics and updates the running ones, with a
    /// tape or without.
    ///
    /// # Errors
    /// If the device fails.
    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E>;

    /// The forward pass for sampling: BatchNorm uses the running statistics, so that each image depends on
    /// its own input alone.
    ///
    /// PyTorch equivalent: `eval()` and `no_grad()`.
    ///
    /// # Errors
    /// If the device fails.
    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E>;

    /// Normalises the weights spectrally from now on, with vectors of zeros, to be
    /// [initialised](crate::init) or loaded; of layers of the generator, which has no such thing, nothing changes.
    ///
    /// PyTorch equivalent: `torch.nn.utils.spectral_norm(module)`.
    ///
    /// # Errors
    /// If the device fails.
    fn add_spectral_norm(&mut self) -> DeviceResult<(), E> {
        Ok(())
    }

    /// Shows a visitor every value of the state dict, in the order of the forward pass; `index` numbers the
    /// first convolution.
    ///
    /// # Errors
    /// The visitor's.
    fn visit<V: Visitor<E>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error>;
}

/// What is done with the values of a network: initialise, save, load, update. Those that it has no use of are passed over.
pub trait Visitor<E: Engine> {
    /// What can go wrong.
    type Error;

    /// A trained tensor.
    ///
    /// # Errors
    /// The visitor's own.
    fn parameter<S: Shape>(&mut self, _: &str, _: &mut Array<S, E>) -> Result<(), Self::Error> {
        Ok(())
    }

    /// A value that training changes without a gradient: a running statistic of BatchNorm, a vector of spectral
    /// normalisation.
    ///
    /// # Errors
    /// The visitor's own.
    fn statistic<S: Shape>(&mut self, _: &str, _: &mut Array<S, E>) -> Result<(), Self::Error> {
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

impl<E: Engine, A: Layer<E>, B: Layer<E, Input = A::Output>> Layer<E> for (A, B) {
    type Input = A::Input;
    type Output = B::Output;
    const CONVOLUTIONS: usize = A::CONVOLUTIONS + B::CONVOLUTIONS;

    fn build(device: &E::Device) -> DeviceResult<Self, E> {
        Ok((A::build(device)?, B::build(device)?))
    }

    fn train<T: Tape<f32, E::Device>>(
        &mut self,
        x: Array<Self::Input, E, T>,
        wanted: Wanted,
    ) -> DeviceResult<Array<Self::Output, E, T>, E> {
        let x = self.0.train(x, wanted)?;
        self.1.train(x, wanted.inside())
    }

    fn infer(&self, x: Array<Self::Input, E>) -> DeviceResult<Array<Self::Output, E>, E> {
        self.1.infer(self.0.infer(x)?)
    }

    fn add_spectral_norm(&mut self) -> DeviceResult<(), E> {
        self.0.add_spectral_norm()?;
        self.1.add_spectral_norm()
    }

    fn visit<V: Visitor<E>>(&mut self, index: usize, visitor: &mut V) -> Result<(), V::Error> {
        self.0.visit(index, visitor)?;
        self.1.visit(index + A::CONVOLUTIONS, visitor)
    }
}
