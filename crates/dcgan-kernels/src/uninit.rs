//! New vectors, written once: zeroing a map before a kernel overwrites it takes as long as reading it.

use std::mem::MaybeUninit;
use std::ptr;

/// A vector of `len` floats that `fill` writes.
///
/// # Safety
/// `fill` writes every one of them.
pub(super) unsafe fn filled(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut floats = Vec::with_capacity(len);
    fill(&mut floats.spare_capacity_mut()[..len]);
    // SAFETY: `len` floats fit, and `fill` has written them (the caller's promise).
    unsafe { floats.set_len(len) };
    floats
}

/// New floats as others.
///
/// # Safety
/// They have been written.
#[inline(always)]
pub(super) unsafe fn written(floats: &[MaybeUninit<f32>]) -> &[f32] {
    // SAFETY: the two types have one layout, and the floats are written (the caller's promise).
    unsafe { &*(ptr::from_ref(floats) as *const [f32]) }
}

/// As [`written`], to write again.
///
/// # Safety
/// They have been written, or are only written to.
#[inline(always)]
pub(super) unsafe fn written_mut(floats: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    // SAFETY: as above.
    unsafe { &mut *(ptr::from_mut(floats) as *mut [f32]) }
}
