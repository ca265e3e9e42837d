//! What an exported generator says of itself: the names in the ONNX graph and the keys of its metadata.
//!
//! The exporter writes them, the sampler reads them; a file without them still has its shapes.

/// The graph's input, latents `[N, latent]`.
pub const INPUT: &str = "z";
/// The graph's output, images `[N, C, H, W]`.
pub const OUTPUT: &str = "image";
/// The name of the batch dimension of both.
pub const BATCH: &str = "N";

/// The architecture's name, such as `dcgan64`.
pub const ARCHITECTURE: &str = "dcgan.architecture";
/// Length of the latent vector, in decimal.
pub const LATENT_SIZE: &str = "dcgan.latent_size";
/// Lowest and highest value of a pixel, as [`VALUE_RANGE_SIGNED`].
pub const VALUE_RANGE: &str = "dcgan.value_range";
/// How the generator was trained: a [`TrainingRecord`](crate::TrainingRecord) as JSON.
pub const TRAINING: &str = "dcgan.training";
/// The file's checksum, of [`seal`](crate::seal).
pub const CHECKSUM: &str = "dcgan.sha256";

/// The value range of a generator that ends in tanh.
pub const VALUE_RANGE_SIGNED: &str = "-1,1";
