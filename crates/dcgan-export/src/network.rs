//! A network as plain data: its layers with their weights, in the order in which they run.
//!
//! Every source, our own checkpoints and the state dicts of PyTorch programs, becomes a [`Network`]; all
//! that follows (folding, the graph, the comparison of both) knows nothing else.

use dcgan_core::TrainingRecord;
use ndarray::{Array2, Array4};

use crate::error::ExportError;

/// A generator or discriminator as a chain of layers with their weights, in evaluation mode.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// What it is for.
    pub kind: NetworkKind,
    /// The architecture's name, for people.
    pub arch: String,
    /// How it was trained, where its file says so.
    pub record: Option<TrainingRecord>,
    /// SHA-256 of the file that it was read from, in lower-case hexadecimal, where it was read from one.
    pub checkpoint: Option<String>,
    /// Settings that a state dict does not hold and the network has, for people; none of a checkpoint, which holds them.
    pub assumptions: Option<String>,
    /// Shape of one sample that goes in: `[latent]` of a generator, `[C, S, S]` of a discriminator.
    pub input: Vec<usize>,
    /// The layers; each takes the value of the one before it.
    pub layers: Vec<Layer>,
}

/// What a [`Network`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkKind {
    /// From latents to images.
    Generator,
    /// From images to logits and probabilities.
    Discriminator,
}

/// One layer of a [`Network`].
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// A name of its own, the module's in PyTorch where it has one: its tensors are `{name}.weight` and so on.
    pub name: String,
    /// The name under which its value leaves the graph, if it does.
    pub output: Option<&'static str>,
    /// What it computes.
    pub operation: Operation,
}

/// What a [`Layer`] computes. Shapes are those of one sample unless they say `N`.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// `[in]` to `[out]`: `x W^T + b`.
    Linear(Linear),
    /// To another shape of as many elements, row-major.
    Reshape(Vec<usize>),
    /// `[in, H, W]` to `[out, H', W']`. Its weight is `[in, out, k, k]`.
    ConvTranspose(Convolution),
    /// `[in, H, W]` to `[out, H', W']`. Its weight is `[out, in, k, k]`.
    Conv(Convolution),
    /// `[C, H, W]`, normalised by channel with running statistics.
    BatchNorm(BatchNorm),
    /// `max(x, 0)`.
    Relu,
    /// `x` from 0 on, this multiple of it below.
    LeakyRelu(f32),
    /// `tanh(x)`.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// PyTorch equivalent: `nn.Linear`.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// `[out, in]`.
    pub weight: Array2<f32>,
    /// `[out]`.
    pub bias: Vec<f32>,
}

/// PyTorch equivalent: `nn.Conv2d` or `nn.ConvTranspose2d` of a square kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// `[out, in, k, k]`, or `[in, out, k, k]` of a transposed one.
    pub weight: Array4<f32>,
    /// A value for each output channel.
    pub bias: Option<Vec<f32>>,
    /// Step of the kernel, or of its transpose's input pixels.
    pub stride: usize,
    /// Zeros around the input, or output pixels that the transpose drops on each side.
    pub padding: usize,
}

/// PyTorch equivalent: `nn.BatchNorm2d` in `eval()`. All of one length, the channels.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Gamma.
    pub weight: Vec<f32>,
    /// Beta.
    pub bias: Vec<f32>,
    /// `running_mean`.
    pub mean: Vec<f32>,
    /// `running_var`, finite and 0 or more.
    pub variance: Vec<f32>,
    /// Added to the variance.
    pub eps: f32,
}

impl Network {
    /// A network of which nothing is known but its layers.
    pub(crate) fn new(kind: NetworkKind, arch: String, input: Vec<usize>, layers: Vec<Layer>) -> Self {
        Self { kind, arch, record: None, checkpoint: None, assumptions: None, input, layers }
    }

    /// Shape of one sample behind each layer.
    ///
    /// # Errors
    /// [`ExportError::Layer`] names the layer that cannot take what comes before it.
    pub fn shapes(&self) -> Result<Vec<Vec<usize>>, ExportError> {
        let mut input = self.input.clone();
        let shape = |layer: &Layer| {
            let output = layer.operation.output(&input).ok_or_else(|| ExportError::Layer {
                layer: layer.name.clone(),
                operation: layer.operation.describe(),
                input: input.clone(),
            })?;
            input.clone_from(&output);
            Ok(output)
        };
        self.layers.iter().map(shape).collect()
    }
}

