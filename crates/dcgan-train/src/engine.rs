//! What a device computes: the blocks that the networks are made of, each one operation on dfdx's tape.
//!
//! Three implementations: [`Native`](crate::native::Native) with this crate's own kernels for the CPU,
//! [`Fused`](crate::cuda::Fused) with those for GPUs, and [`Portable`](crate::portable::Portable) in dfdx's public
//! operations for any device. Layers, training and sampling are written once, over [`Engine`].

use dcgan_kernels::augment::{Augmentation, ImagesShape};
use dcgan_kernels::norm;
use dfdx::prelude::*;

use crate::arch::Architecture;
use crate::batch;
use crate::buffer;
use crate::ledger::Ledger;
pub use dcgan_kernels::activation::Activation;
pub use dcgan_kernels::adam::AdamStep;

/// Feature maps of `C` channels and side `S`: `[C, S, S, N]`, the batch innermost and of any size.
pub type MapShape<const C: usize, const S: usize> = (Const<C>, Const<S>, Const<S>, usize);
/// `F` features of each image: `[F, N]`.
pub type FeatureShape<const F: usize> = (Const<F>, usize);

/// A tensor of an engine's device.
pub type Array<S, E, T = NoneTape> = Tensor<S, f32, <E as Engine>::Device, T>;
/// The gradients of a backward pass.
pub type Grads<E> = Gradients<f32, <E as Engine>::Device>;
/// The tape that records a forward pass for it.
pub type Recorder<E> = OwnedTape<f32, <E as Engine>::Device>;
/// A device's storage of floats.
pub type Buffer<E> = <<E as Engine>::Device as Storage<f32>>::Vec;
/// What went wrong on a device, such as a lack of memory.
pub type DeviceError<E> = <<E as Engine>::Device as HasErr>::Err;
/// The result of an operation on a device.
pub type DeviceResult<X, E> = Result<X, DeviceError<E>>;

/// Which gradients a backward pass has to compute; an engine may leave the others out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Those of weights and biases.
    pub parameters: bool,
    /// That of the input.
    pub input: bool,
}

impl Wanted {
    /// A network's own update: its input is data.
    pub const PARAMETERS: Self = Self { parameters: true, input: false };
    /// Sampling.
    pub const NOTHING: Self = Self { parameters: false, input: false };
    /// A network that another one's gradient passes through.
    pub const INPUT: Self = Self { parameters: false, input: true };

    /// The same for a layer whose input is another layer's output.
    pub(crate) fn inside(self) -> Self {
        Self { input: true, ..self }
    }
}

/// A trained tensor, and what an engine keeps of it until it changes.
pub struct Parameter<S: Shape, E: Engine> {
    values: Array<S, E>,
    kept: E::Kept,
}

/// A convolution's weight, `[O, C, 4, 4]`.
pub type Filter<const O: usize, const C: usize, E> = Parameter<Rank4<O, C, 4, 4>, E>;

impl<S: ConstShape, E: Engine> Parameter<S, E> {
    /// Zeros.
    ///
    /// # Errors
    /// If the device fails.
    pub fn build(device: &E::Device) -> DeviceResult<Self, E> {
        Ok(Self::new(device.try_zeros()?))
    }
}

impl<S: Shape, E: Engine> Parameter<S, E> {
    /// Values of which nothing is kept so far.
    pub fn new(values: Array<S, E>) -> Self {
        Self { values, kept: E::Kept::default() }
    }

    /// The values.
    pub fn values(&self) -> &Array<S, E> {
        &self.values
    }

    /// The values, to be changed: the engine forgets what it kept of them.
    pub fn values_mut(&mut self) -> &mut Array<S, E> {
        self.kept = E::Kept::default();
        &mut self.values
    }

    /// What the engine keeps of the values.
    pub fn kept(&self) -> &E::Kept {
        &self.kept
    }
}

