//! The best generator so far.

use serde::{Deserialize, Serialize};

use crate::gan::measurement::Measurement;

/// The best generator of a run so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Best {
    /// Its distances.
    pub(super) measurement: Measurement,
    /// Images that they were measured over: with others, they mean something else.
    pub(super) images: usize,
}
