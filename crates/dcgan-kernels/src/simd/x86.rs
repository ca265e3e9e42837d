//! AVX2 and AVX-512.

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::vector::{Kernel, LANES, Simd, Vector};

/// Proof of AVX-512.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

/// Sixteen floats in one register.
#[derive(Clone, Copy)]
pub(super) struct Floats512(__m512);

impl Avx512 {
    /// The proof, if the processor has it; the standard library remembers what it found.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("fma");
        found.then_some(Self(()))
    }

    /// Runs a kernel compiled for this level.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        fn compiled<K: Kernel>(simd: Avx512, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` exists, so the processor has these instructions.
        unsafe { compiled(self, kernel) }
    }
}

impl Simd for Avx512 {
    type V = Floats512;

    #[inline(always)]
    fn splat(self, value: f32) -> Floats512 {
        // SAFETY: `self` exists, so the processor has AVX-512.
        Floats512(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Floats512 {
        // SAFETY: as above; the array has as many floats as are read.
        Floats512(unsafe { _mm512_loadu_ps(from.as_ptr()) })
    }
}

impl Vector for Floats512 {
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        // SAFETY: a vector exists, so the processor has AVX-512; the array has as many floats as are written.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: a vector exists, so the processor has AVX-512.
        Self(unsafe { _mm512_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn select_positive(self, positive: Self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe {
            let not_positive = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, _mm512_setzero_ps());
            Self(_mm512_mask_blend_ps(not_positive, positive.0, other.0))
        }
    }
}

/// Proof of AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

/// Sixteen floats in two registers.
#[derive(Clone, Copy)]
pub(super) struct Floats256([__m256; 2]);

impl Avx2 {
    /// The proof, if the processor has it.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }

    /// Runs a kernel compiled for this level.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        fn compiled<K: Kernel>(simd: Avx2, kernel: K) -> K::Output {
            kernel.run(simd)
        }
        // SAFETY: `self` exists, so the processor has these instructions.
        unsafe { compiled(self, kernel) }
    }
}

impl Simd for Avx2 {
    type V = Floats256;

    #[inline(always)]
    fn splat(self, value: f32) -> Floats256 {
        // SAFETY: `self` exists, so the processor has AVX2.
        Floats256([unsafe { _mm256_set1_ps(value) }; 2])
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Floats256 {
        let (low, high) = from.split_at(LANES / 2);
        // SAFETY: as above; each half has as many floats as are read.
        Floats256(unsafe { [_mm256_loadu_ps(low.as_ptr()), _mm256_loadu_ps(high.as_ptr())] })
    }
}

impl Vector for Floats256 {
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        let (low, high) = to.split_at_mut(LANES / 2);
        // SAFETY: a vector exists, so the processor has AVX2; each half has as many floats as are written.
        unsafe {
            _mm256_storeu_ps(low.as_mut_ptr(), self.0[0]);
            _mm256_storeu_ps(high.as_mut_ptr(), self.0[1]);
        }
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        // SAFETY: a vector exists, so the processor has AVX2.
        Self(unsafe { [_mm256_sqrt_ps(self.0[0]), _mm256_sqrt_ps(self.0[1])] })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let ([x, y], [f, g], [a, b]) = (self.0, factor.0, addend.0);
        // SAFETY: as above; the proof of AVX2 is one of FMA too.
        Self(unsafe { [_mm256_fmadd_ps(x, f, a), _mm256_fmadd_ps(y, g, b)] })
    }

    #[inline(always)]
    fn select_positive(self, positive: Self, other: Self) -> Self {
        // SAFETY: as above.
        let half = |i: usize| unsafe {
            let not_positive = _mm256_cmp_ps::<_CMP_LE_OQ>(self.0[i], _mm256_setzero_ps());
            _mm256_blendv_ps(positive.0[i], other.0[i], not_positive)
        };
        Self([half(0), half(1)])
    }
}

macro_rules! operations {
    ($($operation:ident $function:ident $wide:ident $half:ident),*) => {$(
        impl $operation for Floats512 {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                // SAFETY: a vector exists, so the processor has AVX-512.
                Self(unsafe { $wide(self.0, other.0) })
            }
        }

        impl $operation for Floats256 {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                // SAFETY: a vector exists, so the processor has AVX2.
                Self(unsafe { [$half(self.0[0], other.0[0]), $half(self.0[1], other.0[1])] })
            }
        }
    )*};
}

operations!(
    Add add _mm512_add_ps _mm256_add_ps,
    Sub sub _mm512_sub_ps _mm256_sub_ps,
    Mul mul _mm512_mul_ps _mm256_mul_ps,
    Div div _mm512_div_ps _mm256_div_ps
);
