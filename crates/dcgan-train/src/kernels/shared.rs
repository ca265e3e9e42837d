//! A slice that several threads write at once, each to places of its own.

use std::marker::PhantomData;

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

    /// `len` elements from `from` on.
    ///
    /// # Panics
    /// If the range does not lie in the slice.
    ///
    /// # Safety
    /// While the result lives, no other task may use these elements.
    #[allow(clippy::mut_from_ref)] // the point of this type
    pub(super) unsafe fn range(&self, from: usize, len: usize) -> &mut [f32] {
        assert!(from + len <= self.len, "{from} + {len} lies outside a slice of {}", self.len);
        // SAFETY: the range lies inside (asserted), and it is this task's alone (the caller's promise).
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len) }
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
