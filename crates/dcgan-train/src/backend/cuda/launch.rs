//! A function for each kernel of `kernels.cu`, which checks the sizes.
//!
//! All of them panic if memory has not as many floats as the sizes say, or more than fit an `i32`.

use dcgan_kernels::activation::Activation;
use dcgan_kernels::conv::ConvShape;
use dfdx::prelude::*;

use super::gpu::{Floats, Gpu, GpuResult, Launch};
use super::gpu::{Kind, View, ViewMut};
use crate::backend::types::Target;

/// Images `[C, S, S, N]` in [-1, 1], of bytes `[N, C, S, S]`.
///
/// # Errors
/// If the device fails; so do all functions here.
pub fn images_from_bytes<M: Gpu>(device: &M::Device, bytes: &[u8], batch: usize) -> GpuResult<Floats<M>, M> {
    let count = bytes.len();
    let memory = M::upload(device, bytes)?;
    let mut images = Storage::<f32>::try_alloc_len(device, count)?;
    let arguments = [
        M::memory_address(&memory),
        M::address_mut(&mut images),
        int(batch),
        int(count / batch.max(1)),
        int(count),
    ];
    // SAFETY: the arguments of `images_from_bytes`; there are `count` bytes and as many floats.
    unsafe { M::launch(device, &for_each(count, "images_from_bytes", &arguments)) }?;
    Ok(images)
}

/// Rounds floats to numbers of half their size.
///
/// # Errors
/// As [`images_from_bytes`].
pub fn round<M: Gpu>(device: &M::Device, values: View, rounded: ViewMut) -> GpuResult<(), M> {
    let count = values.count;
    check_views(&values, (Kind::F32, count), &rounded, (Kind::Bf16, count));
    let arguments = [values.address, rounded.address, int(count)];
    // SAFETY: the arguments of `round_to_bf16`; both have `count` numbers of these kinds (checked).
    unsafe { M::launch(device, &for_each(count, "round_to_bf16", &arguments)) }
}

/// The 16 pixels of a large map `[C, S, S, N]` that each pixel of the small one sees, as the matrix
/// `[C * 16, S/2 * S/2 * N]` that a convolution's weight is multiplied by; zeros beyond the edges (im2col).
///
/// # Errors
/// As [`images_from_bytes`].
pub fn gather_patches<M: Gpu>(
    device: &M::Device,
    shape: ConvShape,
    large: View,
    patches: ViewMut,
) -> GpuResult<(), M> {
    let count = patches_len(shape);
    let kernel = match patches.kind {
        Kind::F32 => "gather_patches",
        Kind::Bf16 => "gather_patches_bf16",
    };
    check_views(&large, (Kind::F32, shape.large()), &patches, (patches.kind, count));
    // SAFETY: the arguments of `gather_patches`; both maps have the sizes and kinds that it computes with (checked).
    unsafe { map_and_patches::<M>(device, kernel, shape, [large.address, patches.address], count) }
}

/// The adjoint of [`gather_patches`]: each pixel of the large map is the sum of the up to four patches' pixels that it
/// is in, in one order.
///
/// # Errors
/// As [`images_from_bytes`].
pub fn sum_patches<M: Gpu>(
    device: &M::Device,
    shape: ConvShape,
    patches: View,
    large: ViewMut,
) -> GpuResult<(), M> {
    let count = shape.large();
    let kernel = match patches.kind {
        Kind::F32 => "sum_patches",
        Kind::Bf16 => "sum_patches_bf16",
    };
    check_views(&patches, (patches.kind, patches_len(shape)), &large, (Kind::F32, count));
    // SAFETY: the arguments of `sum_patches`; both maps have the sizes and kinds that it computes with (checked).
    unsafe { map_and_patches::<M>(device, kernel, shape, [patches.address, large.address], count) }
}

