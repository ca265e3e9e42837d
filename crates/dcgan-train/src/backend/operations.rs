//! The operations of a DCGAN, each one recorded on dfdx's tape as a whole: what a backend implements.
//!
//! Layers, training and sampling are written once, over [`Backend`].

use dcgan_kernels::augment::Augmentation;
use dcgan_kernels::conv::ConvShape;
use dcgan_kernels::norm;
use dfdx::prelude::*;

use crate::backend::scalars::{ScalarId, ScalarValues};
use crate::backend::types::images_shape;
use crate::backend::{buffer, pixels};

pub use crate::backend::types::{FeatureShape, MapShape, RequiresGrad, Target};
pub use dcgan_kernels::activation::Activation;
pub use dcgan_kernels::adam::AdamStep;

/// A tensor on the backend's device.
pub type Array<S, B, T = NoneTape> = Tensor<S, f32, <B as Backend>::Device, T>;
/// The gradients of a backward pass.
pub type Grads<B> = Gradients<f32, <B as Backend>::Device>;
/// The tape that records a forward pass for it.
pub type Recorder<B> = OwnedTape<f32, <B as Backend>::Device>;
/// A device's storage of floats.
pub type Buffer<B> = <<B as Backend>::Device as Storage<f32>>::Vec;
/// What went wrong on a device, such as a lack of memory.
pub type DeviceError<B> = <<B as Backend>::Device as HasErr>::Err;
/// The result of an operation on a device.
pub type DeviceResult<X, B> = Result<X, DeviceError<B>>;

/// A trained tensor, and what the backend caches of it until it changes.
pub struct Parameter<S: Shape, B: Backend> {
    values: Array<S, B>,
    cache: B::Cache,
}

/// A convolution's weight, `[O, C, 4, 4]`.
pub type Filter<const O: usize, const C: usize, B> = Parameter<Rank4<O, C, 4, 4>, B>;

impl<S: ConstShape, B: Backend> Parameter<S, B> {
    /// Zeros.
    ///
    /// # Errors
    /// If the device fails.
    pub fn build(device: &B::Device) -> DeviceResult<Self, B> {
        Ok(Self::new(device.try_zeros()?))
    }
}

impl<S: Shape, B: Backend> Parameter<S, B> {
    /// A parameter with an empty cache.
    pub fn new(values: Array<S, B>) -> Self {
        Self { values, cache: B::Cache::default() }
    }

    /// The values.
    pub fn values(&self) -> &Array<S, B> {
        &self.values
    }

    /// The values, to change; empties the cache.
    pub fn values_mut(&mut self) -> &mut Array<S, B> {
        self.cache = B::Cache::default();
        &mut self.values
    }

    /// What the backend caches of the values.
    pub fn cache(&self) -> &B::Cache {
        &self.cache
    }
}

/// BatchNorm's parameters and the statistics to use.
pub struct Norm<'a, const C: usize, B: Backend> {
    /// PyTorch's `weight`, `[C]`.
    pub scale: &'a Parameter<Rank1<C>, B>,
    /// PyTorch's `bias`, `[C]`.
    pub bias: &'a Parameter<Rank1<C>, B>,
    /// The statistics to use instead of the batch's.
    pub running: Option<&'a Statistics<C, B>>,
}

/// Mean and variance of each channel.
pub struct Statistics<const C: usize, B: Backend> {
    /// The means, `[C]`.
    pub mean: Array<Rank1<C>, B>,
    /// The variances, `[C]`; those of a batch are divided by the count less one, as PyTorch stores them.
    pub variance: Array<Rank1<C>, B>,
}

/// A block's result and, where it used them, the batch's statistics.
pub type Normalised<const C: usize, const S: usize, B, T> =
    (Array<MapShape<C, S>, B, T>, Option<Statistics<C, B>>);

