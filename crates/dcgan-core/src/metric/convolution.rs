//! Convolutions of single images, as matrix products.

use ndarray::{Array2, ArrayView2, ArrayView3};

/// Square filters of an odd side, and the border of an image repeated outwards so that its size stays.
pub(super) struct Filters {
    /// `[K, C * side * side]`
    weights: Array2<f32>,
    side: usize,
}

impl Filters {
    /// `count` filters over `channels` from as many random numbers as they have weights: each is shifted to sum 0,
    /// so that even areas are nothing, and scaled to length `gain`.
    pub(super) fn new(
        count: usize,
        [channels, side]: [usize; 2],
        gain: f64,
        numbers: &mut impl Iterator<Item = f64>,
    ) -> Self {
        let mut weights = Vec::with_capacity(count * channels * side * side);
        for _ in 0..count {
            let filter: Vec<f64> = numbers.take(channels * side * side).collect();
            let mean = filter.iter().sum::<f64>() / filter.len() as f64;
            let length = filter.iter().map(|w| (w - mean).powi(2)).sum::<f64>().sqrt();
            weights.extend(filter.iter().map(|w| ((w - mean) * gain / length) as f32));
        }
        let shape = (count, channels * side * side);
        Self { weights: Array2::from_shape_vec(shape, weights).expect("a weight for each place"), side }
    }

    /// Correlates maps `[C, H, W]` with each filter: `[K, H * W]`.
    ///
    /// PyTorch equivalent: `F.conv2d(F.pad(x, 4 * [side // 2], mode="replicate"), weights)`.
    pub(super) fn apply(&self, maps: ArrayView3<f32>) -> Array2<f32> {
        self.weights.dot(&windows(maps, self.side))
    }
}

/// What each weight of a filter meets: `[C * side * side, H * W]`.
fn windows(maps: ArrayView3<f32>, side: usize) -> Array2<f32> {
    let (channels, height, width) = maps.dim();
    let reach = side / 2;
    let inside = |at: usize, size: usize| at.saturating_sub(reach).min(size - 1);
    let mut values = Vec::with_capacity(channels * side * side * height * width);
    for plane in maps.outer_iter() {
        let padded = Array2::from_shape_fn((height + 2 * reach, width + 2 * reach), |(y, x)| {
            plane[(inside(y, height), inside(x, width))]
        });
        let padded: ArrayView2<f32> = padded.view();
        let row = |y: usize, x: usize| padded.row(y).to_slice().map(|row| &row[x..x + width]);
        for (i, j) in (0..side).flat_map(|i| (0..side).map(move |j| (i, j))) {
            (0..height).filter_map(|y| row(y + i, j)).for_each(|row| values.extend_from_slice(row));
        }
    }
    let shape = (channels * side * side, height * width);
    Array2::from_shape_vec(shape, values).expect("a row for each place of the filter")
}
