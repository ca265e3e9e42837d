//! Matrix products on one core, by the `gemm` crate, with checked sizes.

use std::sync::Once;

use crate::shared::Shared;

/// Groups of six columns of a product's first factor (as `gemm` sees it) from which it copies the other.
const PACKING: usize = 1024;

/// How a matrix lies in a slice: element `(r, c)` is at `start + r * row + c * column`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) start: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

impl Layout {
    /// Rows of `row` elements each, from `start` on.
    pub(super) fn rows(start: usize, row: usize) -> Self {
        Self { start, row, column: 1 }
    }

    /// The same matrix with rows and columns exchanged.
    pub(super) fn transposed(self) -> Self {
        Self { start: self.start, row: self.column, column: self.row }
    }

    /// One past the last element of a matrix of this size.
    fn end(self, rows: usize, columns: usize) -> usize {
        match rows * columns {
            0 => self.start,
            _ => self.start + (rows - 1) * self.row + (columns - 1) * self.column + 1,
        }
    }
}

/// What becomes of the old content of a product's destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Old {
    Overwrite,
    Add,
}

/// `destination = a b` or `destination += a b`, with `a` of `m` by `k` and `b` of `k` by `n`.
///
/// # Panics
/// If a matrix does not lie in its slice.
///
/// # Safety
/// While this runs, no other task may use the destination's elements.
pub(super) unsafe fn matmul(
    [m, n, k]: [usize; 3],
    (destination, to): (Shared, Layout),
    old: Old,
    (a, at_a): (&[f32], Layout),
    (b, at_b): (&[f32], Layout),
) {
    assert!(at_a.end(m, k) <= a.len() && at_b.end(k, n) <= b.len(), "a factor lies outside its slice");
    static SETTINGS: Once = Once::new();
    // A factor whose columns are panels already needs no copy of them.
    SETTINGS.call_once(|| gemm::set_lhs_packing_threshold_single_thread(PACKING));
    let pointer = destination.pointer(to.start, to.end(m, n));
    // SAFETY: all three matrices lie inside their slices (asserted, here and in `pointer`); the factors are
    // borrowed for the call and the destination is this task's alone (the caller's promise).
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            pointer,
            to.column as isize,
            to.row as isize,
            old == Old::Add,
            a.as_ptr().add(at_a.start),
            at_a.column as isize,
            at_a.row as isize,
            b.as_ptr().add(at_b.start),
            at_b.column as isize,
            at_b.row as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