/// The sizes of images.
///
/// # Panics
/// If the shape is not `[C, S, S, N]`.
pub(crate) fn images_shape<X: Shape>(shape: &X) -> ImagesShape {
    let shape: Vec<usize> = shape.concrete().into();
    match shape[..] {
        [channels, side, width, batch] if side == width => ImagesShape { channels, side, batch },
        _ => panic!("images are [C, S, S, N], not {shape:?}"),
    }
}

/// BatchNorm's parameters and the statistics to use.
pub struct Norm<'a, const C: usize, E: Engine> {
    /// PyTorch's `weight`, `[C]`.
    pub scale: &'a Parameter<Rank1<C>, E>,
    /// PyTorch's `bias`, `[C]`.
    pub bias: &'a Parameter<Rank1<C>, E>,
    /// The statistics to use instead of the batch's.
    pub running: Option<&'a Statistics<C, E>>,
}

/// Mean and variance of each channel.
pub struct Statistics<const C: usize, E: Engine> {
    /// The means, `[C]`.
    pub mean: Array<Rank1<C>, E>,
    /// The variances, `[C]`; those of a batch are divided by the count less one, as PyTorch stores them.
    pub variance: Array<Rank1<C>, E>,
}

/// A block's result and, where it used them, the batch's statistics.
pub type Normalised<const C: usize, const S: usize, E, T> =
    (Array<MapShape<C, S>, E, T>, Option<Statistics<C, E>>);

