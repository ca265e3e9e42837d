//! An NVIDIA GPU through cudarc: the one file of the engine that only a GPU can prove.

use std::sync::{Arc, OnceLock};

use cudarc::cublas::sys::{cublasMath_t, cublasOperation_t, cublasSetMathMode};
use cudarc::cublas::{CudaBlas, Gemm, GemmConfig};
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::CUdevice_attribute_enum as Attribute;
use cudarc::driver::{CudaDevice, DevicePtr, DevicePtrMut, DeviceSlice, LaunchAsync, LaunchConfig};
use cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use dfdx::tensor::Cuda;

use super::{ColumnMajor, Floats, KERNELS, Launch, Machine, MachineResult, Product, SOURCE};
use crate::config::Precision;

/// The name of our kernels among the GPU's modules.
const MODULE: &str = "dcgan";

/// The GPU, once it has started. Its context and its stream are dfdx's, so that what both tell it runs in one order.
static STARTED: OnceLock<Started> = OnceLock::new();

struct Started {
    device: Arc<CudaDevice>,
    blas: CudaBlas,
}

/// The first NVIDIA GPU.
#[derive(Clone, Copy, Debug)]
pub struct Gpu;

impl Gpu {
    /// Starts the GPU for the process and compiles the kernels for it. The precision of matrix products is that of the
    /// first start.
    ///
    /// # Errors
    /// The reason, if there is no GPU or one of CUDA's libraries fails.
    pub fn start(precision: Precision) -> Result<Cuda, String> {
        // Without a GPU, cudarc panics as it starts, and the driver's words for a code are not to be had.
        let name = |DriverError(code)| format!("{code:?}");
        result::init().map_err(name)?;
        if result::device::get_count().map_err(name)? == 0 {
            return Err("the driver finds none".into());
        }
        let tensors = Cuda::try_build(0, 0).map_err(|error| format!("{error:?}"))?;
        if STARTED.get().is_none() {
            let started = Started::new(precision)?;
            // Another thread may have been faster; then this one's is dropped.
            drop(STARTED.set(started));
        }
        Ok(tensors)
    }

    fn started() -> &'static Started {
        STARTED.get().expect("a tensor is made on a device, which `Gpu::start` gives")
    }
}

impl Started {
    fn new(precision: Precision) -> Result<Self, String> {
        let device = CudaDevice::new(0).map_err(|error| error.to_string())?;
        let options = CompileOptions { arch: Some(architecture(&device)?), ..CompileOptions::default() };
        let ptx =
            compile_ptx_with_opts(SOURCE, options).map_err(|error| format!("the kernels: {error:?}"))?;
        device.load_ptx(ptx, MODULE, &KERNELS).map_err(|error| format!("the kernels: {error}"))?;
        let blas = CudaBlas::new(Arc::clone(&device)).map_err(|error| format!("cuBLAS: {error:?}"))?;
        let mode = match precision {
            Precision::F32 => cublasMath_t::CUBLAS_DEFAULT_MATH,
            Precision::Tf32 => cublasMath_t::CUBLAS_TF32_TENSOR_OP_MATH,
        };
        // SAFETY: the handle is the one just made.
        let status = unsafe { cublasSetMathMode(*blas.handle(), mode) };
        status.result().map_err(|error| format!("cuBLAS: {error:?}"))?;
        Ok(Self { device, blas })
    }
}

/// What to compile for, such as `compute_90`. It lives as long as the program: cudarc takes nothing shorter.
fn architecture(device: &CudaDevice) -> Result<&'static str, String> {
    let number = |attribute| device.attribute(attribute).map_err(|error| error.to_string());
    let major = number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    let minor = number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    Ok(format!("compute_{major}{minor}").leak())
}

impl Machine for Gpu {
    type Device = Cuda;

    fn address(floats: &Floats<Self>) -> u64 {
        *floats.device_ptr()
    }

    fn address_mut(floats: &mut Floats<Self>) -> u64 {
        *floats.device_ptr_mut()
    }

    unsafe fn launch(_: &Cuda, launch: &Launch) -> MachineResult<(), Self> {
        let function = Self::started().device.get_func(MODULE, launch.kernel);
        let function = function.expect("every kernel is loaded");
        let config = LaunchConfig {
            grid_dim: (launch.blocks, 1, 1),
            block_dim: (Launch::THREADS, 1, 1),
            shared_mem_bytes: 0,
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l] = launch.arguments;
        // SAFETY: CUDA reads as many arguments as the kernel has, and of each as many bytes, the low ones first; the
        // rest is the caller's promise.
        Ok(unsafe { function.launch(config, (a, b, c, d, e, f, g, h, i, j, k, l)) }?)
    }

    fn multiply(
        _: &Cuda,
        product: Product,
        a: &Floats<Self>,
        b: &Floats<Self>,
        c: &mut Floats<Self>,
    ) -> MachineResult<(), Self> {
        let ColumnMajor { m, n, k, transposed, leading } = product.column_major([a.len(), b.len(), c.len()]);
        let [transa, transb] = transposed.map(|is| match is {
            true => cublasOperation_t::CUBLAS_OP_T,
            false => cublasOperation_t::CUBLAS_OP_N,
        });
        let [lda, ldb, ldc] = leading;
        let beta = if product.add { 1.0 } else { 0.0 };
        let config = GemmConfig { transa, transb, m, n, k, alpha: 1.0, lda, ldb, beta, ldc };
        // SAFETY: the three matrices have the sizes that the configuration says (checked).
        Ok(unsafe { Self::started().blas.gemm(config, b, a, c) }?)
    }
}
