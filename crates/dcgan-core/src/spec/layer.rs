//! A network as a list of layers, and what follows from it: tensors, parameters and multiply-adds.

use serde::Serialize;

use super::{BASE_SIDE, BATCH_NORM_EPS, DiscriminatorSpec, GeneratorSpec, KERNEL, LEAKY_SLOPE, TensorSpec};

/// Stride of every convolution.
pub const STRIDE: usize = 2;
/// Padding of every convolution.
pub const PADDING: usize = 1;

/// One layer of a network. It takes the output of the layer before it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// The module's name in PyTorch, such as `tconv1`: its tensors are `tconv1.weight` and so on.
    pub name: String,
    /// What the layer computes.
    #[serde(flatten)]
    pub operation: Operation,
    /// Shape of the output for one sample: `[features]`, or `[channels, height, width]`.
    pub output: Vec<usize>,
}

/// What a [`Layer`] computes, with the sizes of its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
pub enum Operation {
    /// PyTorch equivalent: `nn.Linear(inputs, outputs)`.
    Linear {
        /// Features in.
        inputs: usize,
        /// Features out.
        outputs: usize,
        /// Whether the weight is divided by its spectral norm.
        spectral_norm: bool,
    },
    /// To another shape of as many values, in row-major order.
    Reshape,
    /// PyTorch equivalent: `nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)`.
    Conv2d(Convolution),
    /// PyTorch equivalent: `nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, bias=False)`.
    ConvTranspose2d(Convolution),
    /// PyTorch equivalent: `nn.BatchNorm2d(channels, eps)`.
    BatchNorm2d {
        /// Channels, each normalised by itself.
        channels: usize,
        /// Added to the variance.
        eps: f32,
    },
    /// `max(x, 0)`.
    ReLU,
    /// `x` above zero, `slope * x` below.
    LeakyReLU {
        /// The slope below zero.
        slope: f32,
    },
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// The sizes of a convolution, transposed or not, without bias.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Convolution {
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Stride in both directions.
    pub stride: usize,
    /// Padding on all four sides.
    pub padding: usize,
    /// Whether the weight is divided by its spectral norm.
    pub spectral_norm: bool,
}

impl Layer {
    /// The tensors of the state dict that belong to this layer, in PyTorch's order.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let named = |part: &str, shape: &[usize]| self.tensor(part, shape);
        match self.operation {
            Operation::Linear { inputs, outputs, spectral_norm } => {
                let mut tensors = self.weight(&[outputs, inputs], spectral_norm);
                tensors.push(named("bias", &[outputs]));
                tensors
            }
            Operation::Conv2d(conv) => {
                self.weight(&[conv.outputs, conv.inputs, conv.kernel, conv.kernel], conv.spectral_norm)
            }
            Operation::ConvTranspose2d(conv) => {
                self.weight(&[conv.inputs, conv.outputs, conv.kernel, conv.kernel], conv.spectral_norm)
            }
            Operation::BatchNorm2d { channels, .. } => {
                let of_channels = ["weight", "bias", "running_mean", "running_var"];
                let tensors = of_channels.iter().map(|part| named(part, &[channels]));
                tensors.chain([named("num_batches_tracked", &[])]).collect()
            }
            Operation::Reshape
            | Operation::ReLU
            | Operation::LeakyReLU { .. }
            | Operation::Tanh
            | Operation::Sigmoid => Vec::new(),
        }
    }

    /// Number of trained values: weights and biases.
    pub fn parameters(&self) -> usize {
        match self.operation {
            Operation::Linear { inputs, outputs, .. } => (inputs + 1) * outputs,
            Operation::Conv2d(conv) | Operation::ConvTranspose2d(conv) => conv.weights(),
            Operation::BatchNorm2d { channels, .. } => 2 * channels,
            _ => 0,
        }
    }

    /// Multiply-adds of one image's forward pass in the direct form, of linear layers and convolutions.
    pub fn multiply_adds(&self) -> usize {
        let pixels: usize = self.output.iter().skip(1).product();
        match self.operation {
            Operation::Linear { inputs, outputs, .. } => inputs * outputs,
            Operation::Conv2d(conv) => conv.weights() * pixels,
            // Each input pixel meets the whole kernel.
            Operation::ConvTranspose2d(conv) => conv.weights() * pixels / (conv.stride * conv.stride),
            _ => 0,
        }
    }

    /// The tensors of a weight; spectral normalisation stores it with the two vectors of its power iteration.
    fn weight(&self, shape: &[usize], spectral_norm: bool) -> Vec<TensorSpec> {
        if !spectral_norm {
            return vec![self.tensor("weight", shape)];
        }
        let columns = shape[1..].iter().product();
        vec![
            self.tensor("weight_orig", shape),
            self.tensor("weight_u", &shape[..1]),
            self.tensor("weight_v", &[columns]),
        ]
    }

    fn tensor(&self, part: &str, shape: &[usize]) -> TensorSpec {
        TensorSpec { name: format!("{}.{part}", self.name), shape: shape.to_vec() }
    }
}

