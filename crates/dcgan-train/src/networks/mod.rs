//! The two networks of a DCGAN (Radford, Metz and Chintala, 2015), as types.
//!
//! `dcgan64`, for `N` images of 64x64 in color; tensors have the batch last:
//!
//! | generator | output | | discriminator | output |
//! |---|---|---|---|---|
//! | latents | `[100, N]` | | images | `[3, 64, 64, N]` |
//! | [`Project`](layers::Project) | `[512, 4, 4, N]` | | [`Stem`](layers::Stem) | `[64, 32, 32, N]` |
//! | [`Up`](layers::Up) | `[256, 8, 8, N]` | | [`Down`](layers::Down) | `[128, 16, 16, N]` |
//! | [`Up`](layers::Up) | `[128, 16, 16, N]` | | [`Down`](layers::Down) | `[256, 8, 8, N]` |
//! | [`Up`](layers::Up) | `[64, 32, 32, N]` | | [`Down`](layers::Down) | `[512, 4, 4, N]` |
//! | [`ToImage`](layers::ToImage) | `[3, 64, 64, N]` | | [`Head`](layers::Head) | `[1, N]` |
//!
//! `Up` is a transposed convolution, BatchNorm and ReLU; `Down` a convolution, BatchNorm and LeakyReLU. A stack whose sizes
//! do not fit does not compile: see [`layers`]. [`arch`] has the table of architectures, to which one line adds another.
//!
//! - [`init`], [`state_dict`], [`recalibrate`]: new networks, saved ones, and BatchNorm's statistics for given weights
//! - [`sampler`]: images of a generator; [`batch`]: batches as tensors

pub mod arch;
pub mod batch;
pub mod error;
pub mod init;
pub mod layers;
pub mod recalibrate;
pub mod sampler;
pub mod state_dict;
