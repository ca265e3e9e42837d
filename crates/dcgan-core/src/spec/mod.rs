//! An architecture as plain data: enough to name every tensor of a network and to rebuild it.
//!
//! A spec has the sizes that tell one network from another; its [`Layer`]s follow from them, and from the layers the names
//! and shapes of the state dict, the number of parameters and the exported graph.

mod layer;

pub use layer::{Convolution, Layer, Operation, PADDING, STRIDE};
use serde::{Deserialize, Serialize};

/// Side of the first feature map of every generator and of the last one of every discriminator.
pub const BASE_SIDE: usize = 4;
/// Side of every convolution's kernel; the stride is 2 and the padding 1.
pub const KERNEL: usize = 4;
/// BatchNorm's addition to the variance, PyTorch's `eps`.
pub const BATCH_NORM_EPS: f32 = 1e-5;
/// BatchNorm's weight of a new batch in the running statistics, PyTorch's `momentum`.
pub const BATCH_NORM_MOMENTUM: f32 = 0.1;
/// LeakyReLU's slope below zero (Radford et al., 2015).
pub const LEAKY_SLOPE: f32 = 0.2;
/// Standard deviation of a new network's weights (Radford et al., 2015).
pub const INIT_STD: f32 = 0.02;

/// A DCGAN generator: a linear layer to `widths[0]` maps of 4x4, then a transposed convolution a stage,
/// each doubling the side; BatchNorm and ReLU after all but the last, tanh after that.
///
/// ```
/// use dcgan_core::GeneratorSpec;
/// let spec = GeneratorSpec { arch: "dcgan64".into(), latent: 100, widths: vec![512, 256, 128, 64], channels: 3 };
/// assert_eq!(spec.image_size(), 64);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorSpec {
    /// The architecture's name, for people.
    pub arch: String,
    /// Length of the latent vector `z`.
    pub latent: usize,
    /// Channels of each stage's input, from the 4x4 map on.
    pub widths: Vec<usize>,
    /// Channels of the image: 3 for colour, 1 for gray.
    pub channels: usize,
}

/// A DCGAN discriminator: a convolution a stage, each halving the side, LeakyReLU after each and
/// BatchNorm before it but for the first; a linear layer to one logit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorSpec {
    /// The architecture's name, for people.
    pub arch: String,
    /// Channels of each stage's output, from the widest image on.
    pub widths: Vec<usize>,
    /// Channels of the image.
    pub channels: usize,
    /// Whether the weights of the convolutions and of the linear layer are normalised spectrally (Miyato et al.,
    /// 2018): the state dict then has PyTorch's `weight_orig`, `weight_u` and `weight_v` in place of `weight`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spectral_norm: bool,
}

/// Which network a checkpoint holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "network", rename_all = "snake_case")]
pub enum NetworkSpec {
    /// From latents to images.
    Generator(GeneratorSpec),
    /// From images to logits.
    Discriminator(DiscriminatorSpec),
}

/// Name and shape of one tensor of a state dict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name in PyTorch's state dict, such as `tconv1.weight`.
    pub name: String,
    /// The shape in PyTorch's layout; empty for a counter.
    pub shape: Vec<usize>,
}

impl GeneratorSpec {
    /// Side of the images in pixels.
    pub fn image_size(&self) -> usize {
        BASE_SIDE << self.widths.len()
    }

    /// Input and output channels of each transposed convolution, in order.
    pub fn stages(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let outputs = self.widths.iter().skip(1).copied().chain([self.channels]);
        self.widths.iter().copied().zip(outputs)
    }
}

impl DiscriminatorSpec {
    /// Side of the images in pixels.
    pub fn image_size(&self) -> usize {
        BASE_SIDE << self.widths.len()
    }

    /// Input and output channels of each convolution, in order.
    pub fn stages(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let inputs = [self.channels].into_iter().chain(self.widths.iter().copied());
        inputs.zip(self.widths.iter().copied())
    }
}