/// The operations of a DCGAN on one device.
///
/// Sizes are checked when a network is compiled: a block whose sides do not fit is an error of the build.
///
/// Networks are chains: a tensor with a tape is the input of one operation, so that this one's gradient of
/// it is all of it and needs not be added to others.
pub trait Backend: Sized + 'static {
    /// The dfdx device that holds the tensors.
    type Device: Device<f32>;
    /// What it caches of a parameter from one use to the next.
    type Cache: Clone + Default;
    /// Where the scalars of a step stay until they are read.
    type DeviceScalars: DeviceScalars<Self>;

    /// Whether tensors are in this process's own memory.
    const ON_HOST: bool = true;

    /// The largest batch that the device's kernels can index, for a network of these convolutions of one image each.
    fn largest_batch(_: &[ConvShape]) -> usize {
        usize::MAX
    }

    /// Whether an error of the device means that it has too little memory.
    fn is_out_of_memory(_: &DeviceError<Self>) -> bool {
        false
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
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Normalised<O, HALF, Self, T>, Self>;

    /// `activation(norm(conv_transpose2d(x, filter)))`: `[I, S, S, N]`, `[I, C, 4, 4]` to
    /// `[C, TWICE, TWICE, N]`.
    ///
    /// # Errors
    /// As [`Backend::down`].
    fn up<const I: usize, const C: usize, const S: usize, const TWICE: usize, T: Tape<f32, Self::Device>>(
        x: Array<MapShape<I, S>, Self, T>,
        filter: &Filter<I, C, Self>,
        norm: Option<Norm<C, Self>>,
        activation: Activation,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Normalised<C, TWICE, Self, T>, Self>;

    /// `weight x + bias`: `[I, N]`, `[O, I]`, `[O]` to `[O, N]`.
    ///
    /// # Errors
    /// As [`Backend::down`].
    fn linear<const I: usize, const O: usize, T: Tape<f32, Self::Device>>(
        x: Array<FeatureShape<I>, Self, T>,
        weight: &Parameter<Rank2<O, I>, Self>,
        bias: &Parameter<Rank1<O>, Self>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<Array<FeatureShape<O>, Self, T>, Self>;

    /// Moves `u` and `v` a step towards the first singular vectors of a weight, seen as a matrix with a row for
    /// each element of `u` and a column for each of `v`: `v` becomes `weight^T u` and then `u` `weight v`, both
    /// of length 1.
    ///
    /// # Errors
    /// As [`Backend::down`].
    ///
    /// # Panics
    /// If the weight has not as many elements as `u` times `v`; so does [`Backend::spectral`].
    fn power_iteration<W: Shape, U: Shape, V: Shape>(
        weight: &Array<W, Self>,
        u: &mut Array<U, Self>,
        v: &mut Array<V, Self>,
    ) -> DeviceResult<(), Self>;

    /// `weight / (u^T weight v)`, whose gradient is recorded on the tape of `x`: all of it, the divisor's
    /// included, where `u` and `v` are constants. `x` is returned as it is.
    ///
    /// # Errors
    /// As [`Backend::down`].
    #[allow(clippy::type_complexity)] // a pair of tensors
    fn spectral<X: Shape, W: Shape, U: Shape, V: Shape, T: Tape<f32, Self::Device>>(
        x: Array<X, Self, T>,
        weight: &Array<W, Self>,
        u: &Array<U, Self>,
        v: &Array<V, Self>,
        requires_grad: RequiresGrad,
    ) -> DeviceResult<(Array<X, Self, T>, Array<W, Self>), Self>;

    /// Images `[C, S, S, N]` of values in [-1, 1], of bytes `[N, C, S, S]`.
    ///
    /// # Errors
    /// As [`Backend::down`].
    ///
    /// # Panics
    /// If the shape is none of images, or not of so many bytes.
    fn images<X: Shape>(device: &Self::Device, bytes: &[u8], shape: X) -> DeviceResult<Array<X, Self>, Self> {
        let floats = pixels::floats_from_bytes(bytes, images_shape(&shape).batch);
        device.try_tensor_from_vec(floats, shape)
    }

    /// The most bytes of the device's memory that were in use at a time since this was last asked, where that is counted.
    fn peak_memory() -> Option<u64> {
        None
    }

    /// Changes images `[C, S, S, N]` as it was drawn for each of them.
    ///
    /// # Errors
    /// As [`Backend::down`].
    ///
    /// # Panics
    /// If these are no such images, or not as many as `augmentation` has transforms.
    fn augment<X: Shape, T: Tape<f32, Self::Device>>(
        images: Array<X, Self, T>,
        augmentation: &Augmentation,
    ) -> DeviceResult<Array<X, Self, T>, Self>;

    /// One step of Adam on one parameter and its moments.
    ///
    /// # Errors
    /// As [`Backend::down`].
    fn adam<S: Shape>(
        step: AdamStep,
        parameter: &mut Array<S, Self>,
        moments: &mut [Buffer<Self>; 2],
        gradient: &Buffer<Self>,
    ) -> DeviceResult<(), Self>;

    /// The floats of a buffer, which stays as it is.
    ///
    /// # Errors
    /// As [`Backend::down`].
    fn buffer_values(device: &Self::Device, buffer: &mut Buffer<Self>) -> DeviceResult<Vec<f32>, Self> {
        buffer::values(device, buffer)
    }

    /// A buffer of these floats.
    ///
    /// # Errors
    /// As [`Backend::down`].
    fn buffer(device: &Self::Device, values: Vec<f32>) -> DeviceResult<Buffer<Self>, Self> {
        buffer::from_values(device, values)
    }

    /// The sum of the squares of a buffer's floats.
    ///
    /// # Errors
    /// As [`Backend::down`].
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

/// A loss to run the backward pass from, and the names of its scalars.
pub struct RecordedLoss<B: Backend, T> {
    /// The loss.
    pub loss: Array<Rank0, B, T>,
    /// Its value.
    pub value: ScalarId,
    /// The mean probability: the sigmoid of the logits, averaged.
    pub probability: ScalarId,
}

/// Scalars that stay on the device until they are read.
pub trait DeviceScalars<B: Backend>: Default {
    /// The loss of logits `[1, N]`. It ends the forward pass: no operation follows it.
    ///
    /// # Errors
    /// If the device fails; so do the others.
    fn cross_entropy<T: Tape<f32, B::Device>>(
        &mut self,
        logits: Array<FeatureShape<1>, B, T>,
        target: Target,
    ) -> DeviceResult<RecordedLoss<B, T>, B>;

    /// Begins a sum.
    ///
    /// # Errors
    /// As [`DeviceScalars::cross_entropy`].
    fn begin_sum(&mut self, device: &B::Device) -> DeviceResult<ScalarId, B>;

    /// Adds the squares of a buffer's floats to a sum.
    ///
    /// # Errors
    /// As [`DeviceScalars::cross_entropy`].
    ///
    /// # Panics
    /// If [`DeviceScalars::begin_sum`] did not begin it since the last reading.
    fn add_squares(
        &mut self,
        device: &B::Device,
        sum: &ScalarId,
        buffer: &mut Buffer<B>,
    ) -> DeviceResult<(), B>;

    /// Takes all numbers out: this waits for the device.
    ///
    /// # Errors
    /// As [`DeviceScalars::cross_entropy`].
    fn read(&mut self, device: &B::Device) -> DeviceResult<ScalarValues, B>;
}
