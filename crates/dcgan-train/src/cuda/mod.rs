//! This crate's own CUDA kernels, and the engine that computes by them.
//!
//! From the outside in: [`engine`] has the networks' blocks as operations on dfdx's tape, [`ledger`] the loss and what a
//! step says of itself, [`kept`] what stays of parameters; [`conv`] a convolution as kernels and matrix products,
//! [`augment`] the changes to images, [`batch_norm`] and [`launch`] a function for each of the other kernels, [`memory`] what
//! they work on, and `kernels.cu` ([`SOURCE`]) the kernels. All of it is written over a [`Machine`], which runs kernels and
//! multiplies matrices: a GPU, or the CPU in the tests, which compile the same source by a C++ compiler. So what only a GPU
//! can show is in one file, `gpu.rs`.
//!
//! # What the way into dfdx's tensors costs
//!
//! dfdx lends no device memory of a tensor, only gradients'. A block therefore has its input copied out of its tensor
//! (`buffer.rs`), and its output copied into one (`outputs.rs`). In floats read and written, beside those that the kernels
//! need:
//!
//! | | reads | writes | when |
//! |---|---|---|---|
//! | from a tensor | 4 | 6 | latents; a parameter once an update |
//! | into a tensor | 1 | 1 | images, each block's output |
//! | a new memory | 0 | 1 | each block's output and gradient: dfdx zeroes it, and in the map of gradients once more |
//!
//! A block's input mostly is the last block's output, whose floats are still at hand: that copy is saved. What only kernels
//! see is no memory of dfdx's ([`memory::Scratch`]). Adam is dfdx's own kernel, which has the parameters in place: one of
//! ours would have to copy them out and in again.

pub mod augment;
pub mod batch_norm;
pub mod conv;
pub mod engine;
#[cfg(feature = "cuda")]
pub mod gpu;
pub mod kept;
pub mod launch;
pub mod ledger;
pub mod memory;
mod outputs;

use dfdx::prelude::*;

pub use engine::Fused;
use memory::{Kind, View, ViewMut};

/// The kernels in CUDA C.
pub const SOURCE: &str = include_str!("kernels.cu");

/// Their names.
pub const KERNELS: [&str; 18] = [
    "activate",
    "activation_gradient",
    "add_bias",
    "add_row_sums",
    "add_squares",
    "color",
    "cross_entropy",
    "gather_patches",
    "gather_patches_bf16",
    "image_means",
    "images_from_bytes",
    "norm_gradient",
    "norm_infer",
    "norm_train",
    "place",
    "round_to_bf16",
    "sum_patches",
    "sum_patches_bf16",
];

/// A machine's device memory of floats.
pub type Floats<M> = <<M as Machine>::Device as Storage<f32>>::Vec;
/// What goes wrong on a machine.
pub type MachineError<M> = <<M as Machine>::Device as HasErr>::Err;
/// The result of a computation on a machine.
pub type MachineResult<X, M> = Result<X, MachineError<M>>;

/// What runs the kernels of [`SOURCE`] and multiplies matrices, in the order in which it is told to.
pub trait Machine: Sized + 'static {
    /// The dfdx device whose tensors it computes.
    type Device: Device<f32>;

    /// Where the floats are, for a kernel that reads them.
    fn address(floats: &Floats<Self>) -> u64;

    /// Where the floats are, for a kernel that writes them.
    fn address_mut(floats: &mut Floats<Self>) -> u64;

    /// Device memory that dfdx does not know of.
    type Memory;

    /// Memory of so many bytes, in which anything may stand.
    ///
    /// # Errors
    /// If there is no such memory.
    fn allocate(device: &Self::Device, bytes: usize) -> MachineResult<Self::Memory, Self>;

    /// Memory for these bytes. They arrive while the machine does what it was told before; all that it is told from now on
    /// finds them there.
    ///
    /// # Errors
    /// If the machine fails.
    fn upload(device: &Self::Device, bytes: &[u8]) -> MachineResult<Self::Memory, Self>;

    /// Where memory is.
    fn memory_address(memory: &Self::Memory) -> u64;

    /// How the factors of a convolution's products are to be stored.
    fn factors() -> Kind;

    /// The most bytes of memory that were in use at a time since this was last asked, where the machine counts them.
    fn peak_memory() -> Option<u64> {
        None
    }

    /// Starts a kernel.
    ///
    /// # Errors
    /// If the machine refuses it.
    ///
    /// # Safety
    /// The arguments are those of the kernel, in its order, and its threads stay inside the floats behind them.
    unsafe fn launch(device: &Self::Device, launch: &Launch) -> MachineResult<(), Self>;

    /// Computes a product of matrices.
    ///
    /// # Errors
    /// If the machine fails.
    ///
    /// # Panics
    /// As [`Product::column_major`], and if the factors are not stored alike.
    fn multiply(
        device: &Self::Device,
        product: Product,
        a: View,
        b: View,
        c: ViewMut,
    ) -> MachineResult<(), Self>;
}

/// A kernel, and what it is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Its name in [`SOURCE`].
    pub kernel: &'static str,
    /// Blocks of the grid.
    pub blocks: u32,
    /// Its arguments in their order, each in the low bytes of one; those beyond them are nothing to it.
    pub arguments: [u64; 12],
}

impl Launch {
    /// Threads of each block: `THREADS` of [`SOURCE`].
    pub const THREADS: u32 = 256;
}

/// A product of row-major matrices: `c = a b` or `c += a b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Rows of `c`.
    pub rows: usize,
    /// Columns of `c`.
    pub columns: usize,
    /// Products that are summed for each value of `c`.
    pub depth: usize,
    /// Whether `a` is `[depth, rows]` in memory and not `[rows, depth]`.
    pub a_transposed: bool,
    /// Whether `b` is `[columns, depth]` in memory and not `[depth, columns]`.
    pub b_transposed: bool,
    /// Whether the product is added to `c`.
    pub add: bool,
}

/// A product as libraries of column-major matrices take it, BLAS among them: `C = op(A) op(B)`. Our matrices are their
/// transposes, and so is the product: `b` is their `A`, and `a` their `B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnMajor {
    /// Rows of `op(A)` and `C`.
    pub m: i32,
    /// Columns of `op(B)` and `C`.
    pub n: i32,
    /// Columns of `op(A)` and rows of `op(B)`.
    pub k: i32,
    /// Whether `op` transposes `A`, and `B`.
    pub transposed: [bool; 2],
    /// From one column to the next, of `A`, `B` and `C`.
    pub leading: [i32; 3],
}

impl Product {
    /// The same for a library of column-major matrices.
    ///
    /// # Panics
    /// If the floats of the three matrices, `a`, `b` and `c`, are not those of the product, or a size is beyond `i32`,
    /// the integers of such libraries.
    pub fn column_major(&self, floats: [usize; 3]) -> ColumnMajor {
        let Self { rows, columns, depth, a_transposed, b_transposed, .. } = *self;
        let expected = [rows * depth, depth * columns, rows * columns];
        assert_eq!(floats, expected, "floats of the matrices of {self:?}");
        let [m, n, k] = [columns, rows, depth].map(|size| {
            let size = i32::try_from(size).ok();
            size.unwrap_or_else(|| panic!("too many for a matrix, take a smaller batch: {self:?}"))
        });
        let leading = [if b_transposed { k } else { m }, if a_transposed { n } else { k }, m];
        ColumnMajor { m, n, k, transposed: [b_transposed, a_transposed], leading }
    }
}
