//! The networks that dcgan-train writes: the layers of [`NetworkSpec::layers`], with the weights of their names.

use dcgan_core::spec::{self, BASE_SIDE, Convolution, PADDING, STRIDE};
use dcgan_core::{Checkpoint, DiscriminatorSpec, GeneratorSpec, NetworkSpec, metadata};
use ndarray::Axis;

use crate::error::ExportError;
use crate::network::{self, BatchNorm, Layer, Network, NetworkKind, Operation};
use crate::tensors::Tensors;

/// Stride and padding of a convolution that halves the side, or of a transposed one that doubles it.
pub(crate) const RESIZE: (usize, usize) = (STRIDE, PADDING);

impl Network {
    /// The network of a checkpoint.
    ///
    /// # Errors
    /// [`ExportError`] names the tensor that is missing, of another shape, or impossible.
    pub fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Self, ExportError> {
        let mut tensors = Tensors::of(checkpoint);
        if let NetworkSpec::Discriminator(_) = checkpoint.spec {
            tensors.fold_parametrizations(Axis(0))?;
        }
        let network = build(&checkpoint.spec, &mut tensors)?;
        Ok(Self { record: Some(checkpoint.record.clone()), ..network })
    }
}

/// The generator of a state dict without a description.
pub(crate) fn imported_generator(tensors: &mut Tensors) -> Result<Network, ExportError> {
    tensors.fold_parametrizations(Axis(1))?;
    let stages = check_stages(tensors.highest("tconv", ".weight").unwrap_or(0))?;
    let [_, latent] = tensors.shape("fc.weight", "F32 [16 * channels, latent]")?;
    let shapes = stage_shapes(tensors, "tconv", stages, "F32 [inputs, outputs, 4, 4]")?;
    let channels = shapes[stages - 1][1];
    check_channels(&format!("tconv{stages}.weight"), channels)?;
    let widths = shapes.iter().map(|[inputs, ..]| *inputs).collect();
    let spec = GeneratorSpec { arch: imported_arch(stages), latent, widths, channels };
    build(&NetworkSpec::Generator(spec), tensors)
}

/// The discriminator of a state dict without a description.
pub(crate) fn imported_discriminator(tensors: &mut Tensors) -> Result<Network, ExportError> {
    tensors.fold_parametrizations(Axis(0))?;
    let stages = check_stages(tensors.highest("conv", ".weight").unwrap_or(0))?;
    let shapes = stage_shapes(tensors, "conv", stages, "F32 [outputs, inputs, 4, 4]")?;
    let channels = shapes[0][1];
    check_channels("conv1.weight", channels)?;
    let widths = shapes.iter().map(|[outputs, ..]| *outputs).collect();
    // Spectral normalisation was folded into the weights above.
    let spec = DiscriminatorSpec { arch: imported_arch(stages), widths, channels, spectral_norm: false };
    build(&NetworkSpec::Discriminator(spec), tensors)
}

fn imported_arch(stages: usize) -> String {
    format!("pytorch{}", BASE_SIDE << stages)
}

/// Shapes of the weights `{module}1` to `{module}{stages}`.
fn stage_shapes(
    tensors: &Tensors,
    module: &str,
    stages: usize,
    expected: &str,
) -> Result<Vec<[usize; 4]>, ExportError> {
    (1..=stages).map(|stage| tensors.shape(&format!("{module}{stage}.weight"), expected)).collect()
}

/// The layers of a description with their weights.
fn build(spec: &NetworkSpec, tensors: &mut Tensors) -> Result<Network, ExportError> {
    let (kind, arch, widths, outputs) = match spec {
        NetworkSpec::Generator(spec) => {
            (NetworkKind::Generator, &spec.arch, &spec.widths, &[metadata::OUTPUT][..])
        }
        NetworkSpec::Discriminator(spec) => {
            let outputs = &[metadata::LOGIT, metadata::PROBABILITY][..];
            (NetworkKind::Discriminator, &spec.arch, &spec.widths, outputs)
        }
    };
    check_stages(widths.len())?;
    let layers = spec.layers().into_iter().map(|layer| with_weights(layer, tensors));
    let mut layers = layers.collect::<Result<Vec<_>, _>>()?;
    // The values of the last layers leave the graph.
    for (layer, output) in layers.iter_mut().rev().zip(outputs.iter().rev()) {
        layer.output = Some(output);
    }
    Ok(Network::new(kind, arch.clone(), spec.input(), layers))
}

/// A layer of a description with its weights.
fn with_weights(layer: spec::Layer, tensors: &mut Tensors) -> Result<Layer, ExportError> {
    let name = &layer.name;
    let operation = match layer.operation {
        spec::Operation::Linear { inputs, outputs, .. } => {
            Operation::Linear(tensors.linear(name, outputs, inputs)?)
        }
        spec::Operation::Reshape => Operation::Reshape(layer.output),
        spec::Operation::Conv2d(conv) => {
            Operation::Conv(convolution(tensors, name, conv, [conv.outputs, conv.inputs])?)
        }
        spec::Operation::ConvTranspose2d(conv) => {
            Operation::ConvTranspose(convolution(tensors, name, conv, [conv.inputs, conv.outputs])?)
        }
        spec::Operation::BatchNorm2d { channels, eps } => {
            Operation::BatchNorm(BatchNorm { eps, ..tensors.batch_norm(name, channels)? })
        }
        spec::Operation::ReLU => Operation::Relu,
        spec::Operation::LeakyReLU { slope } => Operation::LeakyRelu(slope),
        spec::Operation::Tanh => Operation::Tanh,
        spec::Operation::Sigmoid => Operation::Sigmoid,
    };
    Ok(Layer::new(layer.name, operation))
}

/// A convolution whose weight is `[rows, columns, kernel, kernel]`.
fn convolution(
    tensors: &mut Tensors,
    name: &str,
    conv: Convolution,
    [rows, columns]: [usize; 2],
) -> Result<network::Convolution, ExportError> {
    let shape = [rows, columns, conv.kernel, conv.kernel];
    tensors.convolution(name, shape, conv.outputs, (conv.stride, conv.padding))
}

/// The number of stages, if it is one that a network can have.
pub(crate) fn check_stages(stages: usize) -> Result<usize, ExportError> {
    if (1..=8).contains(&stages) { Ok(stages) } else { Err(ExportError::Stages { found: stages }) }
}

/// That a picture can have so many channels; `tensor` is where they stand.
pub(crate) fn check_channels(tensor: &str, found: usize) -> Result<(), ExportError> {
    if matches!(found, 1 | 3) {
        Ok(())
    } else {
        Err(ExportError::Channels { tensor: tensor.to_owned(), found })
    }
}