impl NetworkSpec {
    /// Every tensor of the state dict, in the order of the forward pass.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        self.layers().iter().flat_map(Layer::tensors).collect()
    }

    /// The layers, in the order of the forward pass.
    pub fn layers(&self) -> Vec<Layer> {
        match self {
            Self::Generator(spec) => spec.layers(),
            Self::Discriminator(spec) => spec.layers(),
        }
    }

    /// Shape of one sample that goes in: `[latent]`, or `[channels, side, side]`.
    pub fn input(&self) -> Vec<usize> {
        match self {
            Self::Generator(spec) => vec![spec.latent],
            Self::Discriminator(spec) => vec![spec.channels, spec.image_size(), spec.image_size()],
        }
    }

    /// "generator" or "discriminator".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Generator(_) => "generator",
            Self::Discriminator(_) => "discriminator",
        }
    }

    /// Refuses sizes that no network has, so that what follows can compute with them without overflow.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (arch, widths, channels, latent) = match self {
            Self::Generator(spec) => (&spec.arch, &spec.widths, spec.channels, spec.latent),
            Self::Discriminator(spec) => (&spec.arch, &spec.widths, spec.channels, 1),
        };
        if arch.chars().any(char::is_control) {
            return Err(format!("a name with control characters, {arch:?}"));
        }
        if !matches!(channels, 1 | 3) {
            return Err(format!("images of {channels} channels, expected 1 or 3"));
        }
        let stages = widths.len();
        if !(1..=8).contains(&stages) {
            return Err(format!("{stages} stages, expected 1 to 8"));
        }
        let sizes = widths.iter().copied().chain([latent]);
        match sizes.into_iter().find(|size| !(1..=65_536).contains(size)) {
            Some(size) => Err(format!("a layer of {size} channels, expected 1 to 65536")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `Generator().state_dict()` of the reference PyTorch program lists.
    #[test]
    fn the_generator_has_the_state_dict_of_the_reference() {
        let spec = GeneratorSpec {
            arch: "dcgan64".into(),
            latent: 100,
            widths: vec![512, 256, 128, 64],
            channels: 3,
        };
        let list = NetworkSpec::Generator(spec).tensors();
        let shape = |name: &str| {
            let found = list.iter().find(|tensor| tensor.name == name);
            found.unwrap_or_else(|| panic!("no {name}")).shape.clone()
        };
        assert_eq!(list.len(), 2 + 4 + 3 * 5);
        assert_eq!(shape("fc.weight"), [8192, 100]);
        assert_eq!(shape("fc.bias"), [8192]);
        assert_eq!(shape("tconv1.weight"), [512, 256, 4, 4]);
        assert_eq!(shape("tconv4.weight"), [64, 3, 4, 4]);
        assert_eq!(shape("bn3.running_var"), [64]);
        assert_eq!(shape("bn1.num_batches_tracked"), [0; 0]);
    }

    /// What `Discriminator().state_dict()` of the reference PyTorch program lists.
    #[test]
    fn the_discriminator_has_the_state_dict_of_the_reference() {
        let widths = vec![64, 128, 256, 512];
        let spec =
            DiscriminatorSpec { arch: "dcgan64".into(), widths, channels: 3, ..DiscriminatorSpec::default() };
        assert_eq!(spec.image_size(), 64);
        let list = NetworkSpec::Discriminator(spec).tensors();
        let names: Vec<_> = list.iter().map(|tensor| tensor.name.as_str()).collect();
        assert_eq!(names.len(), 4 + 3 * 5 + 2);
        assert!(!names.contains(&"bn1.weight"));
        assert!(names.contains(&"bn4.running_mean"));
        assert_eq!(list[0].shape, [64, 3, 4, 4]);
        assert_eq!(list.last().unwrap().shape, [1]);
    }

    /// What the same lists once `torch.nn.utils.spectral_norm` was applied to its convolutions and its last layer.
    #[test]
    fn spectral_normalisation_adds_pytorchs_tensors() {
        let spec = DiscriminatorSpec {
            arch: "dcgan32".into(),
            widths: vec![64, 128, 256],
            channels: 3,
            spectral_norm: true,
        };
        let list = NetworkSpec::Discriminator(spec).tensors();
        let shape = |name: &str| list.iter().find(|tensor| tensor.name == name).map(|found| &*found.shape);
        assert_eq!(list.len(), 3 * 3 + 2 * 5 + 4);
        assert_eq!(shape("conv2.weight"), None);
        assert_eq!(shape("conv2.weight_orig"), Some(&[128, 64, 4, 4][..]));
        assert_eq!(shape("conv2.weight_u"), Some(&[128][..]));
        assert_eq!(shape("conv2.weight_v"), Some(&[1024][..]));
        assert_eq!([shape("fc.weight_u"), shape("fc.weight_v")], [Some(&[1][..]), Some(&[4096][..])]);
        assert_eq!(shape("fc.bias"), Some(&[1][..]));
    }

    /// Files of before it was known have to be read, and what has none of it to be written as before.
    #[test]
    fn a_description_says_nothing_of_spectral_normalisation_where_there_is_none() {
        let json = r#"{"network":"discriminator","arch":"tiny","widths":[2],"channels":1}"#;
        let spec: NetworkSpec = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&spec).unwrap(), json);
        let with = json.replace("1}", "1,\"spectral_norm\":true}");
        let spec: NetworkSpec = serde_json::from_str(&with).unwrap();
        assert!(matches!(&spec, NetworkSpec::Discriminator(spec) if spec.spectral_norm));
        assert_eq!(serde_json::to_string(&spec).unwrap(), with);
    }
}
