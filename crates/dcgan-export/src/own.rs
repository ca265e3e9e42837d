//! The networks that dcgan-train writes, which have the reference PyTorch program's layers and names.

use dcgan_core::spec::{BASE_SIDE, KERNEL, LEAKY_SLOPE};
use dcgan_core::{Checkpoint, DiscriminatorSpec, GeneratorSpec, NetworkSpec, metadata};

use crate::error::ExportError;
use crate::network::{Layer, Network, NetworkKind, Operation};
use crate::tensors::Tensors;

/// Step of every convolution, which doubles or halves the side.
const STRIDE: usize = 2;
/// Border of every convolution, which makes that exact.
const PADDING: usize = 1;

impl Network {
    /// The network of a checkpoint.
    ///
    /// # Errors
    /// [`ExportError`] names the tensor that is missing, of another shape, or impossible.
    pub fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Self, ExportError> {
        let mut tensors = Tensors::of(checkpoint);
        let network = match &checkpoint.spec {
            NetworkSpec::Generator(spec) => generator(spec, &mut tensors)?,
            NetworkSpec::Discriminator(spec) => discriminator(spec, &mut tensors)?,
        };
        Ok(Self { record: Some(checkpoint.record.clone()), ..network })
    }
}

/// A linear layer, then a transposed convolution a stage.
pub(crate) fn generator(spec: &GeneratorSpec, tensors: &mut Tensors) -> Result<Network, ExportError> {
    let last = stages(&spec.widths)?;
    let base = vec![spec.widths[0], BASE_SIDE, BASE_SIDE];
    let linear = tensors.linear("fc", base.iter().product(), spec.latent)?;
    let mut layers =
        vec![Layer::new("fc", Operation::Linear(linear)), Layer::new("reshape", Operation::Reshape(base))];
    for (stage, (inputs, outputs)) in (1..).zip(spec.stages()) {
        let name = format!("tconv{stage}");
        let conv = tensors.convolution(&name, [inputs, outputs, KERNEL, KERNEL], STRIDE, PADDING)?;
        layers.push(Layer::new(name, Operation::ConvTranspose(conv)));
        if stage < last {
            let name = format!("bn{stage}");
            let norm = tensors.batch_norm(&name, outputs)?;
            layers.push(Layer::new(name, Operation::BatchNorm(norm)));
            layers.push(Layer::new(format!("relu{stage}"), Operation::Relu));
        }
    }
    layers.push(Layer::output("tanh", Operation::Tanh, metadata::OUTPUT));
    let (kind, arch) = (NetworkKind::Generator, spec.arch.clone());
    Ok(Network { kind, arch, record: None, input: vec![spec.latent], layers })
}

/// A convolution a stage, then a linear layer to one logit.
pub(crate) fn discriminator(spec: &DiscriminatorSpec, tensors: &mut Tensors) -> Result<Network, ExportError> {
    let last = stages(&spec.widths)?;
    let mut layers = Vec::new();
    for (stage, (inputs, outputs)) in (1..).zip(spec.stages()) {
        let name = format!("conv{stage}");
        let conv = tensors.convolution(&name, [outputs, inputs, KERNEL, KERNEL], STRIDE, PADDING)?;
        layers.push(Layer::new(name, Operation::Conv(conv)));
        if stage > 1 {
            let name = format!("bn{stage}");
            let norm = tensors.batch_norm(&name, outputs)?;
            layers.push(Layer::new(name, Operation::BatchNorm(norm)));
        }
        layers.push(Layer::new(format!("leaky_relu{stage}"), Operation::LeakyRelu(LEAKY_SLOPE)));
    }
    let features = spec.widths[last - 1] * BASE_SIDE * BASE_SIDE;
    layers.push(Layer::new("reshape", Operation::Reshape(vec![features])));
    let linear = tensors.linear("fc", 1, features)?;
    layers.push(Layer::output("fc", Operation::Linear(linear), metadata::LOGIT));
    layers.push(Layer::output("sigmoid", Operation::Sigmoid, metadata::PROBABILITY));
    let side = spec.image_size();
    let (kind, arch) = (NetworkKind::Discriminator, spec.arch.clone());
    Ok(Network { kind, arch, record: None, input: vec![spec.channels, side, side], layers })
}

fn stages(widths: &[usize]) -> Result<usize, ExportError> {
    match widths.len() {
        stages @ 1..=8 => Ok(stages),
        found => Err(ExportError::Stages { found }),
    }
}
