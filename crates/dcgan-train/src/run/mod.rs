//! A training run: data in, checkpoints, sample grids and metrics out.
//!
//! - `start`: opens what a run needs, and starts or resumes it; [`config`] has its settings
//! - `training_loop`: a step, what follows it, and what follows an epoch; `step`, `reading`, `measure`, `files` and
//!   `rollback` are its parts
//! - `data`, `position`: the images, and the position in them; `clock`, [`schedule`]: time limits and learning rates
//! - `run_state`, `states`: all of a run as a file, and the folder of these; `record`: the options that a result depends on
//! - [`collapse`]: whether training is worth continuing; [`interrupt`]: stop requests; [`outcome`](Outcome): the result
//! - `memory`, [`memory_limit`]: the memory that a run needs, and that it can get; `earlier_run`: files of an earlier run

mod best;
mod clock;
pub mod collapse;
pub mod config;
mod data;
mod earlier_run;
pub mod error;
mod files;
pub mod interrupt;
mod measure;
mod memory;
pub mod memory_limit;
mod outcome;
mod paths;
mod pending;
mod position;
mod reading;
mod record;
mod rollback;
mod run_state;
pub mod schedule;
mod start;
mod states;
mod step;
mod training_loop;

pub use outcome::{Ending, Outcome};
pub use start::{train, train_until};
