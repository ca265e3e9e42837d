//! The CUDA kernels of this crate, and the backend that runs them.
//!
//! From the outside in: [`operations`] has the networks' blocks as operations on dfdx's tape, [`scalars`] the loss and what a
//! step says of itself, [`cache`] what is cached of parameters; [`conv`] a convolution as kernels and matrix products,
//! [`augment`] the changes to images, [`batch_norm`] and [`launch`] a function for each of the other kernels, [`memory`] what
//! they work on, and `kernels.cu` ([`SOURCE`]) the kernels. All of it is written over a [`Gpu`], which runs kernels and
//! multiplies matrices: a GPU, or the CPU in the tests, which compile the same source by a C++ compiler. So what only a GPU
//! can show is in one file, `nvidia.rs`.
//!
//! # What the way into dfdx's tensors costs
//!
//! dfdx lends no device memory of a tensor, only gradients'. A block therefore has its input copied out of its tensor
//! (`buffer.rs`), and its output copied into one (`outputs.rs`). In floats read and written, beside those that the kernels
//! need:
//!
//! | | reads | writes | when |
//! |---|---|---|---|
//! | from a tensor | 4 | 6 | latents; a parameter once an update |
//! | into a tensor | 1 | 1 | images, each block's output |
//! | a new memory | 0 | 1 | each block's output and gradient: dfdx zeroes it, and in the map of gradients once more |
//!
//! A block's input mostly is the last block's output, whose floats are still at hand: that copy is saved. What only kernels
//! see is no memory of dfdx's ([`memory::Scratch`]). Adam is dfdx's own kernel, which has the parameters in place: one of
//! ours would have to copy them out and in again.

pub mod augment;
pub mod batch_norm;
pub mod cache;
pub mod conv;
mod cross_entropy;
pub mod gpu;
pub mod launch;
pub mod memory;
#[cfg(feature = "cuda")]
pub mod nvidia;
pub mod operations;
mod outputs;
pub mod scalars;

pub use gpu::{ColumnMajor, Floats, Gpu, GpuError, GpuResult, KERNELS, Launch, Product, SOURCE};
pub use operations::CudaBackend;
