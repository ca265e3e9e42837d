//! From a network's images to those that another network was made for.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::resize_crop::{check_channels, luma};
use crate::{DataError, resize_crop};

/// Brings images of bytes to another number of channels and another size: bilinear with antialiasing, in floats that are
/// not rounded to bytes again.
///
/// Gray is repeated for three channels; gray of colours is ITU-R 601's luma, a byte, as Pillow computes it.
///
/// Pillow equivalent: each channel as an image of mode `F`, `resize((W, H), Resampling.BILINEAR)`.
pub struct Scaler {
    from: [usize; 3],
    to: [usize; 3],
    resizer: Resizer,
}

impl Scaler {
    /// From images of these channels, height and width to images of those.
    ///
    /// # Errors
    /// When channels are neither 1 nor 3, or a side is 0 or above 4096.
    pub fn new(from: [usize; 3], to: [usize; 3]) -> Result<Self, DataError> {
        for [channels, height, width] in [from, to] {
            check_channels(channels)?;
            resize_crop::check_size(height)?;
            resize_crop::check_size(width)?;
        }
        Ok(Self { from, to, resizer: Resizer::new() })
    }

    /// An image, bytes `[C, H, W]`, as `[C', H', W']` in 0 to 255.
    ///
    /// # Panics
    /// If there are not as many bytes as an image has.
    pub fn scale(&mut self, image: &[u8]) -> Vec<f32> {
        let ([channels, height, width], [to_channels, to_height, to_width]) = (self.from, self.to);
        let plane = height * width;
        assert_eq!(image.len(), channels * plane, "bytes of an image");
        let planes: Vec<Vec<f32>> = match (channels, to_channels) {
            (3, 1) => {
                let [red, green, blue] = [0, 1, 2].map(|channel| &image[channel * plane..][..plane]);
                let gray = |at: usize| f32::from(luma([red[at], green[at], blue[at]]));
                vec![(0..plane).map(gray).collect()]
            }
            _ => image
                .chunks_exact(plane)
                .map(|plane| plane.iter().copied().map(f32::from).collect())
                .collect(),
        };
        let mut scaled = Vec::with_capacity(to_channels * to_height * to_width);
        for plane in &planes {
            scaled.extend(self.resize(plane));
        }
        // [1, H', W'] to [C', H', W'].
        let repeats = to_channels / planes.len();
        scaled.repeat(repeats)
    }

    fn resize(&mut self, plane: &[f32]) -> Vec<f32> {
        let ([_, height, width], [_, to_height, to_width]) = (self.from, self.to);
        if (height, width) == (to_height, to_width) {
            return plane.to_vec();
        }
        let pixels: Vec<F32> = plane.iter().copied().map(F32::new).collect();
        let source = TypedImageRef::new(width as u32, height as u32, &pixels).expect("a plane of this size");
        let mut target = TypedImage::<F32>::new(to_width as u32, to_height as u32);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        self.resizer.resize_typed(&source, &mut target, &options).expect("sizes are above 0");
        target.pixels().iter().map(|pixel| pixel.0).collect()
    }
}
