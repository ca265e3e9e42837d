//! Features of images by random convolutions.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayView4, Axis, s};
use rayon::prelude::*;

use super::convolution::Filters;
use super::error::MetricError;
use crate::rng::Rng;

/// The filters of level `k` are drawn from `Rng::new(SEED + k)`.
const SEED: u64 = 0x6463_6761_6e00;
/// The smallest side of an image, and of a level.
const LEAST_SIDE: usize = 8;
/// Images whose features a thread extracts at a time.
const TASK: usize = 16;
/// Filters of the first layer, their side, and what brings their answers near 1.
const FIRST: (usize, usize, f64) = (12, 5, 2.0);
/// The same of the second.
const SECOND: (usize, usize, f64) = (16, 3, 4.0);
/// Cells a side over which colours are averaged, and the second layer's maps.
const COLOUR_CELLS: usize = 4;
const SECOND_CELLS: usize = 2;

/// A fixed feature extractor: two layers of random convolutions at several scales, the same numbers on every machine
/// (up to rounding), without any file.
///
/// An image in [-1, 1], gray ones repeated to three channels, becomes
///
/// - its average colours over 4x4 cells: 48 features
/// - for the image and for each halving of it (2x2 means) whose shorter side is 8 or more, 88 features: 12 filters
///   of 5x5x3, both the positive and the negative part of their answers, averaged over the image (24); and, of these
///   24 maps halved, the positive part of 16 filters of 3x3x24, averaged over 2x2 cells (64)
///
/// that is 312 features at 32x32 and 400 at 64x64. Filters are normal random numbers, shifted to sum 0 and scaled to
/// length 2 in the first layer and 4 in the second; borders are repeated outwards.
///
/// Random convolutions see colours, edges, textures and their layout, not what a picture means: a trained network's
/// features say more about photographs of many things. Whitened by the real images' ([`Whitening`](super::Whitening)),
/// they rank checkpoints of one run.
///
/// ```
/// use dcgan_core::metric::RandomFeatures;
/// let images = ndarray::Array4::zeros((5, 1, 32, 32));
/// let features = RandomFeatures::new(1, 32, 32)?.extract(images.view())?;
/// assert_eq!(features.dim(), (5, 312));
/// # Ok::<(), dcgan_core::metric::MetricError>(())
/// ```
pub struct RandomFeatures {
    channels: usize,
    size: (usize, usize),
    levels: Vec<Level>,
}

/// The filters of one scale.
struct Level {
    first: Filters,
    second: Filters,
}

impl RandomFeatures {
    /// The extractor for images `[C, H, W]`.
    ///
    /// # Errors
    /// [`MetricError::Images`] unless there are 1 or 3 channels and both sides are 8 or more.
    pub fn new(channels: usize, height: usize, width: usize) -> Result<Self, MetricError> {
        let least = height.min(width);
        if !matches!(channels, 1 | 3) || least < LEAST_SIDE {
            return Err(MetricError::Images { channels, height, width });
        }
        let sides = std::iter::successors(Some(least), |side| Some(side / 2));
        let levels =
            sides.take_while(|side| *side >= LEAST_SIDE).zip(SEED..).map(|(_, seed)| Level::new(seed));
        Ok(Self { channels, size: (height, width), levels: levels.collect() })
    }

    /// Features an image: D.
    pub fn len(&self) -> usize {
        let level = 2 * FIRST.0 + SECOND.0 * SECOND_CELLS * SECOND_CELLS;
        3 * COLOUR_CELLS * COLOUR_CELLS + self.levels.len() * level
    }

    /// Never: every image has some.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The features of images `[N, C, H, W]` in [-1, 1]: `[N, D]`. All threads of rayon's pool share the images.
    ///
    /// # Errors
    /// [`MetricError::Images`] for images of another size, [`MetricError::NotFinite`] for a pixel that is no number.
    pub fn extract(&self, images: ArrayView4<f32>) -> Result<Array2<f32>, MetricError> {
        let (count, channels, height, width) = images.dim();
        if (channels, (height, width)) != (self.channels, self.size) {
            return Err(MetricError::Images { channels, height, width });
        }
        let parts: Vec<_> = images.axis_chunks_iter(Axis(0), TASK).collect();
        let parts: Vec<_> = parts.into_par_iter().map(|part| self.rows(part)).collect();
        let features =
            Array2::from_shape_vec((count, self.len()), parts.concat()).expect("D features an image");
        super::check_finite(features.view())?;
        Ok(features)
    }

