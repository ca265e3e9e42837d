//! A slice that several threads write at once, each to places of its own.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::uninit::written_mut;

/// A mutable slice lent to many tasks, each of which writes other elements.
///
/// The borrow checker cannot see that strided blocks of a matrix are disjoint; the callers say so in their
/// `unsafe` blocks.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: the pointer is to plain floats; that no two threads touch the same one is the callers' promise.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(super) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), lifetime: PhantomData }
    }

    /// New memory: nothing of it may be read, nor asked for as a [`range`](Self::range), before it is written.
    pub(super) fn new_memory(slice: &'a mut [MaybeUninit<f32>]) -> Self {
        Self { start: slice.as_mut_ptr().cast(), len: slice.len(), lifetime: PhantomData }
    }

    /// `len` elements from `from` on.
    ///
    /// # Panics
    /// If the range does not lie in the slice.
    ///
    /// # Safety
    /// The elements are written, and while the result lives, no other task uses them.
    #[allow(clippy::mut_from_ref)] // the point of this type
    pub(super) unsafe fn range(&self, from: usize, len: usize) -> &mut [f32] {
        // SAFETY: the range is written and this task's alone (the caller's promise).
        unsafe { written_mut(self.new_range(from, len)) }
    }

    /// `len` elements from `from` on, to be written.
    ///
    /// # Panics
    /// As [`range`](Self::range).
    ///
    /// # Safety
    /// While the result lives, no other task uses these elements; and what was written is not unwritten.
    #[allow(clippy::mut_from_ref)] // as above
    pub(super) unsafe fn new_range(&self, from: usize, len: usize) -> &mut [MaybeUninit<f32>] {
        assert!(from + len <= self.len, "{from} + {len} lies outside a slice of {}", self.len);
        // SAFETY: the range lies inside (asserted), and it is this task's alone (the caller's promise).
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from).cast(), len) }
    }

    /// A pointer to element `from`, for a matrix that reaches up to (not including) element `end`.
    ///
    /// # Panics
    /// If `from..end` does not lie in the slice.
    pub(super) fn pointer(&self, from: usize, end: usize) -> *mut f32 {
        assert!(from <= end && end <= self.len, "{from}..{end} lies outside a slice of {}", self.len);
        // SAFETY: `from` is at most the slice's length (asserted).
        unsafe { self.start.add(from) }
    }
}
