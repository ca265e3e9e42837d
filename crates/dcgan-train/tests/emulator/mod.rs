//! A machine for the CUDA kernels that is no GPU: a C++ compiler compiles them for the CPU.

// Each test program compiles its own copy, and uses some of it.
#![allow(dead_code)]

use std::ffi::{CString, c_char, c_int, c_uint};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use dcgan_train::backend::cuda::gpu::{Kind, View, ViewMut};
use dcgan_train::backend::cuda::{ColumnMajor, Floats, Gpu, GpuResult, Launch, Product};
use dfdx::tensor::{Cpu, CpuError};
use half::bf16;
use libloading::Library;

type Emulate = unsafe extern "C" fn(*const c_char, c_uint, c_uint, *const u64, bool) -> c_int;

/// The CPU as a machine for the kernels, with factors in 16 bits or not.
pub struct Emulating<const BF16: bool>;

/// With factors in 32 bits.
pub type Emulated = Emulating<false>;

/// One kernel runs at a time: the emulator's threads and blocks are the library's variables.
static LIBRARY: OnceLock<Option<Mutex<Library>>> = OnceLock::new();
/// Whether the last threads and blocks run first.
static BACKWARDS: AtomicBool = AtomicBool::new(false);

/// Whether there is a compiler for the kernels; without one, tests say so and are skipped.
pub fn is_here() -> bool {
    let is_here = LIBRARY.get_or_init(build).is_some();
    if !is_here {
        eprintln!("skipped: the CUDA kernels are compiled for the CPU by c++, which is not here");
    }
    is_here
}

/// Runs the last threads and blocks first from now on, or the first ones. Not for tests that run side by side.
pub fn run_backwards(backwards: bool) {
    BACKWARDS.store(backwards, Ordering::Relaxed);
}

fn build() -> Option<Mutex<Library>> {
    Command::new("c++").arg("--version").output().ok()?;
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("kernels.so");
    let mut command = Command::new("c++");
    command.args([
        "-std=c++17",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-U_FORTIFY_SOURCE",
        "-shared",
        "-fPIC",
    ]);
    command.arg("-I").arg(package.join("src/backend/cuda"));
    command.arg("-o").arg(&path).arg(package.join("tests/emulator/emulator.cpp"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    // SAFETY: the library has just been built, and runs nothing as it is loaded.
    Some(Mutex::new(unsafe { Library::new(&path) }.unwrap()))
}

impl<const BF16: bool> Gpu for Emulating<BF16> {
    type Device = Cpu;

    fn address(floats: &Floats<Self>) -> u64 {
        floats.as_ptr() as u64
    }

    fn address_mut(floats: &mut Floats<Self>) -> u64 {
        floats.as_mut_ptr() as u64
    }

    type Memory = Vec<u64>;

    /// What stands there is no number.
    fn allocate(_: &Cpu, bytes: usize) -> GpuResult<Self::Memory, Self> {
        Ok(vec![u64::MAX; bytes.div_ceil(8)])
    }

    fn upload(_: &Cpu, bytes: &[u8]) -> GpuResult<Self::Memory, Self> {
        let words = bytes.chunks(8).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_ne_bytes(word)
        });
        Ok(words.collect())
    }

    fn memory_address(memory: &Self::Memory) -> u64 {
        memory.as_ptr() as u64
    }

    fn factors() -> Kind {
        if BF16 { Kind::Bf16 } else { Kind::F32 }
    }

    unsafe fn launch(_: &Cpu, launch: &Launch) -> GpuResult<(), Self> {
        let library = LIBRARY.get_or_init(build).as_ref().expect("tests ask first").lock().unwrap();
        let name = CString::new(launch.kernel).unwrap();
        let backwards = BACKWARDS.load(Ordering::Relaxed);
        // SAFETY: the function has this type; the arguments are the caller's promise.
        let status = unsafe {
            let emulate = library.get::<Emulate>(b"emulate").unwrap();
            emulate(name.as_ptr(), launch.blocks, Launch::THREADS, launch.arguments.as_ptr(), backwards)
        };
        assert_eq!(status, 0, "there is no kernel {}", launch.kernel);
        Ok(())
    }

    /// As BLAS defines it, for matrices in its order.
    fn multiply(_: &Cpu, product: Product, a: View, b: View, c: ViewMut) -> Result<(), CpuError> {
        assert_eq!(a.kind, b.kind, "cuBLAS takes no others");
        let ColumnMajor { m, n, k, transposed, leading } = product.column_major([a.count, b.count, c.count]);
        let [m, n, k] = [m, n, k].map(|size| size as usize);
        // The distances of a matrix's neighbours in a row and in a column.
        let strides = |which: usize| {
            let leading = leading[which] as isize;
            if transposed[which] { (1, leading) } else { (leading, 1) }
        };
        let ((first_column, first_row), (second_column, second_row)) = (strides(0), strides(1));
        let (to_column, none) = (leading[2] as isize, gemm::Parallelism::None);
        let [first, second] = [&b, &a].map(|view| floats_of(view.address, view.count, view.kind));
        let mut result = floats_of(c.address, c.count, c.kind);
        // SAFETY: the matrices have the sizes that the strides lead through (checked).
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                result.as_mut_ptr(),
                to_column,
                1,
                product.add,
                first.as_ptr(),
                first_column,
                first_row,
                second.as_ptr(),
                second_column,
                second_row,
                1.0,
                1.0,
                false,
                false,
                false,
                none,
            );
        }
        store(&result, &c);
        Ok(())
    }
}

/// Numbers as floats.
pub fn floats_of(address: u64, count: usize, kind: Kind) -> Vec<f32> {
    // SAFETY: there are so many numbers of this kind, which a view says.
    unsafe {
        match kind {
            Kind::F32 => std::slice::from_raw_parts(address as *const f32, count).to_vec(),
            Kind::Bf16 => {
                let halves = std::slice::from_raw_parts(address as *const u16, count);
                halves.iter().map(|half| f32::from_bits(u32::from(*half) << 16)).collect()
            }
        }
    }
}

/// Stores floats as numbers.
fn store(floats: &[f32], place: &ViewMut) {
    assert_eq!(floats.len(), place.count);
    // SAFETY: as above.
    unsafe {
        match place.kind {
            Kind::F32 => {
                std::slice::from_raw_parts_mut(place.address as *mut f32, place.count)
                    .copy_from_slice(floats);
            }
            Kind::Bf16 => {
                let halves = std::slice::from_raw_parts_mut(place.address as *mut u16, place.count);
                halves
                    .iter_mut()
                    .zip(floats)
                    .for_each(|(half, float)| *half = bf16::from_f32(*float).to_bits());
            }
        }
    }
}
