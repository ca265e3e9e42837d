//! Random numbers that are the same on every machine and in every language.
//!
//! [`Rng`] is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014):
//! draw `n` of a stream is a hash of `start + n * GOLDEN`, so any stream is reproduced from its seed alone.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finalizer (Stafford's variant 13 of MurmurHash3's): a bijection on 64 bits.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A counter-based stream of random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The stream of a seed. Neighbouring seeds give unrelated streams.
    pub fn new(seed: u64) -> Self {
        Self { state: mix(seed) }
    }

    /// Stream `index` of the family `tag` of a seed, unrelated to the others and to [`Rng::new`].
    ///
    /// A training run takes each of its needs from a family of its own (weights, shuffles, latents)
    /// and each step from a stream of its own: nothing has to be remembered to go on from step N.
    pub fn stream(seed: u64, tag: u64, index: u64) -> Self {
        let family = mix(mix(seed) ^ mix(tag.wrapping_add(GOLDEN)));
        Self { state: mix(family.wrapping_add(mix(index))) }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// The next number of (0, 1): 53 bits, offset by half a step, so that neither end occurs.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    /// The next number of `0..bound`, without bias (Lemire's method).
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "a random index needs at least one choice");
        let bound = bound as u64;
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            if (product as u64) >= bound.wrapping_neg() % bound {
                return (product >> 64) as usize;
            }
        }
    }

    /// The next standard normal number, by the ratio of uniforms (Kinderman and Monahan, 1977).
    ///
    /// The value itself comes from exactly rounded operations alone (subtraction, multiplication, division);
    /// the logarithm, which mathematics libraries round differently, only decides whether it is taken.
    pub fn normal(&mut self) -> f64 {
        /// `sqrt(8 / e)`: the width of the region that the pairs are drawn from.
        const WIDTH: f64 = 1.715_527_769_921_413_5;
        loop {
            let u = self.uniform();
            let x = (self.uniform() - 0.5) * WIDTH / u;
            if x * x <= -4.0 * libm::log(u) {
                return x;
            }
        }
    }

    /// `0..len` in random order (Fisher-Yates).
    pub fn permutation(&mut self, len: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..len as u32).collect();
        for i in (1..len).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_splitmix64() {
        // The reference C program of Vigna (splitmix64.c) started at 1234567 prints these.
        let mut rng = Rng { state: 1_234_567 };
        assert_eq!(rng.bits(), 6_457_827_717_110_365_317);
        assert_eq!(rng.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn normals_have_the_moments_of_the_normal_distribution() {
        let mut rng = Rng::new(3);
        let n = 200_000;
        let draws: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let moment = |power: i32| draws.iter().map(|x| x.powi(power)).sum::<f64>() / f64::from(n);
        // Five standard errors: of x, 1; of x^2, sqrt 2; of x^3, sqrt 15; of x^4, sqrt 96; each over sqrt n.
        for (power, expected, deviation) in [(1, 0.0, 1.0), (2, 1.0, 1.42), (3, 0.0, 3.88), (4, 3.0, 9.8)] {
            let error = moment(power) - expected;
            assert!(error.abs() < 5.0 * deviation / f64::from(n).sqrt(), "moment {power} is off by {error}");
        }
    }

    #[test]
    fn indices_are_uniform_and_a_permutation_is_one() {
        let mut rng = Rng::new(5);
        let mut counts = [0; 6];
        (0..60_000).for_each(|_| counts[rng.below(6)] += 1);
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        let mut order = rng.permutation(1000);
        assert_ne!(order[..10], (0..10).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn streams_differ_by_seed_tag_and_index() {
        let firsts: std::collections::BTreeSet<u64> = (0..10)
            .flat_map(|seed| (0..10).flat_map(move |tag| (0..10).map(move |index| (seed, tag, index))))
            .map(|(seed, tag, index)| Rng::stream(seed, tag, index).bits())
            .collect();
        assert_eq!(firsts.len(), 1000);
    }
}
