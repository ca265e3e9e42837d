//! The error of any device, in words.

use crate::backend::operations::{Backend, DeviceError};

/// A device failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device failed: {reason}")]
pub struct BackendError {
    /// What the device said.
    pub reason: String,
    /// Whether it has too little memory.
    pub is_out_of_memory: bool,
}

impl BackendError {
    /// Describes the error of a backend's device.
    pub fn new<B: Backend>(error: &DeviceError<B>) -> Self {
        Self { reason: error.to_string(), is_out_of_memory: B::is_out_of_memory(error) }
    }
}
