//! What the kernels need of a device: memory, launches and matrix products.

use std::marker::PhantomData;

use dfdx::prelude::*;

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

/// A device's memory of floats, as dfdx allocates it.
pub type Floats<M> = <<M as Gpu>::Device as Storage<f32>>::Vec;
/// An error of a device.
pub type GpuError<M> = <<M as Gpu>::Device as HasErr>::Err;
/// The result of a computation on a device.
pub type GpuResult<X, M> = Result<X, GpuError<M>>;

/// What runs the kernels of [`SOURCE`] and multiplies matrices, in the order in which it is told to.
pub trait Gpu: Sized + 'static {
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
    fn allocate(device: &Self::Device, bytes: usize) -> GpuResult<Self::Memory, Self>;

    /// Memory for these bytes. They arrive while the device does what it was told before; all that it is told from now on
    /// finds them there.
    ///
    /// # Errors
    /// If the device fails.
    fn upload(device: &Self::Device, bytes: &[u8]) -> GpuResult<Self::Memory, Self>;

    /// Where memory is.
    fn memory_address(memory: &Self::Memory) -> u64;

    /// How the factors of a convolution's products are to be stored.
    fn factors() -> Kind;

    /// The most bytes of memory that were in use at a time since this was last asked, where the device counts them.
    fn peak_memory() -> Option<u64> {
        None
    }

    /// Whether an error means that the device has too little memory.
    fn is_out_of_memory(_: &GpuError<Self>) -> bool {
        false
    }

    /// Starts a kernel.
    ///
    /// # Errors
    /// If the device refuses it.
    ///
    /// # Safety
    /// The arguments are those of the kernel, in its order, and its threads stay inside the floats behind them.
    unsafe fn launch(device: &Self::Device, launch: &Launch) -> GpuResult<(), Self>;

    /// Computes a product of matrices.
    ///
    /// # Errors
    /// If the device fails.
    ///
    /// # Panics
    /// As [`Product::column_major`], and if the factors are not stored alike.
    fn multiply(device: &Self::Device, product: Product, a: View, b: View, c: ViewMut)
    -> GpuResult<(), Self>;
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

/// How a number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As an `f32`.
    F32,
    /// As the upper half of an `f32`, to the nearest one.
    Bf16,
}

impl Kind {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// Numbers that a kernel or a product reads.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Where they are.
    pub address: u64,
    /// How many.
    pub count: usize,
    /// How they are stored.
    pub kind: Kind,
    borrowed: PhantomData<&'a ()>,
}

impl<'a> View<'a> {
    /// `count` numbers at an address that stays valid for `'a`.
    pub(super) fn at(address: u64, count: usize, kind: Kind) -> Self {
        Self { address, count, kind, borrowed: PhantomData }
    }

    /// All of them.
    pub fn of<M: Gpu>(device: &M::Device, floats: &'a Floats<M>) -> Self {
        let count = Storage::<f32>::len(device, floats);
        Self { address: M::address(floats), count, kind: Kind::F32, borrowed: PhantomData }
    }
}

/// Numbers that a kernel or a product writes.
#[derive(Debug)]
pub struct ViewMut<'a> {
    /// Where they are.
    pub address: u64,
    /// How many.
    pub count: usize,
    /// How they are stored.
    pub kind: Kind,
    borrowed: PhantomData<&'a mut ()>,
}

impl<'a> ViewMut<'a> {
    /// `count` numbers at an address that nothing else uses during `'a`.
    pub(super) fn at(address: u64, count: usize, kind: Kind) -> Self {
        Self { address, count, kind, borrowed: PhantomData }
    }

    /// All of them.
    pub fn of<M: Gpu>(device: &M::Device, floats: &'a mut Floats<M>) -> Self {
        let count = Storage::<f32>::len(device, floats);
        Self { address: M::address_mut(floats), count, kind: Kind::F32, borrowed: PhantomData }
    }

    /// `count` of them, from `first` on.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn part(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.count, "{count} from {first} on of {self:?}");
        Self { address: self.address + (first * self.kind.bytes()) as u64, count, ..self }
    }
}
