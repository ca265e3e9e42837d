//! The arithmetic of a DCGAN on the CPU, on plain slices of `f32`.
//!
//! The crate knows no tensors, tapes or files. A function takes slices and their sizes, checks the lengths, and
//! spreads its work over [rayon]'s threads.
//!
//! # One layout
//!
//! A batch of feature maps is `[C, H, W, N]`, with the batch innermost: a pixel of a channel is `N` contiguous floats,
//! one for each image. So every loop runs over contiguous memory, a channel is one contiguous row (which BatchNorm
//! reduces), and the pixels of an image row are the columns of a matrix `[C, W * N]` (which a matrix product takes).
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
//! PyTorch stores the weight of a transposed convolution as `[in, out, 4, 4]`, which is the table's `[O, C, 4, 4]`: the
//! input of the transposed convolution is the small map.
//!
//! # Reproducible sums
//!
//! Work is split into blocks that depend on the shapes alone, never on the number of threads, and partial
//! sums are added in the order of the blocks. Any number of threads gives the same bits.
//!
//! # Example
//!
//! ```
//! use dcgan_kernels::conv::{self, ConvShape, Weight, WeightCache};
//!
//! // 3 channels of 64x64 pixels to 16 channels of 32x32, a batch of 2.
//! let shape = ConvShape { channels: 3, outputs: 16, side: 64, batch: 2 };
//! let (images, values) = (vec![0.5; shape.large()], vec![0.1; shape.weight()]);
//! let weight = Weight { values: &values, cache: &WeightCache::default() };
//! let maps = conv::forward(shape, shape.method(), &images, weight); // [16, 32, 32, 2]
//! assert_eq!(maps.len(), shape.small());
//! // An inner pixel sees 4 x 4 pixels of 3 channels.
//! assert!((maps[(5 * 32 + 7) * 2] - 16.0 * 3.0 * 0.5 * 0.1).abs() < 1e-5);
//! ```

pub mod activation;
pub mod adam;
pub mod augment;
pub mod batch_norm;
pub mod conv;
pub mod linear;
mod matmul;
pub mod norm;
pub mod recycler;
mod scratch;
mod shared;
mod simd;
pub mod spectral;
mod uninit;

pub use simd::Level;