/// The operations of a DCGAN on one device.
///
/// Sizes are checked when a network is compiled: a block whose sides do not fit is an error of the build.
///
/// Networks are chains: a tensor with a tape is the input of one operation, so that this one's gradient of
/// it is all of it and needs not be added to others.
pub trait Engine: Sized + 'static {
    /// The dfdx device that holds the tensors.
    type Device: Device<f32>;
    /// What it keeps of a parameter from one use to the next.
    type Kept: Clone + Default;
    /// Where the numbers of steps are kept until they are read.
    type Ledger: Ledger<Self>;

    /// Steps whose numbers a run lets stand in the ledger before it reads them.
    const UNREAD_STEPS: usize;

    /// Whether tensors are in this process's own memory.
    const ON_HOST: bool = true;

    /// The largest batch of `A` that the device can count.
    fn largest_batch<A: Architecture>() -> usize {
        usize::MAX
    }

    /// `activation(norm(conv2d(x, filter)))`: `[C, S, S, N]`, `[O, C, 4, 4]` to `[O, HALF, HALF, N]`.
    ///
    /// # Errors
    /// If the device fails, for instance for lack of memory; so do all operations here.
    fn down<const C: usize, const O: usize, const S: usize, const HALF: usize, T: Tape<f32, Self::Device>>(
        x: Array<MapShape<C, S>, Self, T>,
        filter: &Filter<O, C, Self>,
        norm: Option<Norm<O, Self>>,
        activation: Activation,
        wanted: Wanted,
    ) -> DeviceResult<Normalised<O, HALF, Self, T>, Self>;

    /// `activation(norm(conv_transpose2d(x, filter)))`: `[I, S, S, N]`, `[I, C, 4, 4]` to
    /// `[C, TWICE, TWICE, N]`.
    ///
    /// # Errors
    /// As [`Engine::down`].
    fn up<const I: usize, const C: usize, const S: usize, const TWICE: usize, T: Tape<f32, Self::Device>>(
        x: Array<MapShape<I, S>, Self, T>,
        filter: &Filter<I, C, Self>,
        norm: Option<Norm<C, Self>>,
        activation: Activation,
        wanted: Wanted,
    ) -> DeviceResult<Normalised<C, TWICE, Self, T>, Self>;

    /// `weight x + bias`: `[I, N]`, `[O, I]`, `[O]` to `[O, N]`.
    ///
    /// # Errors
    /// As [`Engine::down`].
    fn linear<const I: usize, const O: usize, T: Tape<f32, Self::Device>>(
        x: Array<FeatureShape<I>, Self, T>,
        weight: &Parameter<Rank2<O, I>, Self>,
        bias: &Parameter<Rank1<O>, Self>,
        wanted: Wanted,
    ) -> DeviceResult<Array<FeatureShape<O>, Self, T>, Self>;

    /// Moves `u` and `v` a step towards the first singular vectors of a weight, seen as a matrix with a row for
    /// each element of `u` and a column for each of `v`: `v` becomes `weight^T u` and then `u` `weight v`, both
    /// of length 1.
    ///
    /// # Errors
    /// As [`Engine::down`].
    ///
    /// # Panics
    /// If the weight has not as many elements as `u` times `v`; so does [`Engine::spectral`].
    fn power_iteration<W: Shape, U: Shape, V: Shape>(
        weight: &Array<W, Self>,
        u: &mut Array<U, Self>,
        v: &mut Array<V, Self>,
    ) -> DeviceResult<(), Self>;

    /// `weight / (u^T weight v)`, whose gradient is recorded on the tape of `x`: all of it, the divisor's
    /// included, where `u` and `v` are constants. `x` is returned as it is.
    ///
    /// # Errors
    /// As [`Engine::down`].
    #[allow(clippy::type_complexity)] // a pair of tensors
    fn spectral<X: Shape, W: Shape, U: Shape, V: Shape, T: Tape<f32, Self::Device>>(
        x: Array<X, Self, T>,
        weight: &Array<W, Self>,
        u: &Array<U, Self>,
        v: &Array<V, Self>,
        wanted: Wanted,
    ) -> DeviceResult<(Array<X, Self, T>, Array<W, Self>), Self>;

    /// Images `[C, S, S, N]` of values in [-1, 1], of bytes `[N, C, S, S]`.
    ///
    /// # Errors
    /// As [`Engine::down`].
    ///
    /// # Panics
    /// If the shape is none of images, or not of so many bytes.
    fn images<X: Shape>(device: &Self::Device, bytes: &[u8], shape: X) -> DeviceResult<Array<X, Self>, Self> {
        let floats = batch::floats_from_bytes(bytes, images_shape(&shape).batch);
        device.try_tensor_from_vec(floats, shape)
    }

    /// The most bytes of the device's memory that were in use at a time since this was last asked, where that is counted.
    fn peak_memory() -> Option<u64> {
        None
    }

    /// Changes images `[C, S, S, N]` as it was drawn for each of them.
    ///
    /// # Errors
    /// As [`Engine::down`].
    ///
    /// # Panics
    /// If these are no such images, or not as many as `changes`.
    fn augment<X: Shape, T: Tape<f32, Self::Device>>(
        images: Array<X, Self, T>,
        changes: &Augmentation,
    ) -> DeviceResult<Array<X, Self, T>, Self>;

    /// One step of Adam on one parameter and its moments.
    ///
    /// # Errors
    /// As [`Engine::down`].
    fn adam<S: Shape>(
        step: AdamStep,
        parameter: &mut Array<S, Self>,
        moments: &mut [Buffer<Self>; 2],
        gradient: &Buffer<Self>,
    ) -> DeviceResult<(), Self>;

    /// The floats of a buffer, which stays as it is.
    ///
    /// # Errors
    /// As [`Engine::down`].
    fn buffer_values(device: &Self::Device, buffer: &mut Buffer<Self>) -> DeviceResult<Vec<f32>, Self> {
        buffer::values::<Self>(device, buffer)
    }

    /// A buffer of these floats.
    ///
    /// # Errors
    /// As [`Engine::down`].
    fn buffer(device: &Self::Device, values: Vec<f32>) -> DeviceResult<Buffer<Self>, Self> {
        buffer::from_values::<Self>(device, values)
    }

    /// The sum of the squares of a buffer's floats.
    ///
    /// # Errors
    /// As [`Engine::down`].
    fn sum_of_squares(device: &Self::Device, buffer: &mut Buffer<Self>) -> DeviceResult<f64, Self> {
        Ok(norm::sum_of_squares(&Self::buffer_values(device, buffer)?))
    }

    /// Copies floats from a tensor to `values`, in row-major order.
    ///
    /// # Panics
    /// If the lengths differ.
    fn read<S: Shape>(tensor: &Array<S, Self>, values: &mut [f32]) {
        tensor.copy_into(values);
    }
}
