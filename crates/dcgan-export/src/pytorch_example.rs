//! The networks of PyTorch's DCGAN example: `nn.Sequential`s called `main`, with no linear layer.
//!
//! Their first, or last, layer is a convolution between a 1x1 and a 4x4 map. A module's index counts its
//! activation too: a generator's transposed convolutions are `main.0`, `main.3`, `main.6` and so on, each but
//! the last with a BatchNorm behind it; a discriminator's convolutions are `main.0`, `main.2`, `main.5` and so on.

use dcgan_core::metadata;
use dcgan_core::spec::{BASE_SIDE, KERNEL, LEAKY_SLOPE};
use ndarray::Axis;

use crate::dcgan_layout::{RESIZE, check_channels, check_stages};
use crate::error::ExportError;
use crate::network::{Layer, Network, NetworkKind, Operation};
use crate::tensors::Tensors;

/// Stride and padding of the convolution between a 1x1 and a 4x4 map.
const WHOLE: (usize, usize) = (1, 0);

/// From `[latent]` through `[latent, 1, 1]` to the image. PyTorch equivalent: the example's `Generator`.
pub(crate) fn generator(tensors: &mut Tensors) -> Result<Network, ExportError> {
    tensors.fold_parametrizations(Axis(1))?;
    // The first transposed convolution doubles nothing.
    let stages = check_stages(last_module(tensors) / 3)?;
    let [latent, mut inputs, ..] = shape(tensors, 0, "F32 [latent, channels, 4, 4]")?;
    let mut layers = vec![Layer::new("unflatten", Operation::Reshape(vec![latent, 1, 1]))];
    let first = tensors.convolution("main.0", [latent, inputs, KERNEL, KERNEL], inputs, WHOLE)?;
    layers.push(Layer::new("main.0", Operation::ConvTranspose(first))); // [inputs, 4, 4]
    for stage in 1..=stages {
        let before = 3 * (stage - 1);
        layers.push(batch_norm(tensors, before + 1, inputs)?);
        layers.push(Layer::new(format!("main.{}", before + 2), Operation::Relu));
        let [_, outputs, ..] = shape(tensors, 3 * stage, "F32 [inputs, outputs, 4, 4]")?;
        let name = format!("main.{}", 3 * stage);
        let conv = tensors.convolution(&name, [inputs, outputs, KERNEL, KERNEL], outputs, RESIZE)?;
        layers.push(Layer::new(name, Operation::ConvTranspose(conv))); // [outputs, 4 << stage, 4 << stage]
        inputs = outputs;
    }
    check_channels(&format!("main.{}.weight", 3 * stages), inputs)?;
    let tanh = format!("main.{}", 3 * stages + 1);
    layers.push(Layer::output(tanh, Operation::Tanh, metadata::OUTPUT));
    let arch = format!("pytorch-example{}", BASE_SIDE << stages);
    Ok(Network::new(NetworkKind::Generator, arch, vec![latent], layers))
}

/// From the image to one logit. PyTorch equivalent: the example's `Discriminator`.
pub(crate) fn discriminator(tensors: &mut Tensors) -> Result<Network, ExportError> {
    tensors.fold_parametrizations(Axis(0))?;
    // The last convolution halves nothing.
    let stages = check_stages(last_module(tensors).saturating_add(1) / 3)?;
    let [_, channels, ..] = shape(tensors, 0, "F32 [outputs, 1 or 3, 4, 4]")?;
    check_channels("main.0.weight", channels)?;
    let mut layers = Vec::new();
    let mut inputs = channels;
    for stage in 1..=stages {
        let index = if stage == 1 { 0 } else { 3 * stage - 4 };
        let [outputs, ..] = shape(tensors, index, "F32 [outputs, inputs, 4, 4]")?;
        let name = format!("main.{index}");
        let conv = tensors.convolution(&name, [outputs, inputs, KERNEL, KERNEL], outputs, RESIZE)?;
        layers.push(Layer::new(name, Operation::Conv(conv))); // [outputs, S >> stage, S >> stage]
        if stage > 1 {
            layers.push(batch_norm(tensors, index + 1, outputs)?);
        }
        let activation = format!("main.{}", 3 * stage - 2);
        layers.push(Layer::new(activation, Operation::LeakyRelu(LEAKY_SLOPE)));
        inputs = outputs;
    }
    let name = format!("main.{}", 3 * stages - 1);
    let conv = tensors.convolution(&name, [1, inputs, KERNEL, KERNEL], 1, WHOLE)?;
    layers.push(Layer::new(name, Operation::Conv(conv))); // [1, 1, 1]
    layers.push(Layer::output("flatten", Operation::Reshape(vec![1]), metadata::LOGIT));
    let sigmoid = format!("main.{}", 3 * stages);
    layers.push(Layer::output(sigmoid, Operation::Sigmoid, metadata::PROBABILITY));
    let side = BASE_SIDE << stages;
    let arch = format!("pytorch-example{side}");
    Ok(Network::new(NetworkKind::Discriminator, arch, vec![channels, side, side], layers))
}

/// Index of the last module with a weight.
fn last_module(tensors: &Tensors) -> usize {
    tensors.highest("main.", ".weight").unwrap_or(0)
}

fn shape(tensors: &Tensors, index: usize, expected: &str) -> Result<[usize; 4], ExportError> {
    tensors.shape(&format!("main.{index}.weight"), expected)
}

fn batch_norm(tensors: &mut Tensors, index: usize, channels: usize) -> Result<Layer, ExportError> {
    let name = format!("main.{index}");
    let norm = tensors.batch_norm(&name, channels)?;
    Ok(Layer::new(name, Operation::BatchNorm(norm)))
}
