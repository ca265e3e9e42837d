//! Trains a DCGAN (Radford, Metz and Chintala, 2015) with dfdx.
//!
//! From the inside out:
//!
//! - [`engine`]: what a device computes; [`native`] with [`dcgan_kernels`], [`portable`] in dfdx's operations, [`cuda`] with
//!   kernels for GPUs
//! - [`layers`]: the networks' layers, typed by their sizes; [`arch`]: the table of architectures
//! - [`loss`], [`adam`], [`gan`]: one training step; [`ledger`]: its numbers; [`schedule`]: its learning rates
//! - [`batch`]: batches of `dcgan-data` as tensors; [`augment`]: random changes to them
//! - [`trainer`]: a whole run as a [`config`] says, with [`event`]s and [`metrics`]
//! - [`interrupt`]: a wish that a run end early; [`collapse`]: whether it is worth going on
//! - [`measurement`]: how far its images are from the real ones; [`tensorboard`], [`animation`]: what it did, to look at
//! - [`config_file`]: a run's settings as a file
//! - [`progress`]: what people see of it while it goes on; [`plot`]: the picture of its losses, smoothed by a
//!   [`moving_average`]
//! - [`summary`]: the table that `describe` prints
//! - [`init`], [`state`], [`sampler`]: new networks, saved ones, and their images
//! - [`ema`], [`recalibrate`]: the mean of a generator's weights, and BatchNorm's statistics for any weights

pub mod adam;
pub mod animation;
pub mod arch;
pub mod augment;
pub mod batch;
mod buffer;
pub mod collapse;
pub mod config;
pub mod config_file;
pub mod cuda;
pub mod device;
pub mod ema;
pub mod engine;
pub mod error;
pub mod event;
pub mod gan;
pub mod init;
pub mod interrupt;
pub mod layers;
pub mod ledger;
mod lend;
pub mod loss;
pub mod measurement;
pub mod memory;
pub mod metrics;
pub mod moving_average;
pub mod native;
pub mod plot;
pub mod portable;
pub mod progress;
pub mod recalibrate;
pub mod sampler;
pub mod schedule;
pub mod state;
pub mod summary;
pub mod tensorboard;
pub mod trainer;
