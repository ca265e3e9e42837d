//! From a trained network to one ONNX file that every runtime takes.
//!
//! - [`Network`]: the layers of a generator or a discriminator, read from a checkpoint of dcgan-train or from a PyTorch
//!   state dict with its names, or those of PyTorch's DCGAN example; [`Assumptions`]: what a state dict does not hold
//! - [`export_network`], and [`export`] of a checkpoint: a network as a checked [`ModelProto`], in the form that
//!   [`ExportConfig`] asks for, which says of itself what it is ([`CardConfig`] and all that is known of the network)
//! - [`check`]: the structural checks that an export makes, for any model of this form
//! - [`render`]: a model as text, without its weights
//! - [`inspect`]: what any ONNX file holds, without reading its weights
//! - [`interpreter`]: runs a model; [`verify`]: compares it with the network that it was made of
//! - [`triton`]: a model repository of Triton Inference Server
//!
//! The messages of the file format are those of [`dcgan_onnx`].
//!
//! By default a generator's graph is Gemm, Reshape, then ConvTranspose and Relu a stage, the last stage ending in Tanh; a
//! discriminator's is Conv and LeakyRelu a stage, then Reshape, Gemm and Sigmoid. BatchNorm is folded into the weights
//! unless [`ExportConfig::fold_batchnorm`] is off: kept as BatchNormalization, it is valid ONNX that one runtime or another
//! gets wrong without a word. So are, and no file has them, `output_shape`, `auto_pad`, a nameless batch, and shapes
//! computed in the graph.
//!
//! ```no_run
//! use std::path::Path;
//! use dcgan_core::Checkpoint;
//! use dcgan_export::{ExportConfig, export, render};
//!
//! let (_, checkpoint) = Checkpoint::load_generator(Path::new("generator_final.safetensors"))?;
//! let model = export(&checkpoint, &ExportConfig::default())?;
//! println!("{}", render(&model));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assumptions;
mod builder;
mod card;
mod check;
pub mod config;
mod dcgan_layout;
mod error;
mod fold;
mod footprint;
mod graph;
mod infer;
pub mod inspect;
pub mod interpreter;
mod lower;
mod metadata_entry;
mod model;
mod network;
mod output;
mod parametrization;
mod pytorch_example;
mod render;
mod source;
mod tensors;
pub mod triton;
mod types;
pub mod verify;

pub use assumptions::Assumptions;
pub use card::CardConfig;
pub use check::check;
pub use config::ExportConfig;
pub use dcgan_onnx::ModelProto;
pub use error::{CheckError, ExportError};
pub use model::{export, export_network};
pub use network::{BatchNorm, Convolution, Layer, Linear, Network, NetworkKind, Operation};
pub use render::{parameter_count, render};
