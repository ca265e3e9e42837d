//! What the crates of the DCGAN pipeline share, and nothing that any one of them needs alone.
//!
//! - [`spec`]: an architecture as plain data, and the names and shapes of its tensors
//! - [`checkpoint`]: a network in a safetensors file that describes itself
//! - [`archive`]: any tensors with a description, in such a file
//! - [`best_checkpoint`]: picks the best generator of a run
//! - [`checksum`]: a checksum inside the file that it covers
//! - [`state_dict`]: a network of another program, in a file that does not
//! - [`rng`], [`streams`] and [`latent`]: from a seed to random numbers, each need its own, and to the generator's input
//! - [`interpolation`]: latents between latents
//! - [`metadata`] and [`description`]: what an exported model says of itself, by name and by meaning
//! - [`pixels`] and [`grid`]: from values in [-1, 1] to bytes, and from a batch to one picture
//! - `metric`, with the feature of this name: how far generated images are from real ones
//! - [`atomic`]: files that are either whole or as they were; [`input`]: files that are read
//! - [`memory`]: memory that is checked before it is allocated; [`terminal`]: text that cannot steer a terminal
//!
//! Latents are [`Array2<f32>`](ndarray::Array2) `[N, latent]`, images
//! [`Array4<f32>`](ndarray::Array4) `[N, C, H, W]` in [-1, 1]: the types that the crates exchange.
//! No machine learning engine is known here.

pub mod archive;
pub mod atomic;
pub mod best_checkpoint;
pub mod checkpoint;
mod checkpoint_error;
pub mod checksum;
pub mod description;
pub mod grid;
pub mod input;
pub mod interpolation;
pub mod latent;
pub mod memory;
pub mod metadata;
#[cfg(feature = "metric")]
pub mod metric;
pub mod pixels;
pub mod rng;
pub mod spec;
pub mod state_dict;
pub mod streams;
mod tensor_file;
pub mod terminal;

pub use checkpoint::{Checkpoint, TrainingRecord};
pub use spec::{DiscriminatorSpec, GeneratorSpec, NetworkSpec};
pub use state_dict::{StateDict, Weights};
pub use tensor_file::TensorData;
