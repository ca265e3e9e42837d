//! What an exported generator says of itself: the names in the ONNX graph and the keys of its metadata.
//!
//! The exporter writes them, the sampler reads them; a file without them still has its shapes.

/// The graph's input, latents `[N, latent]`.
pub const INPUT: &str = "z";
/// The graph's output, images `[N, C, H, W]` or `[N, H, W, C]`; a discriminator's input, `[N, C, H, W]`.
pub const OUTPUT: &str = "image";
/// A discriminator's output before the sigmoid, `[N, 1]`.
pub const LOGIT: &str = "logit";
/// A discriminator's output, how likely it takes an image for a real one, `[N, 1]` in [0, 1].
pub const PROBABILITY: &str = "probability";
/// The name of the batch dimension of all of them.
pub const BATCH: &str = "N";

/// The architecture's name, such as `dcgan64`.
pub const ARCHITECTURE: &str = "dcgan.architecture";
/// Length of the latent vector, in decimal.
pub const LATENT_SIZE: &str = "dcgan.latent_size";
/// Lowest and highest value of a pixel, as [`VALUE_RANGE_SIGNED`] or [`VALUE_RANGE_BYTES`].
pub const VALUE_RANGE: &str = "dcgan.value_range";
/// How the generator was trained: a [`TrainingRecord`](crate::TrainingRecord) as JSON.
pub const TRAINING: &str = "dcgan.training";
/// SHA-256 of the checkpoint file, in lower-case hexadecimal.
pub const CHECKPOINT: &str = "dcgan.checkpoint_sha256";
/// Settings of the network that its PyTorch state dict did not hold, for people.
pub const ASSUMPTIONS: &str = "dcgan.assumptions";
/// What the model is called. This and the four that follow are for people.
pub const NAME: &str = "dcgan.name";
/// What it draws, and what it is not for.
pub const DESCRIPTION: &str = "dcgan.description";
/// What it was trained on.
pub const DATASET: &str = "dcgan.dataset";
/// Who trained it.
pub const AUTHOR: &str = "dcgan.author";
/// Under which terms it may be used, such as `MIT`.
pub const LICENSE: &str = "dcgan.license";
/// How latents are drawn, [`LATENT_DISTRIBUTION_NORMAL`].
pub const LATENT_DISTRIBUTION: &str = "dcgan.latent_distribution";
/// Order of the image's dimensions, [`LAYOUT_NCHW`] or [`LAYOUT_NHWC`].
pub const LAYOUT: &str = "dcgan.layout";
/// Seeds with values of their images: a list of [`TestVector`](crate::description::TestVector) as JSON.
pub const TEST_VECTORS: &str = "dcgan.test_vectors";
/// The file's checksum, of [`checksum`](crate::checksum::checksum): the last entry, which covers all others.
pub const CHECKSUM: &str = "dcgan.sha256";

/// The value range of a generator that ends in tanh.
pub const VALUE_RANGE_SIGNED: &str = "-1,1";
/// The value range of a generator that gives bytes.
pub const VALUE_RANGE_BYTES: &str = "0,255";
/// Each element of a latent is drawn alone, from the normal distribution of mean 0 and deviation 1.
pub const LATENT_DISTRIBUTION_NORMAL: &str = "normal(0,1)";
/// Channels before rows and columns, as in PyTorch.
pub const LAYOUT_NCHW: &str = "NCHW";
/// Channels last, as in picture files.
pub const LAYOUT_NHWC: &str = "NHWC";
