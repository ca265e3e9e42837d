//! Vectors of sixteen floats, and loops compiled for several generations of processors.
//!
//! A default build for x86-64 may only use SSE2, a quarter of what AVX-512 does at once. So each hot loop is
//! a [`Kernel`], written once over [`Simd`] and compiled for every [`Level`]; the processor's own is found
//! out when the program runs. `DCGAN_SIMD=portable`, `avx2` or `avx512` asks for a lower one.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::{Add, Div, Mul, Sub};
use std::sync::OnceLock;

use crate::uninit::written_mut;

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Floats of a vector, at every level: a pixel's images come in groups of sixteen.
pub(super) const LANES: usize = 16;

/// Sixteen floats. One can only be made by a [`Simd`], which only a processor that has it hands out.
pub(super) trait Vector:
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
pub(super) trait Simd: Copy {
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
pub(super) fn load<S: Simd>(simd: S, from: &[f32]) -> S::V {
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
pub(super) fn store<V: Vector>(vector: V, to: &mut [f32]) {
    match to.try_into() {
        Ok(lanes) => vector.store(lanes),
        Err(_) => to.copy_from_slice(&lanes(vector)[..to.len()]),
    }
}

/// The same, to new memory.
#[inline(always)]
pub(super) fn store_new<V: Vector>(vector: V, to: &mut [MaybeUninit<f32>]) {
    // SAFETY: `store` only writes, and leaves no float of the slice unwritten.
    store(vector, unsafe { written_mut(to) });
}

/// The lanes of a vector.
#[inline(always)]
pub(super) fn lanes<V: Vector>(vector: V) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    vector.store(&mut lanes);
    lanes
}

/// A loop that is compiled for every level. Implementations are `#[inline(always)]`, and so is what they
/// call: only what becomes a part of a level's function is compiled for that level.
pub(super) trait Kernel {
    /// What it computes.
    type Output;

    /// The loop.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// The instructions that loops are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the target has.
    Portable,
    /// AVX2 and FMA: x86-64 since 2013.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL).
    Avx512,
}

thread_local! {
    static FORCED: Cell<Option<Level>> = const { Cell::new(None) };
}

impl Level {
    /// The levels that this processor has, the lowest first.
    pub fn available() -> Vec<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512].into_iter().filter(|level| level.is_available()).collect()
    }

    /// The level that kernels called from this thread use.
    pub fn current() -> Self {
        static DEFAULT: OnceLock<Level> = OnceLock::new();
        FORCED.get().unwrap_or_else(|| *DEFAULT.get_or_init(Self::wanted))
    }

    /// Does `work` with another level, or with the processor's highest below it.
    pub fn force<R>(self, work: impl FnOnce() -> R) -> R {
        /// Sets the level back even where `work` panics.
        struct Restore(Option<Level>);
        impl Drop for Restore {
            fn drop(&mut self) {
                FORCED.set(self.0);
            }
        }
        let _restore = Restore(FORCED.replace(Some(self.at_most_available())));
        work()
    }

    /// The level that `DCGAN_SIMD` names, or the highest.
    fn wanted() -> Self {
        let level = match std::env::var("DCGAN_SIMD").as_deref() {
            Ok("portable") => Self::Portable,
            Ok("avx2") => Self::Avx2,
            _ => Self::Avx512,
        };
        level.at_most_available()
    }

    fn at_most_available(self) -> Self {
        Self::available().into_iter().rfind(|level| *level <= self).unwrap_or(Self::Portable)
    }

    #[cfg(target_arch = "x86_64")]
    fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            Self::Avx2 => x86::Avx2::detect().is_some(),
            Self::Avx512 => x86::Avx512::detect().is_some(),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_available(self) -> bool {
        self == Self::Portable
    }

    /// Runs a kernel's version for this level; on a processor without it, the portable one.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match (self, x86::Avx512::detect(), x86::Avx2::detect()) {
            (Self::Avx512, Some(simd), _) => simd.run(kernel),
            (Self::Avx2, _, Some(simd)) => simd.run(kernel),
            _ => kernel.run(portable::Portable),
        }
    }

    /// Runs a kernel.
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(portable::Portable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct EveryOperation;

    impl Kernel for EveryOperation {
        type Output = [f32; LANES];

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> [f32; LANES] {
            let x = simd.load(&std::array::from_fn(|lane| lane as f32 - 7.0));
            let y = (x.mul_add(x, simd.splat(2.0)) - x) / simd.splat(4.0);
            let mut out = [0.0; LANES];
            x.select_positive(y.sqrt(), load(simd, &[1.0, 2.0, 3.0])).store(&mut out);
            out
        }
    }

    #[test]
    fn every_level_computes_the_same() {
        let expected: [f32; LANES] = std::array::from_fn(|lane| {
            let x = lane as f32 - 7.0;
            if x > 0.0 {
                ((x * x + 2.0 - x) / 4.0).sqrt()
            } else {
                [1.0, 2.0, 3.0].get(lane).copied().unwrap_or(0.0)
            }
        });
        for level in Level::available() {
            assert_eq!(level.run(EveryOperation), expected, "{level:?}");
        }
    }

    #[test]
    fn a_forced_level_lasts_as_long_as_the_work() {
        let usual = Level::current();
        assert_eq!(Level::Portable.force(Level::current), Level::Portable);
        assert_eq!(Level::current(), usual);
    }
}