/// Starts a kernel from one map to another, of which it writes `count` numbers.
///
/// # Safety
/// As [`Gpu::launch`].
unsafe fn map_and_patches<M: Gpu>(
    device: &M::Device,
    kernel: &'static str,
    shape: ConvShape,
    [from, to]: [u64; 2],
    count: usize,
) -> GpuResult<(), M> {
    let arguments = [from, to, int(shape.side), int(shape.batch), int(count)];
    // SAFETY: the caller's promise.
    unsafe { M::launch(device, &for_each(count, kernel, &arguments)) }
}

/// Floats of the matrix of [`gather_patches`].
pub fn patches_len(shape: ConvShape) -> usize {
    4 * shape.large()
}

/// Applies an activation in place.
///
/// # Errors
/// As [`images_from_bytes`].
pub fn activate<M: Gpu>(
    device: &M::Device,
    activation: Activation,
    values: &mut Floats<M>,
) -> GpuResult<(), M> {
    let count = Storage::<f32>::len(device, values);
    let [kind, slope] = kind(activation);
    let arguments = [M::address_mut(values), int(count), kind, slope];
    // SAFETY: the arguments of `activate`; it writes `count` floats, all that there are.
    unsafe { M::launch(device, &for_each(count, "activate", &arguments)) }
}

/// Turns the gradient of an activation's output into that of its input, from the output's `values`.
///
/// # Errors
/// As [`images_from_bytes`].
pub fn activation_gradient<M: Gpu>(
    device: &M::Device,
    activation: Activation,
    values: &Floats<M>,
    gradient: &mut Floats<M>,
) -> GpuResult<(), M> {
    let count = Storage::<f32>::len(device, gradient);
    check::<M>(device, &[(values, count)]);
    let [kind, slope] = kind(activation);
    let arguments = [M::address(values), M::address_mut(gradient), int(count), kind, slope];
    // SAFETY: the arguments of `activation_gradient`; both have `count` floats (checked).
    unsafe { M::launch(device, &for_each(count, "activation_gradient", &arguments)) }
}

/// Adds to each row of `values` `[R, ...]` a value of `bias` `[R]`.
///
/// # Errors
/// As [`images_from_bytes`].
pub fn add_bias<M: Gpu>(device: &M::Device, values: &mut Floats<M>, bias: &Floats<M>) -> GpuResult<(), M> {
    let (_, row) = rows::<M>(device, values, bias);
    let count = Storage::<f32>::len(device, values);
    let arguments = [M::address_mut(values), M::address(bias), int(row), int(count)];
    // SAFETY: the arguments of `add_bias`; `values` has `row` floats for each of `bias` (checked).
    unsafe { M::launch(device, &for_each(count, "add_bias", &arguments)) }
}

/// Adds the sum of each row of `values` `[R, ...]` to `totals` `[R]`.
///
/// # Errors
/// As [`images_from_bytes`].
pub fn add_row_sums<M: Gpu>(
    device: &M::Device,
    values: &Floats<M>,
    totals: &mut Floats<M>,
) -> GpuResult<(), M> {
    let (blocks, row) = rows::<M>(device, values, totals);
    let arguments = [M::address(values), M::address_mut(totals), int(row)];
    // SAFETY: the arguments of `add_row_sums`; `values` has `row` floats for each block, `totals` one (checked).
    unsafe { M::launch(device, &launch("add_row_sums", blocks, &arguments)) }
}

/// Parts of a sum that [`add_squares`] adds to.
pub const PARTS: usize = 256;

/// Adds the sums of the squares of parts of `values` to [`PARTS`] floats, whose sum grows by that of all squares.
///
/// # Errors
/// As [`images_from_bytes`].
pub fn add_squares<M: Gpu>(device: &M::Device, values: &Floats<M>, sums: ViewMut) -> GpuResult<(), M> {
    let count = Storage::<f32>::len(device, values);
    let blocks = count.div_ceil(Launch::THREADS as usize).clamp(1, PARTS);
    let arguments = [M::address(values), address_of(sums, PARTS), int(count)];
    // SAFETY: the arguments of `add_squares`; there is a sum for each block (checked), and `count` floats to read.
    unsafe { M::launch(device, &launch("add_squares", blocks, &arguments)) }
}