    /// The features of images, one after the other.
    fn rows(&self, images: ArrayView4<f32>) -> Vec<f32> {
        let mut features = Vec::with_capacity(images.len_of(Axis(0)) * self.len());
        images.outer_iter().for_each(|image| self.append(image, &mut features));
        features
    }

    /// Appends the features of one image.
    fn append(&self, image: ArrayView3<f32>, features: &mut Vec<f32>) {
        let (height, width) = self.size;
        let colour = image.broadcast((3, height, width)).expect("one channel or three");
        append_cells(colour, COLOUR_CELLS, features);
        let mut scaled = colour.to_owned();
        for level in &self.levels {
            level.append(scaled.view(), features);
            scaled = halve(scaled.view());
        }
    }
}

impl Level {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        // As a latent's, the numbers are rounded to f32.
        let mut numbers = std::iter::from_fn(|| Some(f64::from(rng.normal() as f32)));
        let (count, side, gain) = FIRST;
        let first = Filters::new(count, [3, side], gain, &mut numbers);
        let (count, side, gain) = SECOND;
        Self { first, second: Filters::new(count, [2 * FIRST.0, side], gain, &mut numbers) }
    }

    /// Appends the features of an image `[3, H, W]` of this scale.
    fn append(&self, image: ArrayView3<f32>, features: &mut Vec<f32>) {
        let (_, height, width) = image.dim();
        let first = split(self.first.apply(image).view(), (height, width)); // [24, H, W]
        append_cells(first.view(), 1, features);
        let halved = halve(first.view());
        let mut second = self.second.apply(halved.view()); // [16, H/2 * W/2]
        second.mapv_inplace(|x| x.max(0.0));
        let second = second.into_shape_with_order((SECOND.0, height / 2, width / 2)).expect("a map a filter");
        append_cells(second.view(), SECOND_CELLS, features);
    }
}

/// The positive parts of maps `[K, H * W]`, then the negative ones: `[2 * K, H, W]`.
fn split(maps: ArrayView2<f32>, (height, width): (usize, usize)) -> Array3<f32> {
    let (positive, negative) = (maps.iter().map(|x| x.max(0.0)), maps.iter().map(|x| (-x).max(0.0)));
    let values = positive.chain(negative).collect();
    Array3::from_shape_vec((2 * maps.nrows(), height, width), values).expect("two maps for each")
}

/// Means of 2x2 pixels, `[C, H, W]` to `[C, H / 2, W / 2]`; an odd side's last row or column is left out.
///
/// PyTorch equivalent: `F.avg_pool2d(x, 2)`.
fn halve(maps: ArrayView3<f32>) -> Array3<f32> {
    let (channels, height, width) = maps.dim();
    let (height, width) = (height / 2, width / 2);
    let quarter = |y: usize, x: usize| maps.slice(s![.., y..2 * height; 2, x..2 * width; 2]);
    let mut sum = Array3::zeros((channels, height, width));
    for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        sum += &quarter(y, x);
    }
    sum * 0.25
}

/// Appends the means of each map of `[C, H, W]` over `cells` x `cells` parts, row by row.
fn append_cells(maps: ArrayView3<f32>, cells: usize, features: &mut Vec<f32>) {
    let (_, height, width) = maps.dim();
    let part = |i: usize, size: usize| i * size / cells..(i + 1) * size / cells;
    for map in maps.axis_iter(Axis(0)) {
        for (i, j) in (0..cells).flat_map(|i| (0..cells).map(move |j| (i, j))) {
            let cell = map.slice(s![part(i, height), part(j, width)]);
            features.push(cell.sum() / cell.len() as f32);
        }
    }
}
