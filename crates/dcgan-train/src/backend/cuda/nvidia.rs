//! An NVIDIA GPU through cudarc: the one file of the backend that only a GPU can prove.

use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, OnceLock};

use cudarc::cublas::sys::{
    cublasComputeType_t as Compute, cublasGemmAlgo_t as Algorithm, cublasOperation_t, cublasStatus_t,
    cudaDataType_t as Stored,
};
use cudarc::cublas::{CudaBlas, result as blas};
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{self, CUdevice_attribute_enum as Attribute, CUmemPool_attribute as PoolAttribute};
use cudarc::driver::{CudaDevice, CudaSlice, CudaStream, DevicePtr, DevicePtrMut, LaunchAsync, LaunchConfig};
use cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use dfdx::tensor::{CpuError, Cuda, CudaError};

use super::gpu::{ColumnMajor, Floats, Gpu, GpuResult, KERNELS, Launch, Product, SOURCE};
use super::gpu::{Kind, View, ViewMut};
use crate::backend::precision::Precision;

/// The name of our kernels among the GPU's modules.
const MODULE: &str = "dcgan";

/// The GPU, once it has started. Its context and its stream are dfdx's, so that what both tell it runs in one order.
static STARTED: OnceLock<Started> = OnceLock::new();

struct Started {
    device: Arc<CudaDevice>,
    blas: CudaBlas,
    precision: Precision,
    /// What brings data, while the GPU computes.
    copies: CudaStream,
    /// Where its memory comes from, if that is counted.
    pool: Option<Pool>,
}

/// The driver's pool of memory.
struct Pool(sys::CUmemoryPool);

// SAFETY: the driver's functions for a pool may be called by any thread.
unsafe impl Send for Pool {}
// SAFETY: as above.
unsafe impl Sync for Pool {}
// SAFETY: the driver's functions for a stream may be called by any thread; the rest of what has started is cudarc's, which
// says so itself.
unsafe impl Send for Started {}
// SAFETY: as above.
unsafe impl Sync for Started {}

/// The first NVIDIA GPU.
#[derive(Clone, Copy, Debug)]
pub struct Nvidia;

impl Nvidia {
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
        STARTED.get().expect("a tensor is made on a device, which `Nvidia::start` gives")
    }
}

impl Started {
    fn new(precision: Precision) -> Result<Self, String> {
        let device = CudaDevice::new(0).map_err(|error| error.to_string())?;
        let capability = capability(&device)?;
        check(precision, capability)?;
        let options = CompileOptions { arch: Some(architecture(capability)), ..CompileOptions::default() };
        let ptx =
            compile_ptx_with_opts(SOURCE, options).map_err(|error| format!("the kernels: {error:?}"))?;
        device.load_ptx(ptx, MODULE, &KERNELS).map_err(|error| format!("the kernels: {error}"))?;
        let blas = CudaBlas::new(Arc::clone(&device)).map_err(|error| format!("cuBLAS: {error:?}"))?;
        let copies = device.fork_default_stream().map_err(|error| error.to_string())?;
        let has_pools = number(&device, Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)? > 0;
        let pool = has_pools.then(Pool::of_device).transpose().map_err(|error| error.to_string())?;
        Ok(Self { device, blas, precision, copies, pool })
    }
}

impl Pool {
    /// That of the first GPU, which keeps from now on what it once got: by itself, it gives memory back to the system
    /// whenever somebody waits for the GPU, and has to get it again.
    fn of_device() -> Result<Self, DriverError> {
        let (mut pool, mut keep) = (ptr::null_mut(), u64::MAX);
        let threshold = PoolAttribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        // SAFETY: the driver writes a pool, and reads a number of 64 bits, which this attribute has.
        unsafe {
            sys::cuDeviceGetDefaultMemPool(&raw mut pool, result::device::get(0)?).result()?;
            sys::cuMemPoolSetAttribute(pool, threshold, (&raw mut keep).cast()).result()?;
        }
        Ok(Self(pool))
    }

    /// The most bytes in use since this was last asked.
    fn peak(&self) -> Result<u64, DriverError> {
        let (mut most, mut reset) = (0u64, 0u64);
        let highest = PoolAttribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
        // SAFETY: this attribute is a number of 64 bits, which the driver writes, and which may be set to 0.
        unsafe {
            sys::cuMemPoolGetAttribute(self.0, highest, (&raw mut most).cast()).result()?;
            sys::cuMemPoolSetAttribute(self.0, highest, (&raw mut reset).cast()).result()?;
        }
        Ok(most)
    }
}

