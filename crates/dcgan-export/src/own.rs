//! The networks that dcgan-train writes, which have the reference PyTorch program's layers and names.

use dcgan_core::spec::{BASE_SIDE, KERNEL, LEAKY_SLOPE};
use dcgan_core::{Checkpoint, DiscriminatorSpec, GeneratorSpec, NetworkSpec, metadata};
use ndarray::Axis;

use crate::error::ExportError;
use crate::network::{Layer, Network, NetworkKind, Operation};
use crate::tensors::Tensors;

/// Stride and padding of a convolution that halves the side, or of a transposed one that doubles it.
pub(crate) const RESIZE: (usize, usize) = (2, 1);

impl Network {
    /// The network of a checkpoint.
    ///
    /// # Errors
    /// [`ExportError`] names the tensor that is missing, of another shape, or impossible.
    pub fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Self, ExportError> {
        let mut tensors = Tensors::of(checkpoint);
        let network = match &checkpoint.spec {
            NetworkSpec::Generator(spec) => generator(spec, &mut tensors)?,
            NetworkSpec::Discriminator(spec) => {
                tensors.fold_parametrizations(Axis(0))?;
                discriminator(spec, &mut tensors)?
            }
        };
        Ok(Self { record: Some(checkpoint.record.clone()), ..network })
    }
}

/// The generator of a state dict without a description.
pub(crate) fn imported_generator(tensors: &mut Tensors) -> Result<Network, ExportError> {
    tensors.fold_parametrizations(Axis(1))?;
    let stages = check_stages(tensors.highest("tconv", ".weight").unwrap_or(0))?;
    let [_, latent] = tensors.shape("fc.weight", "F32 [16 * channels, latent]")?;
    let shapes = (1..=stages)
        .map(|stage| tensors.shape::<4>(&format!("tconv{stage}.weight"), "F32 [inputs, outputs, 4, 4]"))
        .collect::<Result<Vec<_>, _>>()?;
    let channels = shapes[stages - 1][1];
    check_channels(&format!("tconv{stages}.weight"), channels)?;
    let widths = shapes.iter().map(|[inputs, ..]| *inputs).collect();
    let arch = format!("pytorch{}", BASE_SIDE << stages);
    generator(&GeneratorSpec { arch, latent, widths, channels }, tensors)
}

/// The discriminator of a state dict without a description.
pub(crate) fn imported_discriminator(tensors: &mut Tensors) -> Result<Network, ExportError> {
    tensors.fold_parametrizations(Axis(0))?;
    let stages = check_stages(tensors.highest("conv", ".weight").unwrap_or(0))?;
    let shapes = (1..=stages)
        .map(|stage| tensors.shape::<4>(&format!("conv{stage}.weight"), "F32 [outputs, inputs, 4, 4]"))
        .collect::<Result<Vec<_>, _>>()?;
    let channels = shapes[0][1];
    check_channels("conv1.weight", channels)?;
    let widths = shapes.iter().map(|[outputs, ..]| *outputs).collect();
    let arch = format!("pytorch{}", BASE_SIDE << stages);
    // What there was of it is a part of the weights now.
    discriminator(&DiscriminatorSpec { arch, widths, channels, spectral_norm: false }, tensors)
}

/// A linear layer, then a transposed convolution a stage.
fn generator(spec: &GeneratorSpec, tensors: &mut Tensors) -> Result<Network, ExportError> {
    let last = check_stages(spec.widths.len())?;
    let base = vec![spec.widths[0], BASE_SIDE, BASE_SIDE];
    let linear = tensors.linear("fc", base.iter().product(), spec.latent)?;
    let mut layers =
        vec![Layer::new("fc", Operation::Linear(linear)), Layer::new("reshape", Operation::Reshape(base))];
    for (stage, (inputs, outputs)) in (1..).zip(spec.stages()) {
        let name = format!("tconv{stage}");
        let conv = tensors.convolution(&name, [inputs, outputs, KERNEL, KERNEL], outputs, RESIZE)?;
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
    Ok(Network {
        kind,
        arch,
        record: None,
        checkpoint: None,
        assumptions: None,
        input: vec![spec.latent],
        layers,
    })
}

/// A convolution a stage, then a linear layer to one logit.
fn discriminator(spec: &DiscriminatorSpec, tensors: &mut Tensors) -> Result<Network, ExportError> {
    let last = check_stages(spec.widths.len())?;
    let mut layers = Vec::new();
    for (stage, (inputs, outputs)) in (1..).zip(spec.stages()) {
        let name = format!("conv{stage}");
        let conv = tensors.convolution(&name, [outputs, inputs, KERNEL, KERNEL], outputs, RESIZE)?;
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
    Ok(Network {
        kind,
        arch,
        record: None,
        checkpoint: None,
        assumptions: None,
        input: vec![spec.channels, side, side],
        layers,
    })
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
