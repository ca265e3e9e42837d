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
