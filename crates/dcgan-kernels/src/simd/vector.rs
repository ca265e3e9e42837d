//! Vectors of sixteen floats, and loops over them.

use std::mem::MaybeUninit;
use std::ops::{Add, Div, Mul, Sub};

use crate::uninit::written_mut;

/// Floats of a vector, at every level: a pixel's images come in groups of sixteen.
pub(crate) const LANES: usize = 16;

/// Sixteen floats. One can only be made by a [`Simd`], which only a processor that has it hands out.
pub(crate) trait Vector:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Writes all lanes.
    fn store(self, to: &mut [f32; LANES]);

    /// The square roots.
    fn sqrt(self) -> Self;

    /// `self * factor + addend`, rounded once where the level has such an instruction.
    fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// Lane by lane, `positive` where `self` is above zero (or not a number), `other` elsewhere.
    fn select_positive(self, positive: Self, other: Self) -> Self;
}

/// Proof that the processor has a level's instructions, and the way to its vectors.
pub(crate) trait Simd: Copy {
    /// The level's vectors.
    type V: Vector;

    /// The same value in every lane.
    fn splat(self, value: f32) -> Self::V;

    /// Sixteen neighbouring floats.
    fn load(self, from: &[f32; LANES]) -> Self::V;

    /// Asks for what is around `slice[at]`, which may lie outside, to be brought to the second-level cache.
    #[inline(always)]
    fn prefetch<T>(self, slice: &[T], at: usize) {
        prefetch(slice.as_ptr().wrapping_add(at));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch<T>(address: *const T) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: every x86-64 processor has the instruction, and no address can make it fail.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn prefetch<T>(_: *const T) {}

/// The floats of a slice, at most sixteen; the other lanes are zero.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, from: &[f32]) -> S::V {
    match from.try_into() {
        Ok(lanes) => simd.load(lanes),
        Err(_) => {
            let mut lanes = [0.0; LANES];
            lanes[..from.len()].copy_from_slice(from);
            simd.load(&lanes)
        }
    }
}

/// Writes as many lanes as `to` has room for, at most sixteen.
#[inline(always)]
pub(crate) fn store<V: Vector>(vector: V, to: &mut [f32]) {
    match to.try_into() {
        Ok(lanes) => vector.store(lanes),
        Err(_) => to.copy_from_slice(&lanes(vector)[..to.len()]),
    }
}

/// The same, to new memory.
#[inline(always)]
pub(crate) fn store_new<V: Vector>(vector: V, to: &mut [MaybeUninit<f32>]) {
    // SAFETY: `store` only writes, and leaves no float of the slice unwritten.
    store(vector, unsafe { written_mut(to) });
}

/// The lanes of a vector.
#[inline(always)]
pub(crate) fn lanes<V: Vector>(vector: V) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    vector.store(&mut lanes);
    lanes
}

/// A loop that is compiled for every level. Implementations are `#[inline(always)]`, and so is what they
/// call: only what becomes a part of a level's function is compiled for that level.
pub(crate) trait Kernel {
    /// What it computes.
    type Output;

    /// The loop.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}
