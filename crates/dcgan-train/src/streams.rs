//! The families of random numbers of a training run: each need has its own, so that none disturbs another.

/// Initial weights; the index is the network's.
pub const WEIGHTS: u64 = 1;
/// Latents of training; the index counts the batches drawn so far.
pub const LATENTS: u64 = 2;
/// The order of the data; the index is the epoch.
pub const SHUFFLE: u64 = 3;
/// Latents of the sample grids.
pub const SAMPLES: u64 = 4;
