//! From a seed to the generator's input.
//!
//! The latent of seed `s` is the first `latent` numbers of [`Rng::new(s)`](Rng::new)'s
//! [normal stream](Rng::normal), rounded to `f32`. These lines of Python give the same, bit for bit:
//!
//! ```python
#![doc = include_str!("latent.py")]
//! ```
//!
//! and these of JavaScript:
//!
//! ```js
#![doc = include_str!("latent.js")]
//! ```

use ndarray::Array2;

use crate::rng::Rng;

/// The latents of consecutive seeds, `[count, latent]`: row `k` belongs to seed `first_seed + k`, wrapping,
/// and depends on nothing else.
///
/// ```
/// use dcgan_core::latent::latents;
/// assert_eq!(latents(7, 3, 100).row(1), latents(8, 1, 100).row(0));
/// ```
pub fn latents(first_seed: u64, count: usize, latent: usize) -> Array2<f32> {
    let mut values = Vec::with_capacity(count * latent);
    for k in 0..count as u64 {
        let mut rng = Rng::new(first_seed.wrapping_add(k));
        values.extend((0..latent).map(|_| rng.normal() as f32));
    }
    Array2::from_shape_vec((count, latent), values).expect("count * latent values were drawn")
}

/// The latents of any seeds, `[seeds, latent]`: row `k` is that of `seeds[k]`.
///
/// With `truncation` T, numbers outside of [-T, T] are passed over, and the seed's next ones take their place: fewer
/// unusual images, less variety. From 0.1 on; smaller ones would take long.
///
/// Source: the truncation trick of Brock, Donahue and Simonyan, *Large Scale GAN Training for High Fidelity Natural
/// Image Synthesis* (2019), 3.1. PyTorch equivalent: `scipy.stats.truncnorm(-T, T).rvs((seeds, latent))`, in
/// distribution.
///
/// # Panics
/// If `truncation` is [none](is_truncation).
///
/// ```
/// use dcgan_core::latent::{latents, latents_of};
/// assert_eq!(latents_of(&[7, 8], 100, None), latents(7, 2, 100));
/// assert!(latents_of(&[7, 8], 100, Some(0.5)).iter().all(|number| number.abs() <= 0.5));
/// ```
pub fn latents_of(seeds: &[u64], latent: usize, truncation: Option<f64>) -> Array2<f32> {
    assert!(
        truncation.is_none_or(is_truncation),
        "truncation {truncation:?}, expected {LEAST_TRUNCATION} or more"
    );
    let most = truncation.unwrap_or(f64::INFINITY);
    let mut values = Vec::with_capacity(seeds.len() * latent);
    for seed in seeds {
        let mut rng = Rng::new(*seed);
        let numbers = std::iter::repeat_with(|| rng.normal()).filter(|number| number.abs() <= most);
        values.extend(numbers.take(latent).map(|number| number as f32));
    }
    Array2::from_shape_vec((seeds.len(), latent), values).expect("seeds * latent values were drawn")
}

/// The least bound of [`latents_of`]: of 13 numbers, one is within it.
pub const LEAST_TRUNCATION: f64 = 0.1;

/// Whether [`latents_of`] takes this bound: a number, and not too small a one.
pub fn is_truncation(bound: f64) -> bool {
    bound.is_finite() && bound >= LEAST_TRUNCATION
}
