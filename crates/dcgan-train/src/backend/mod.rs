//! What a device computes.
//!
//! - [`operations`]: the [`Backend`](operations::Backend) trait, over the plain [`types`]
//! - [`cpu`]: with [`dcgan_kernels`]; [`cuda`]: with kernels for GPUs; [`reference`](mod@reference): in dfdx's operations,
//!   what the others are tested against
//! - [`scalars`], [`cross_entropy`]: losses and norms, which stay on the device until they are read
//! - [`device`], [`precision`]: which backend a program uses
//! - `buffer`, `tensor_slice`, `pixels`: between dfdx's tensors and plain slices

mod buffer;
pub mod cpu;
pub mod cross_entropy;
pub mod cuda;
pub mod device;
pub mod error;
pub mod operations;
mod pixels;
pub mod precision;
pub mod reference;
pub mod scalars;
mod tensor_slice;
pub mod types;
