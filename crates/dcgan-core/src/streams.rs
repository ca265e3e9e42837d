//! The families of random numbers: each need has its own, so that none disturbs another.

/// Initial weights; the index is the network's.
pub const WEIGHTS: u64 = 1;
/// Latents of training; the index counts the batches of latents drawn so far.
pub const LATENTS: u64 = 2;
/// The order of the data; the index is the epoch, from 0.
pub const SHUFFLE: u64 = 3;
/// Drawn pictures; the index is the picture's and the seed 0, so that they are one dataset.
pub const DRAWING: u64 = 4;
/// Vectors of spectral normalisation; the index is the network's.
pub const SINGULAR: u64 = 5;
/// Latents that BatchNorm's statistics are computed of; the index is the batch's and the seed 0, so that they are the
/// same for all generators.
pub const CALIBRATION: u64 = 6;
/// Which real images are mirrored; the index counts the updates of the discriminator, as many in each step.
pub const FLIP: u64 = 7;
/// Changes to images; the index counts the batches that the discriminator sees: of each of its updates the real one
/// and the generated one, and then that of the generator's update.
pub const AUGMENT: u64 = 8;
/// What a run's seed becomes after going back; the index counts the times.
pub const ROLLBACK: u64 = 16;
/// Which real images are looked at apart from training; the index is 0.
pub const EXAMPLES: u64 = 17;
