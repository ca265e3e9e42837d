//! Trains a DCGAN (Radford, Metz and Chintala, 2015) with dfdx.
pub mod adam;
pub mod arch;
pub mod batch;
pub mod engine;
pub mod error;
pub mod gan;
pub mod init;
pub mod kernels;
pub mod layers;
mod lend;
pub mod loss;
pub mod native;
pub mod portable;
pub mod sampler;
pub mod state;
pub mod streams;
