//! One training step of a GAN (Goodfellow et al., 2014).
//!
//! - [`model`]: both networks and their optimizers; [`config`], [`inputs`], [`stats`]: what goes in and comes out
//! - [`loss`], [`adam`], [`ema`], [`augment`]: its parts
//! - [`measurement`]: the distance of generated images from real ones

pub mod adam;
pub mod augment;
pub mod config;
pub mod ema;
pub mod inputs;
pub mod loss;
pub mod measurement;
pub mod model;
pub mod stats;

pub use config::GanConfig;
pub use model::Gan;
pub use stats::StepStats;
