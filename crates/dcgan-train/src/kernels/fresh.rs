//! New vectors, written once: zeroing a map before a kernel overwrites it takes as long as reading it.

use std::mem::MaybeUninit;

/// A vector of `len` floats that `fill` writes.
///
/// # Safety
/// `fill` writes every one of them.
pub(super) unsafe fn fresh(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut floats = Vec::with_capacity(len);
    fill(&mut floats.spare_capacity_mut()[..len]);
    // SAFETY: `len` floats fit, and `fill` has written them (the caller's promise).
    unsafe { floats.set_len(len) };
    floats
}