/// The loss of `logits` as one float, and the gradient of each; loss and mean probability are written to `numbers`, too.
///
/// # Errors
/// As [`images_from_bytes`].
pub fn cross_entropy<M: Gpu>(
    device: &M::Device,
    logits: &Floats<M>,
    Target { label, factor }: Target,
    numbers: ViewMut,
) -> GpuResult<[Floats<M>; 2], M> {
    let count = Storage::<f32>::len(device, logits);
    let zeros = |count| Storage::<f32>::try_alloc_len(device, count);
    let [mut loss, mut gradient] = [zeros(1)?, zeros(count)?];
    let arguments = [
        M::address(logits),
        M::address_mut(&mut loss),
        M::address_mut(&mut gradient),
        address_of(numbers, 2),
        int(count),
        float(label as f32),
        float(factor as f32),
    ];
    // SAFETY: the arguments of `cross_entropy`; logits and gradient have `count` floats, the numbers two (checked).
    unsafe { M::launch(device, &launch("cross_entropy", 1, &arguments)) }?;
    Ok([loss, gradient])
}

/// Where so many floats are.
fn address_of(floats: ViewMut, count: usize) -> u64 {
    assert_eq!((floats.kind, floats.count), (Kind::F32, count), "numbers of a kernel's argument");
    floats.address
}

/// How many rows `values` has, one for each of `others`, and the floats of each.
pub(super) fn rows<M: Gpu>(device: &M::Device, values: &Floats<M>, others: &Floats<M>) -> (usize, usize) {
    let [count, rows] = [values, others].map(|floats| Storage::<f32>::len(device, floats));
    assert!(rows > 0 && count > 0 && count.is_multiple_of(rows), "{count} floats are not {rows} rows");
    (rows, count / rows)
}

pub(super) fn check<M: Gpu>(device: &M::Device, all: &[(&Floats<M>, usize)]) {
    for (floats, expected) in all {
        assert_eq!(Storage::<f32>::len(device, floats), *expected, "floats of a kernel's argument");
    }
}

fn check_views(read: &View, of_read: (Kind, usize), written: &ViewMut, of_written: (Kind, usize)) {
    let found = [(read.kind, read.count), (written.kind, written.count)];
    assert_eq!(found, [of_read, of_written], "numbers of a kernel's arguments");
}

/// A grid with a thread for each of `count` floats.
pub(super) fn for_each(count: usize, kernel: &'static str, arguments: &[u64]) -> Launch {
    launch(kernel, count.div_ceil(Launch::THREADS as usize).max(1), arguments)
}

pub(super) fn launch(kernel: &'static str, blocks: usize, used: &[u64]) -> Launch {
    let mut arguments = [0; 12];
    arguments[..used.len()].copy_from_slice(used);
    Launch { kernel, blocks: int(blocks) as u32, arguments }
}

/// The most that kernels count to: they have 32 bits, and one bit is left so that no sum of two overflows.
pub const MOST: usize = i32::MAX as usize;

/// A size as an argument.
pub(super) fn int(size: usize) -> u64 {
    assert!(size <= MOST, "{size} floats are too many for one kernel: take a smaller batch");
    size as u64
}

pub(super) fn float(value: f32) -> u64 {
    value.to_bits().into()
}

/// An activation as the kernels take it: its number, and LeakyReLU's slope.
pub(super) fn kind(activation: Activation) -> [u64; 2] {
    match activation {
        Activation::Relu => [0, 0],
        Activation::LeakyRelu(slope) => [1, float(slope)],
        Activation::Tanh => [2, 0],
    }
}
