//! The arithmetic of a training step on the CPU, on plain slices.
//!
//! # One layout
//!
//! A batch of feature maps is `[C, H, W, N]`, the batch innermost: a pixel of a channel is `N` neighbouring
//! floats, one an image. So every loop below runs over contiguous memory, a channel is one contiguous row
//! (what BatchNorm reduces), and the pixels of an image row are the columns of a matrix `[C, W * N]` (what a
//! matrix product takes).
//!
//! # One trio of kernels
//!
//! A 4x4 convolution of stride 2 and padding 1 ([`conv`]) links a large map `[C, S, S, N]` and a small one
//! `[O, S/2, S/2, N]` through a weight `[O, C, 4, 4]`:
//!
//! | | convolution (discriminator) | transposed convolution (generator) |
//! |---|---|---|
//! | [`conv::forward`], large to small | forward | gradient of the input |
//! | [`conv::input_gradient`], small to large | gradient of the input | forward |
//! | [`conv::weight_gradient`], both to weight | gradient of the weight | gradient of the weight |
//!
//! PyTorch stores the weight of a transposed convolution as `[in, out, 4, 4]`, which already is the layout
//! of the table's convolution seen from its other side.
//!
//! # Reproducible sums
//!
//! Work is split into blocks that depend on the shapes alone, never on the number of threads, and partial
//! sums are added in the order of the blocks: any number of threads gives the same bits.

pub mod activation;
pub mod adam;
pub mod augment;
pub mod batch_norm;
pub mod conv;
mod fresh;
pub mod linear;
mod matmul;
pub mod norm;
pub mod recycler;
mod scratch;
mod shared;
mod simd;
pub mod spectral;

pub use simd::Level;
