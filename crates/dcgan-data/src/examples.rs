//! A few real images, apart from training.

use dcgan_core::pixels;
use dcgan_core::rng::Rng;
use dcgan_core::streams;
use ndarray::Array4;

use crate::error::{Purpose, room};
use crate::{DataError, Dataset, ResizeCrop};

/// `count` images of a dataset as the networks see them, `[N, channels, size, size]` in [-1, 1]: chosen at random by
/// `seed`, fewer where there are no more. Broken ones are passed over.
///
/// # Errors
/// If images cannot have this size and these channels, or there is no memory for so many.
pub fn examples(
    dataset: &dyn Dataset,
    [channels, size]: [usize; 2],
    count: usize,
    seed: u64,
) -> Result<Array4<f32>, DataError> {
    let fitted = shuffled(dataset, ResizeCrop::new(size, channels)?, seed).filter_map(Result::ok);
    let mut values: Vec<f32> = room(Purpose::Sample, count.min(dataset.len()), channels * size * size)?;
    for image in fitted.take(count) {
        values.extend(image.into_iter().map(pixels::from_u8));
    }
    let shape = (values.len() / (channels * size * size), channels, size, size);
    Ok(Array4::from_shape_vec(shape, values).expect("a fitter gives whole images"))
}

/// All images of a dataset, fitted, in the order of [`examples`]: `[C, S, S]` bytes each, or why one cannot be used.
pub fn shuffled(
    dataset: &dyn Dataset,
    mut fitter: ResizeCrop,
    seed: u64,
) -> impl Iterator<Item = Result<Vec<u8>, DataError>> {
    let order = Rng::stream(seed, streams::EXAMPLES, 0).permutation(dataset.len());
    order.into_iter().map(move |index| fitter.fit(dataset.picture(index as usize)?))
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, Rgb, RgbImage};

    use super::*;

    /// Ten pictures, each of a red of its own; every third one is broken.
    struct Reds;

    impl Dataset for Reds {
        fn len(&self) -> usize {
            10
        }

        fn picture(&self, index: usize) -> Result<DynamicImage, DataError> {
            match index % 3 {
                0 => Err(DataError::Setting { what: "red", expected: "another", found: index }),
                _ => Ok(RgbImage::from_pixel(8, 8, Rgb([index as u8, 0, 255])).into()),
            }
        }
    }

    #[test]
    fn examples_are_different_images_that_can_be_read() {
        let reds = |count, seed| {
            let images = examples(&Reds, [3, 8], count, seed).unwrap();
            assert!(images.iter().all(|value| (-1.0..=1.0).contains(value)));
            images.outer_iter().map(|image| pixels::to_u8(image[(0, 3, 3)])).collect::<Vec<_>>()
        };
        let mut all = reds(100, 0);
        assert_eq!(reds(4, 0), all[..4], "the first ones, whatever the number");
        assert_ne!(reds(100, 1), all, "another seed chooses others");
        all.sort_unstable();
        assert_eq!(all, [1, 2, 4, 5, 7, 8]);
    }
}
