//! Choosing the device, and with it the engine.

use std::io::{self, Write};

use dfdx::tensor::Cpu;

use crate::config::DeviceKind;
use crate::engine::Engine;
use crate::native::Native;

/// Work that is compiled for each engine of this build.
pub trait OnDevice {
    /// Its result.
    type Output;

    /// The work on a device, and what people call it.
    fn run<E: Engine>(self, device: E::Device, name: &str) -> Self::Output;
}

/// The device that was asked for cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// `--device cuda` in a build for the CPU.
    #[error(
        "--device cuda: this dcgan-train was built for the CPU alone; \
         with the CUDA toolkit installed, build it with `cargo build --release -p dcgan-train --features cuda`"
    )]
    NotBuilt,
    /// The GPU does not start.
    #[error(
        "--device cuda: no GPU can be used ({reason}); check the driver with nvidia-smi, or take --device cpu"
    )]
    Cuda {
        /// What CUDA said.
        reason: String,
    },
}

/// Runs `work` on the device of `kind`.
///
/// # Errors
/// [`DeviceError`] if that device was asked for by name and cannot be used.
pub fn run<W: OnDevice>(kind: DeviceKind, work: W) -> Result<W::Output, DeviceError> {
    match kind {
        DeviceKind::Cpu => Ok(on_cpu(work)),
        DeviceKind::Cuda => Ok(work.run::<cuda::Engine>(cuda::device()?, cuda::NAME)),
        DeviceKind::Auto => match cuda::device() {
            Ok(device) => Ok(work.run::<cuda::Engine>(device, cuda::NAME)),
            Err(DeviceError::NotBuilt) => Ok(on_cpu(work)),
            Err(DeviceError::Cuda { reason }) => {
                let line = format!("no GPU can be used ({reason}): using the CPU");
                // A closed standard error is no reason not to train.
                drop(writeln!(io::stderr(), "{line}"));
                Ok(on_cpu(work))
            }
        },
    }
}

fn on_cpu<W: OnDevice>(work: W) -> W::Output {
    work.run::<Native>(Cpu::default(), "CPU")
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::panic::catch_unwind;

    use dfdx::tensor::Cuda;

    use super::DeviceError;
    use crate::portable::Portable;

    pub(super) const NAME: &str = "GPU (CUDA)";
    pub(super) type Engine = Portable<Cuda>;

    pub(super) fn device() -> Result<Cuda, DeviceError> {
        // cudarc panics where a library is missing.
        let device = catch_unwind(|| Cuda::try_build(0, 0).map_err(|error| format!("{error:?}")));
        let device = device.unwrap_or_else(|_| Err("the CUDA libraries cannot be loaded".into()));
        device.map_err(|reason| DeviceError::Cuda { reason })
    }
}

#[cfg(not(feature = "cuda"))]
mod cuda {
    use dfdx::tensor::Cpu;

    use super::DeviceError;

    pub(super) const NAME: &str = "CPU";
    pub(super) type Engine = crate::native::Native;

    pub(super) fn device() -> Result<Cpu, DeviceError> {
        Err(DeviceError::NotBuilt)
    }
}