impl Operation {
    /// PyTorch's name of the module, such as `ConvTranspose2d`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "Linear",
            Self::Reshape => "Reshape",
            Self::Conv2d(_) => "Conv2d",
            Self::ConvTranspose2d(_) => "ConvTranspose2d",
            Self::BatchNorm2d { .. } => "BatchNorm2d",
            Self::ReLU => "ReLU",
            Self::LeakyReLU { .. } => "LeakyReLU",
            Self::Tanh => "Tanh",
            Self::Sigmoid => "Sigmoid",
        }
    }
}

impl Convolution {
    /// The convolution that halves the side, or the transposed one that doubles it.
    fn of_stage(inputs: usize, outputs: usize, spectral_norm: bool) -> Self {
        Self { inputs, outputs, kernel: KERNEL, stride: STRIDE, padding: PADDING, spectral_norm }
    }

    fn weights(&self) -> usize {
        self.inputs * self.outputs * self.kernel * self.kernel
    }
}

impl GeneratorSpec {
    /// The layers, in the order of the forward pass.
    pub fn layers(&self) -> Vec<Layer> {
        let base = [self.widths[0], BASE_SIDE, BASE_SIDE];
        let features = base.iter().product();
        let linear = Operation::Linear { inputs: self.latent, outputs: features, spectral_norm: false };
        let mut layers = vec![layer("fc", linear, &[features]), layer("reshape", Operation::Reshape, &base)];
        let mut side = BASE_SIDE;
        for (stage, (inputs, outputs)) in (1..).zip(self.stages()) {
            side *= STRIDE;
            let maps = [outputs, side, side];
            let conv = Operation::ConvTranspose2d(Convolution::of_stage(inputs, outputs, false));
            layers.push(layer(format!("tconv{stage}"), conv, &maps));
            if stage < self.widths.len() {
                layers.push(batch_norm(stage, &maps));
                layers.push(layer(format!("relu{stage}"), Operation::ReLU, &maps));
            }
        }
        layers.push(layer("tanh", Operation::Tanh, &[self.channels, side, side]));
        layers
    }
}

impl DiscriminatorSpec {
    /// The layers, in the order of the forward pass.
    pub fn layers(&self) -> Vec<Layer> {
        let spectral_norm = self.spectral_norm;
        let (mut layers, mut side) = (Vec::new(), self.image_size());
        for (stage, (inputs, outputs)) in (1..).zip(self.stages()) {
            side /= STRIDE;
            let maps = [outputs, side, side];
            let conv = Operation::Conv2d(Convolution::of_stage(inputs, outputs, spectral_norm));
            layers.push(layer(format!("conv{stage}"), conv, &maps));
            if stage > 1 {
                layers.push(batch_norm(stage, &maps));
            }
            let activation = Operation::LeakyReLU { slope: LEAKY_SLOPE };
            layers.push(layer(format!("leaky_relu{stage}"), activation, &maps));
        }
        let inputs = self.widths[self.widths.len() - 1] * side * side;
        layers.push(layer("reshape", Operation::Reshape, &[inputs]));
        layers.push(layer("fc", Operation::Linear { inputs, outputs: 1, spectral_norm }, &[1]));
        layers.push(layer("sigmoid", Operation::Sigmoid, &[1]));
        layers
    }
}

fn layer(name: impl Into<String>, operation: Operation, output: &[usize]) -> Layer {
    Layer { name: name.into(), operation, output: output.to_vec() }
}

fn batch_norm(stage: usize, maps: &[usize; 3]) -> Layer {
    let operation = Operation::BatchNorm2d { channels: maps[0], eps: BATCH_NORM_EPS };
    layer(format!("bn{stage}"), operation, maps)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `torchinfo.summary` of the reference PyTorch program's networks counts; multiply-adds by hand.
    #[test]
    fn parameters_and_multiply_adds_are_those_of_the_reference() {
        let widths = vec![512, 256, 128, 64];
        let generator = GeneratorSpec { arch: "dcgan64".into(), latent: 100, widths, channels: 3 };
        let widths = vec![64, 128, 256, 512];
        let discriminator =
            DiscriminatorSpec { arch: "dcgan64".into(), widths, channels: 3, spectral_norm: true };
        let totals = |layers: Vec<Layer>| {
            let parameters: usize = layers.iter().map(Layer::parameters).sum();
            (parameters, layers.iter().map(Layer::multiply_adds).sum::<usize>())
        };
        let convolutions = 512 * 256 + 256 * 128 + 128 * 64 + 64 * 3;
        let norms = 2 * (256 + 128 + 64);
        // 512 * 256 kernels of 4x4 at 4x4 pixels; each next stage has a quarter of the kernels at four times the pixels.
        let products = 3 * 512 * 256 * 16 * 16 + 64 * 3 * 16 * 32 * 32;
        assert_eq!(
            totals(generator.layers()),
            (101 * 8192 + 16 * convolutions + norms, 100 * 8192 + products)
        );
        let norms = 2 * (128 + 256 + 512);
        assert_eq!(totals(discriminator.layers()), (16 * convolutions + norms + 8193, products + 8192));
    }
}