/// The GPU's compute capability, such as 9.0.
fn capability(device: &CudaDevice) -> Result<[i32; 2], String> {
    let major = number(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    Ok([major, number(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?])
}

/// What to compile for, such as `compute_90`. It lives as long as the program: cudarc takes nothing shorter.
fn architecture([major, minor]: [i32; 2]) -> &'static str {
    format!("compute_{major}{minor}").leak()
}

/// cuBLAS multiplies no bf16 on older GPUs. TF32, which it may use and need not, is `f32` there.
fn check(precision: Precision, [major, minor]: [i32; 2]) -> Result<(), String> {
    match precision {
        Precision::Bf16 if major < 8 => Err(format!(
            "--precision bf16 needs a compute capability of 8.0, and the GPU has {major}.{minor}"
        )),
        _ => Ok(()),
    }
}

fn number(device: &CudaDevice, attribute: Attribute) -> Result<i32, String> {
    device.attribute(attribute).map_err(|error| error.to_string())
}

impl Gpu for Nvidia {
    type Device = Cuda;

    fn is_out_of_memory(error: &CudaError) -> bool {
        match error {
            CudaError::Blas(error) => error.0 == cublasStatus_t::CUBLAS_STATUS_ALLOC_FAILED,
            CudaError::Driver(error) => error.0 == sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY,
            CudaError::Cpu(error) => matches!(error, CpuError::OutOfMemory),
            #[allow(unreachable_patterns)] // what other features of dfdx add
            _ => false,
        }
    }

    fn address(floats: &Floats<Self>) -> u64 {
        *floats.device_ptr()
    }

    fn address_mut(floats: &mut Floats<Self>) -> u64 {
        *floats.device_ptr_mut()
    }

    type Memory = CudaSlice<u8>;

    fn allocate(_: &Cuda, bytes: usize) -> GpuResult<Self::Memory, Self> {
        // SAFETY: any bytes are bytes.
        Ok(unsafe { Self::started().device.alloc(bytes) }?)
    }

    fn upload(_: &Cuda, bytes: &[u8]) -> GpuResult<Self::Memory, Self> {
        let Started { device, copies, pool, .. } = Self::started();
        if pool.is_none() {
            return Ok(device.htod_sync_copy(bytes)?);
        }
        // To allocate on the stream of the kernels would make the copy wait for them. The memory's end is told to that
        // stream, on which all that uses it was told before.
        // SAFETY: the memory has room for the bytes, which the driver has read when the call returns, since their own
        // memory is pageable; kernels told from now on wait for the copy.
        unsafe {
            let address = result::malloc_async(copies.stream, bytes.len())?;
            let memory = device.upgrade_device_ptr(address, bytes.len());
            result::memcpy_htod_async(address, bytes, copies.stream)?;
            device.wait_for(copies)?;
            Ok(memory)
        }
    }

    fn memory_address(memory: &Self::Memory) -> u64 {
        *memory.device_ptr()
    }

    fn factors() -> Kind {
        match Self::started().precision {
            Precision::F32 | Precision::Tf32 => Kind::F32,
            Precision::Bf16 => Kind::Bf16,
        }
    }

    fn peak_memory() -> Option<u64> {
        Self::started().pool.as_ref()?.peak().ok()
    }

    unsafe fn launch(_: &Cuda, launch: &Launch) -> GpuResult<(), Self> {
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

    fn multiply(_: &Cuda, product: Product, a: View, b: View, c: ViewMut) -> GpuResult<(), Self> {
        assert_eq!(a.kind, b.kind, "factors of a product");
        let ColumnMajor { m, n, k, transposed, leading } = product.column_major([a.count, b.count, c.count]);
        let [of_b, of_a] = transposed.map(|is| match is {
            true => cublasOperation_t::CUBLAS_OP_T,
            false => cublasOperation_t::CUBLAS_OP_N,
        });
        let [lda, ldb, ldc] = leading;
        let Started { blas, precision, .. } = Self::started();
        let compute = compute(*precision, a.kind);
        let (one, add) = (1.0f32, if product.add { 1.0f32 } else { 0.0 });
        let (one, add) = ((&raw const one).cast(), (&raw const add).cast());
        let [first, second, result] = [(b.address, b.kind), (a.address, a.kind), (c.address, c.kind)]
            .map(|(address, kind)| (address as *mut c_void, stored(kind)));
        let algorithm = Algorithm::CUBLAS_GEMM_DFALT;
        // SAFETY: the three matrices have the sizes that the numbers say (checked), and stay borrowed until the product is
        // told; what frees them is told later. The factors of the sum are floats, as such products take them.
        let status = unsafe {
            blas::gemm_ex(
                *blas.handle(),
                of_b,
                of_a,
                m,
                n,
                k,
                one,
                first.0,
                first.1,
                lda,
                second.0,
                second.1,
                ldb,
                add,
                result.0,
                result.1,
                ldc,
                compute,
                algorithm,
            )
        };
        Ok(status?)
    }
}

fn stored(kind: Kind) -> Stored {
    match kind {
        Kind::F32 => Stored::CUDA_R_32F,
        Kind::Bf16 => Stored::CUDA_R_16BF,
    }
}

/// What cuBLAS may round factors to that are stored so.
fn compute(precision: Precision, factors: Kind) -> Compute {
    match (precision, factors) {
        (Precision::F32, _) | (Precision::Bf16, Kind::Bf16) => Compute::CUBLAS_COMPUTE_32F,
        (Precision::Tf32, _) => Compute::CUBLAS_COMPUTE_32F_FAST_TF32,
        (Precision::Bf16, Kind::F32) => Compute::CUBLAS_COMPUTE_32F_FAST_16BF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_is_refused_by_gpus_without_it() {
        for (precision, capability, is_fine) in [
            (Precision::Bf16, [8, 0], true),
            (Precision::Bf16, [9, 0], true),
            (Precision::Bf16, [7, 5], false),
            (Precision::Tf32, [7, 5], true),
            (Precision::F32, [6, 1], true),
        ] {
            assert_eq!(check(precision, capability).is_ok(), is_fine, "{precision:?} on {capability:?}");
        }
    }
}
