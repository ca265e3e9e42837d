//! Random augmentation: horizontal flips of real images, and DiffAugment (Zhao et al., 2020) of real and generated ones.
//!
//! A discriminator memorises a small dataset. DiffAugment transforms all that it sees, which prevents that, and the
//! generator's gradient passes through the transforms, which keeps them out of its images. This module draws the
//! transforms; a [backend](crate::backend::operations::Backend::augment) applies them.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use dcgan_core::rng::Rng;
use dcgan_kernels::augment::{Augmentation, Transform};

/// The transforms of DiffAugment, in the order in which they apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Brightness, saturation and contrast.
    pub color: bool,
    /// A shift by up to an eighth of the side, filled with zeros.
    pub translation: bool,
    /// A square of half the side, set to zero.
    pub cutout: bool,
}

/// Draws the transforms of a policy for `batch` images of side `side`, a multiple of 8.
pub fn draw(policy: Policy, side: usize, batch: usize, rng: &mut Rng) -> Augmentation {
    Augmentation((0..batch).map(|_| transform(policy, side, rng)).collect())
}

fn transform(policy: Policy, side: usize, rng: &mut Rng) -> Transform {
    let mut transform = Transform::IDENTITY;
    if policy.color {
        let [brightness, saturation, contrast] = [(); 3].map(|()| rng.uniform() as f32);
        transform.brightness = brightness - 0.5;
        transform.saturation = 2.0 * saturation;
        transform.contrast = contrast + 0.5;
    }
    if policy.translation {
        let most = side / 8;
        transform.shift = [(); 2].map(|()| rng.below(2 * most + 1) as i64 - most as i64);
    }
    if policy.cutout {
        transform.cut = [(); 2].map(|()| Transform::cut_around(rng.below(side + 1), side));
    }
    transform
}

/// Mirrors each image of `[N, C, S, S]` bytes with probability 1/2.
///
/// PyTorch equivalent: `torchvision.transforms.RandomHorizontalFlip()` of each image.
///
/// # Panics
/// If the bytes are not whole images of `channels` of side `side`.
pub fn flip(pixels: &mut [u8], channels: usize, side: usize, rng: &mut Rng) {
    let size = channels * side * side;
    assert!(pixels.len().is_multiple_of(size), "{} bytes are not whole images of {size}", pixels.len());
    for image in pixels.chunks_exact_mut(size) {
        if rng.below(2) == 1 {
            image.chunks_exact_mut(side).for_each(<[u8]>::reverse);
        }
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut policy = Self::default();
        for name in text.split(',') {
            let part = match name.trim() {
                "color" => &mut policy.color,
                "translation" => &mut policy.translation,
                "cutout" => &mut policy.cutout,
                _ => return Err("expected color, translation, cutout, or several of them with commas".into()),
            };
            *part = true;
        }
        Ok(policy)
    }
}

impl Display for Policy {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let parts = [(self.color, "color"), (self.translation, "translation"), (self.cutout, "cutout")];
        let names: Vec<_> = parts.into_iter().filter_map(|(is_on, name)| is_on.then_some(name)).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Policy = Policy { color: true, translation: true, cutout: true };

    #[test]
    fn policies_are_lists_in_any_order() {
        assert_eq!("cutout,color,translation".parse(), Ok(ALL));
        assert_eq!(ALL.to_string(), "color,translation,cutout");
        assert_eq!("color".parse(), Ok(Policy { color: true, ..Policy::default() }));
        for wrong in ["", "colour", "color,", "color;cutout"] {
            assert!(wrong.parse::<Policy>().unwrap_err().starts_with("expected color"), "{wrong:?}");
        }
    }

    /// The ranges of the paper's program, and that their ends are reached.
    #[test]
    fn draws_fill_the_ranges_of_the_paper() {
        let Augmentation(all) = draw(ALL, 32, 4000, &mut Rng::new(1));
        let range = |value: fn(&Transform) -> f64| {
            let values = all.iter().map(value);
            values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)))
        };
        for (found, low, high, margin) in [
            (range(|t| t.brightness.into()), -0.5, 0.5, 0.01),
            (range(|t| t.saturation.into()), 0.0, 2.0, 0.02),
            (range(|t| t.contrast.into()), 0.5, 1.5, 0.01),
            (range(|t| t.shift[0] as f64), -4.0, 4.0, 0.0),
            (range(|t| t.shift[1] as f64), -4.0, 4.0, 0.0),
            (range(|t| t.cut[0].len() as f64), 8.0, 16.0, 0.0),
            (range(|t| t.cut[1].start as f64), 0.0, 24.0, 0.0),
            (range(|t| t.cut[1].end as f64), 8.0, 32.0, 0.0),
        ] {
            assert!(low <= found.0 && found.0 <= low + margin, "{found:?} from {low}");
            assert!(high - margin <= found.1 && found.1 <= high, "{found:?} to {high}");
        }
        let Augmentation(none) = draw(Policy::default(), 32, 3, &mut Rng::new(1));
        assert_eq!(none, [const { Transform::IDENTITY }; 3]);
    }

    #[test]
    fn about_half_of_the_images_are_mirrored_row_by_row() {
        let image: Vec<u8> = (0..2 * 9).collect();
        let mirrored = [2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 17, 16, 15];
        let mut pixels = image.repeat(1000);
        flip(&mut pixels, 2, 3, &mut Rng::new(4));
        let count = pixels.chunks_exact(18).filter(|found| *found == mirrored).count();
        assert!(pixels.chunks_exact(18).all(|found| found == mirrored || found == image));
        assert!((420..580).contains(&count), "{count}");
    }
}
