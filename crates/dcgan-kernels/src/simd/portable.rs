//! Vectors in plain Rust, for the compiler to make of them what the target has.

use std::array::from_fn;
use std::ops::{Add, Div, Mul, Sub};

use super::vector::{LANES, Simd, Vector};

/// What every processor has.
#[derive(Clone, Copy)]
pub(super) struct Portable;

/// Sixteen floats, one by one.
#[derive(Clone, Copy)]
pub(super) struct Floats([f32; LANES]);

impl Simd for Portable {
    type V = Floats;

    #[inline(always)]
    fn splat(self, value: f32) -> Floats {
        Floats([value; LANES])
    }

    #[inline(always)]
    fn load(self, from: &[f32; LANES]) -> Floats {
        Floats(*from)
    }
}

impl Vector for Floats {
    #[inline(always)]
    fn store(self, to: &mut [f32; LANES]) {
        *to = self.0;
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // A fused instruction where all processors of the target have one; elsewhere it would be a call.
        if cfg!(target_arch = "aarch64") {
            Self(from_fn(|lane| self.0[lane].mul_add(factor.0[lane], addend.0[lane])))
        } else {
            self * factor + addend
        }
    }

    #[inline(always)]
    fn select_positive(self, positive: Self, other: Self) -> Self {
        Self(from_fn(|lane| if self.0[lane] <= 0.0 { other.0[lane] } else { positive.0[lane] }))
    }
}

macro_rules! lane_by_lane {
    ($($operation:ident $function:ident),*) => {$(
        impl $operation for Floats {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                Self(from_fn(|lane| self.0[lane].$function(other.0[lane])))
            }
        }
    )*};
}

lane_by_lane!(Add add, Sub sub, Mul mul, Div div);
