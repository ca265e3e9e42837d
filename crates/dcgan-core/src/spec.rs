//! An architecture as plain data: enough to name every tensor of a network and to rebuild it.

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

    /// Every tensor of the state dict, in the order of the forward pass.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let features = self.widths[0] * BASE_SIDE * BASE_SIDE;
        let mut list = linear(features, self.latent);
        for (index, (input, output)) in (1..).zip(self.stages()) {
            list.push(tensor(format!("tconv{index}.weight"), &[input, output, KERNEL, KERNEL]));
            if index < self.widths.len() {
                list.extend(batch_norm(index, output));
            }
        }
        list
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

    /// Every tensor of the state dict, in the order of the forward pass.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut list = Vec::new();
        for (index, (input, output)) in (1..).zip(self.stages()) {
            list.extend(self.weight(&format!("conv{index}"), &[output, input, KERNEL, KERNEL]));
            if index > 1 {
                list.extend(batch_norm(index, output));
            }
        }
        let last = self.widths[self.widths.len() - 1];
        list.extend(self.weight("fc", &[1, last * BASE_SIDE * BASE_SIDE]));
        list.push(tensor("fc.bias".into(), &[1]));
        list
    }

    /// The tensors that a layer's weight consists of.
    fn weight(&self, layer: &str, shape: &[usize]) -> Vec<TensorSpec> {
        let named = |part: &str, shape: &[usize]| tensor(format!("{layer}.{part}"), shape);
        if !self.spectral_norm {
            return vec![named("weight", shape)];
        }
        let columns = shape[1..].iter().product();
        vec![named("weight_orig", shape), named("weight_u", &shape[..1]), named("weight_v", &[columns])]
    }
}

impl NetworkSpec {
    /// Every tensor of the state dict, in the order of the forward pass.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        match self {
            Self::Generator(spec) => spec.tensors(),
            Self::Discriminator(spec) => spec.tensors(),
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

fn tensor(name: String, shape: &[usize]) -> TensorSpec {
    TensorSpec { name, shape: shape.to_vec() }
}

fn linear(outputs: usize, inputs: usize) -> Vec<TensorSpec> {
    vec![tensor("fc.weight".into(), &[outputs, inputs]), tensor("fc.bias".into(), &[outputs])]
}

fn batch_norm(index: usize, channels: usize) -> Vec<TensorSpec> {
    let mut list: Vec<_> = ["weight", "bias", "running_mean", "running_var"]
        .iter()
        .map(|part| tensor(format!("bn{index}.{part}"), &[channels]))
        .collect();
    list.push(tensor(format!("bn{index}.num_batches_tracked"), &[]));
    list
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
        let list = spec.tensors();
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
        let names: Vec<_> = spec.tensors().into_iter().map(|tensor| tensor.name).collect();
        assert_eq!(names.len(), 4 + 3 * 5 + 2);
        assert!(!names.contains(&"bn1.weight".to_owned()));
        assert!(names.contains(&"bn4.running_mean".to_owned()));
        assert_eq!(spec.tensors()[0].shape, [64, 3, 4, 4]);
        assert_eq!(spec.tensors().last().unwrap().shape, [1]);
        assert_eq!(spec.image_size(), 64);
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
        let list = spec.tensors();
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
