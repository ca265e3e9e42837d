//! Instruction sets that loops are compiled for, and the choice among them at run time.

use std::cell::Cell;
use std::sync::OnceLock;

use super::portable;
use super::vector::Kernel;
#[cfg(target_arch = "x86_64")]
use super::x86;

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
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match (self, x86::Avx512::detect(), x86::Avx2::detect()) {
            (Self::Avx512, Some(simd), _) => simd.run(kernel),
            (Self::Avx2, _, Some(simd)) => simd.run(kernel),
            _ => kernel.run(portable::Portable),
        }
    }

    /// Runs a kernel.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(portable::Portable)
    }
}
