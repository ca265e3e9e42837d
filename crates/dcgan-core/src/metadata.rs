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
/// The file's checksum, of [`seal`](crate::seal).
pub const CHECKSUM: &str = "dcgan.sha256";

/// The value range of a generator that ends in tanh.
pub const VALUE_RANGE_SIGNED: &str = "-1,1";
/// The value range of a generator that gives bytes.
pub const VALUE_RANGE_BYTES: &str = "0,255";