impl NetworkKind {
    /// "generator" or "discriminator".
    pub fn name(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Discriminator => "discriminator",
        }
    }
}

impl Layer {
    /// A layer whose value stays inside of the graph.
    pub(crate) fn new(name: impl Into<String>, operation: Operation) -> Self {
        Self { name: name.into(), output: None, operation }
    }

    /// A layer whose value leaves the graph under a name.
    pub(crate) fn output(name: impl Into<String>, operation: Operation, output: &'static str) -> Self {
        Self { name: name.into(), output: Some(output), operation }
    }
}

impl Operation {
    /// The shape of one sample that this makes of `input`, if it can take it.
    pub fn output(&self, input: &[usize]) -> Option<Vec<usize>> {
        match self {
            Self::Linear(linear) => linear.output(input),
            Self::Reshape(shape) => (elements(shape)? == elements(input)?).then(|| shape.clone()),
            Self::ConvTranspose(conv) => {
                let (inputs, outputs, kernel, _) = conv.weight.dim();
                conv.output(input, inputs, outputs, |size| conv.upsampled(size, kernel))
            }
            Self::Conv(conv) => {
                let (outputs, inputs, kernel, _) = conv.weight.dim();
                conv.output(input, inputs, outputs, |size| conv.downsampled(size, kernel))
            }
            Self::BatchNorm(norm) => norm.output(input),
            Self::Relu | Self::LeakyRelu(_) | Self::Tanh | Self::Sigmoid => Some(input.to_vec()),
        }
    }

    /// The operation with its sizes, for messages.
    fn describe(&self) -> String {
        match self {
            Self::Linear(linear) => format!("Linear {:?}", linear.weight.shape()),
            Self::Reshape(shape) => format!("Reshape to {shape:?}"),
            Self::ConvTranspose(conv) => format!("ConvTranspose {:?}", conv.weight.shape()),
            Self::Conv(conv) => format!("Conv {:?}", conv.weight.shape()),
            Self::BatchNorm(norm) => format!("BatchNorm of {} channels", norm.weight.len()),
            Self::Relu => "Relu".to_owned(),
            Self::LeakyRelu(slope) => format!("LeakyRelu {slope}"),
            Self::Tanh => "Tanh".to_owned(),
            Self::Sigmoid => "Sigmoid".to_owned(),
        }
    }
}

impl Linear {
    /// `[in]` to `[out]`.
    fn output(&self, input: &[usize]) -> Option<Vec<usize>> {
        let (outputs, inputs) = self.weight.dim();
        (input == [inputs] && self.bias.len() == outputs).then(|| vec![outputs])
    }
}

impl Convolution {
    /// `[inputs, H, W]` to `[outputs, side(H), side(W)]`.
    fn output(
        &self,
        input: &[usize],
        inputs: usize,
        outputs: usize,
        side: impl Fn(usize) -> Option<usize>,
    ) -> Option<Vec<usize>> {
        let [channels, height, width] = *input else { return None };
        let square = self.weight.dim().2 == self.weight.dim().3;
        let bias = self.bias.as_ref().is_none_or(|bias| bias.len() == outputs);
        let fits = channels == inputs && square && bias && self.stride > 0;
        fits.then(|| Some(vec![outputs, side(height)?, side(width)?])).flatten()
    }

    /// PyTorch equivalent: `H_out` in the documentation of `ConvTranspose2d`.
    fn upsampled(&self, size: usize, kernel: usize) -> Option<usize> {
        let spread = size.checked_sub(1)?.checked_mul(self.stride)?.checked_add(kernel)?;
        spread.checked_sub(self.padding.checked_mul(2)?).filter(|side| *side > 0)
    }

    /// PyTorch equivalent: `H_out` in the documentation of `Conv2d`.
    fn downsampled(&self, size: usize, kernel: usize) -> Option<usize> {
        let room = size.checked_add(self.padding.checked_mul(2)?)?.checked_sub(kernel)?;
        Some(room / self.stride + 1)
    }
}

impl BatchNorm {
    /// `[C, H, W]` to the same.
    fn output(&self, input: &[usize]) -> Option<Vec<usize>> {
        let [channels, _, _] = *input else { return None };
        let parts = [&self.weight, &self.bias, &self.mean, &self.variance];
        parts.iter().all(|part| part.len() == channels).then(|| input.to_vec())
    }
}

fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |elements, dim| elements.checked_mul(*dim))
}
