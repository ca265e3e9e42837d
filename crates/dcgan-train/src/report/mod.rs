//! What people see of a run.
//!
//! - [`event`]: what a run tells; [`progress`]: events as bars or lines on a terminal
//! - [`log`]: the numbers of each step, as [`metrics`] (JSON lines), for [`tensorboard`], and as the history that
//!   [`plot`] draws
//! - [`animation`]: sample grids as a GIF; [`moving_average`]: smooths curves

pub mod animation;
pub mod event;
pub mod log;
pub mod metrics;
pub mod moving_average;
pub mod plot;
pub mod progress;
pub mod tensorboard;
