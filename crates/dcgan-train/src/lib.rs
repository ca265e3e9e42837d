//! Trains a DCGAN (Radford, Metz and Chintala, 2015) with dfdx.
//!
//! From the top down; imports point down only:
//!
//! - [`run`]: a whole training run, as a [`TrainConfig`](run::config::TrainConfig) says: data, schedule, saving and
//!   resuming, collapse detection
//! - [`report`]: what people see of it
//! - [`gan`]: one training step: losses, optimizers, moving average
//! - [`networks`]: architectures and their layers, typed by their sizes
//! - [`backend`]: the operations of a layer, on the CPU and on GPUs

pub mod backend;
pub mod gan;
pub mod networks;
pub mod report;
pub mod run;
