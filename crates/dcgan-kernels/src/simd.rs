//! Vectors of sixteen floats, and loops compiled for several generations of processors.
//!
//! A default build for x86-64 may only use SSE2, a quarter of what AVX-512 does at once. So each hot loop is
//! a [`Kernel`], written once over [`Simd`] and compiled for every [`Level`]; the processor's own is found
//! out when the program runs. `DCGAN_SIMD=portable`, `avx2` or `avx512` asks for a lower one.

mod level;
mod portable;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use level::Level;
pub(crate) use vector::{Kernel, LANES, Simd, Vector, lanes, load, store, store_new};

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
