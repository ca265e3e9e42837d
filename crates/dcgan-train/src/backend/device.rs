//! The choice of the device, and with it of the backend.

use std::io::{self, Write};

use dfdx::tensor::Cpu;

use crate::backend::cpu::CpuBackend;
use crate::backend::operations::Backend;
use crate::backend::precision::Precision;

/// Where a network is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceKind {
    /// CUDA where the program was built with it and a GPU is found, else the CPU
    Auto,
    /// The CPU
    Cpu,
    /// An NVIDIA GPU
    Cuda,
}

/// Work that is compiled for each backend of this build.
pub trait OnDevice {
    /// Its result.
    type Output;

    /// The work on a device, and what people call it.
    fn run<B: Backend>(self, device: B::Device, name: &str) -> Self::Output;
}

/// The device that was asked for cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A GPU is asked for, and this build is for the CPU.
    #[error("this dcgan-train was built for the CPU alone")]
    NotBuilt,
    /// The GPU does not start.
    #[error("no GPU can be used ({reason})")]
    Cuda {
        /// What CUDA said.
        reason: String,
    },
    /// A precision that only a GPU has, on the CPU.
    #[error("the CPU computes in f32 alone, not in {}", .0.name())]
    Precision(Precision),
}

/// Runs `work` on the device of `kind`, with matrix products of a precision.
///
/// # Errors
/// [`DeviceError`] if that device was asked for by name and cannot be used, or has no such precision.
pub fn run<W: OnDevice>(kind: DeviceKind, precision: Precision, work: W) -> Result<W::Output, DeviceError> {
    let find = || gpu(precision);
    // A closed standard error is no reason not to train.
    choose::<W, GpuBackend>(kind, precision, work, find, |line| drop(writeln!(io::stderr(), "{line}")))
}

/// Runs `work` on the GPU that `find` finds, or on the CPU; `say` is told why not on the GPU where it was a question.
fn choose<W: OnDevice, Gpu: Backend>(
    kind: DeviceKind,
    precision: Precision,
    work: W,
    find: impl FnOnce() -> Result<Gpu::Device, DeviceError>,
    say: impl FnOnce(&str),
) -> Result<W::Output, DeviceError> {
    let found = match kind {
        DeviceKind::Cpu => None,
        DeviceKind::Cuda => Some(find()?),
        DeviceKind::Auto => match find() {
            Ok(device) => Some(device),
            Err(error @ DeviceError::Precision(_)) => return Err(error),
            Err(DeviceError::NotBuilt) => None,
            Err(DeviceError::Cuda { reason }) => {
                say(&format!("no GPU can be used ({reason}): using the CPU"));
                None
            }
        },
    };
    match (found, precision) {
        (Some(device), _) => Ok(work.run::<Gpu>(device, "GPU (CUDA)")),
        (None, Precision::F32) => Ok(work.run::<CpuBackend>(Cpu::default(), "CPU")),
        (None, _) => Err(DeviceError::Precision(precision)),
    }
}

/// The backend of GPUs; without the feature, any.
#[cfg(feature = "cuda")]
type GpuBackend = crate::backend::cuda::CudaBackend<crate::backend::cuda::nvidia::Nvidia>;
#[cfg(not(feature = "cuda"))]
type GpuBackend = CpuBackend;

#[cfg(feature = "cuda")]
fn gpu(precision: Precision) -> Result<dfdx::tensor::Cuda, DeviceError> {
    crate::backend::cuda::nvidia::Nvidia::start(precision).map_err(|reason| DeviceError::Cuda { reason })
}

#[cfg(not(feature = "cuda"))]
fn gpu(_: Precision) -> Result<Cpu, DeviceError> {
    Err(DeviceError::NotBuilt)
}

#[cfg(test)]
mod tests {
    use std::any::type_name;

    use super::*;
    use crate::backend::reference::ReferenceBackend;

    /// Stands for the GPU's.
    type Other = ReferenceBackend<Cpu>;

    /// The backend that is used, and its name.
    struct Name;

    impl OnDevice for Name {
        type Output = (&'static str, String);

        fn run<B: Backend>(self, _: B::Device, name: &str) -> Self::Output {
            (type_name::<B>(), name.to_owned())
        }
    }

    /// What runs, and what is said.
    fn chosen(
        kind: DeviceKind,
        found: Result<(), DeviceError>,
    ) -> (Result<<Name as OnDevice>::Output, DeviceError>, String) {
        let mut said = String::new();
        let find = || found.map(|()| Cpu::default());
        let say = |line: &str| said = line.to_owned();
        let result = choose::<_, Other>(kind, Precision::F32, Name, find, say);
        (result, said)
    }

    fn no_gpu() -> Result<(), DeviceError> {
        Err(DeviceError::Cuda { reason: "CUDA_ERROR_NO_DEVICE".into() })
    }

    #[test]
    fn a_gpu_is_used_where_there_is_one() {
        for kind in [DeviceKind::Auto, DeviceKind::Cuda] {
            let (result, said) = chosen(kind, Ok(()));
            assert_eq!(result.unwrap(), (type_name::<Other>(), "GPU (CUDA)".to_owned()));
            assert_eq!(said, "");
        }
    }

    #[test]
    fn without_a_gpu_the_native_engine_of_the_cpu_is_used_and_said_why() {
        let cpu = (type_name::<CpuBackend>(), "CPU".to_owned());
        let (result, said) = chosen(DeviceKind::Auto, no_gpu());
        assert_eq!(result.unwrap(), cpu);
        assert_eq!(said, "no GPU can be used (CUDA_ERROR_NO_DEVICE): using the CPU");
        for (kind, found) in [(DeviceKind::Auto, Err(DeviceError::NotBuilt)), (DeviceKind::Cpu, Ok(()))] {
            let (result, said) = chosen(kind, found);
            assert_eq!((result.unwrap(), said), (cpu.clone(), String::new()), "nothing to say");
        }
    }

    #[test]
    fn a_gpu_asked_for_by_name_is_an_error_with_the_reason_where_there_is_none() {
        let (result, said) = chosen(DeviceKind::Cuda, no_gpu());
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with("no GPU can be used (CUDA_ERROR_NO_DEVICE)"), "{error}");
        assert_eq!(said, "");
    }

    #[test]
    fn a_precision_of_gpus_is_refused_where_the_cpu_would_compute() {
        for precision in [Precision::Tf32, Precision::Bf16] {
            let choose = |kind, found: Result<(), _>| {
                choose::<_, Other>(kind, precision, Name, || found.map(|()| Cpu::default()), |_| ())
            };
            assert!(choose(DeviceKind::Auto, Ok(())).is_ok());
            for (kind, found) in [(DeviceKind::Auto, no_gpu()), (DeviceKind::Cpu, Ok(()))] {
                let error = choose(kind, found).unwrap_err().to_string();
                let expected = format!("the CPU computes in f32 alone, not in {}", precision.name());
                assert!(error.starts_with(&expected), "{error}");
            }
        }
    }
}
