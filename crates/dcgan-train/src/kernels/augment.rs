//! DiffAugment (Zhao et al., 2020) on images `[C, S, S, N]`, and its gradient.
//!
//! A change is affine in the image: its colours, a linear map that is its own adjoint, and a constant; then a choice of
//! pixels. So the gradient is the choice seen from its other side, and then the colours without the constant.

use rayon::prelude::*;

use crate::augment::{Augmentation, Transform};

/// The sizes of a batch of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImagesShape {
    /// Channels `C`.
    pub channels: usize,
    /// Side `S`.
    pub side: usize,
    /// Images `N`.
    pub batch: usize,
}

/// Which way pixels move.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// To where the change puts them.
    There,
    /// The adjoint.
    Back,
}

/// The changed images.
///
/// # Panics
/// If the images have not the size that `shape` gives them, or `changes` another number.
pub fn forward(shape: ImagesShape, images: &[f32], changes: &Augmentation) -> Vec<f32> {
    check(shape, images, changes);
    let brightness = changes.0.iter().map(|change| change.brightness).collect::<Vec<_>>();
    let colored = color(shape, images, changes, &brightness);
    place(shape, &colored, changes, Way::There)
}

/// The gradient of the images, where `gradient` is that of the changed ones.
///
/// # Panics
/// As [`forward`].
pub fn backward(shape: ImagesShape, gradient: &[f32], changes: &Augmentation) -> Vec<f32> {
    check(shape, gradient, changes);
    let placed = place(shape, gradient, changes, Way::Back);
    color(shape, &placed, changes, &vec![0.0; shape.batch])
}

/// The place that each value of the changed images `[C, S, S, N]` comes from; `None` for zeros.
pub fn sources(shape: ImagesShape, changes: &Augmentation) -> Vec<Option<usize>> {
    let ImagesShape { channels, side, batch } = shape;
    let pixels = (0..channels * side * side).flat_map(|pixel| (0..batch).map(move |n| (pixel, n)));
    let source = |(pixel, n): (usize, usize)| {
        let (c, i, j) = (pixel / (side * side), pixel / side % side, pixel % side);
        let (row, column) = source(&changes.0[n], [i, j], side, Way::There)?;
        Some(((c * side + row) * side + column) * batch + n)
    };
    pixels.map(source).collect()
}

/// What the values of each image are multiplied by: itself, its pixels' means and its own mean.
pub fn color_factors(change: &Transform) -> [f32; 3] {
    let Transform { saturation, contrast, .. } = change;
    [contrast * saturation, contrast - contrast * saturation, 1.0 - contrast]
}

fn check(shape: ImagesShape, images: &[f32], changes: &Augmentation) {
    let ImagesShape { channels, side, batch } = shape;
    assert_eq!(images.len(), channels * side * side * batch, "values of {shape:?}");
    assert_eq!(changes.0.len(), batch, "changes of {shape:?}");
}

/// `x * f0 + mean of its pixel * f1 + mean of its image * f2 + constant`, with the factors of each image.
fn color(shape: ImagesShape, images: &[f32], changes: &Augmentation, constants: &[f32]) -> Vec<f32> {
    let ImagesShape { channels, side, batch } = shape;
    let area = side * side;
    let factors: Vec<[f32; 3]> = changes.0.iter().map(color_factors).collect();
    // [S, S, N]
    let mut pixel_means = vec![0.0; area * batch];
    pixel_means.par_chunks_mut(batch).enumerate().for_each(|(pixel, means)| {
        for c in 0..channels {
            let values = &images[(c * area + pixel) * batch..][..batch];
            means.iter_mut().zip(values).for_each(|(mean, value)| *mean += value / channels as f32);
        }
    });
    // In f64 and in the order of the pixels, whatever the number of threads.
    let mut image_means = vec![0.0f64; batch];
    for means in pixel_means.chunks_exact(batch) {
        image_means.iter_mut().zip(means).for_each(|(sum, mean)| *sum += f64::from(*mean) / area as f64);
    }
    let offsets: Vec<f32> = image_means
        .iter()
        .zip(&factors)
        .zip(constants)
        .map(|((mean, [_, _, factor]), constant)| *mean as f32 * factor + constant)
        .collect();
    let mut colored = vec![0.0; images.len()];
    colored.par_chunks_mut(batch).zip(images.par_chunks(batch)).enumerate().for_each(
        |(pixel, (colored, values))| {
            let means = &pixel_means[pixel % area * batch..][..batch];
            for n in 0..batch {
                let [own, pixel, _] = factors[n];
                colored[n] = values[n] * own + means[n] * pixel + offsets[n];
            }
        },
    );
    colored
}

/// Moves the pixels of each image and cuts its square out, or the adjoint of that.
fn place(shape: ImagesShape, images: &[f32], changes: &Augmentation, way: Way) -> Vec<f32> {
    let ImagesShape { side, batch, .. } = shape;
    let mut placed = vec![0.0; images.len()];
    placed.par_chunks_mut(batch).enumerate().for_each(|(pixel, placed)| {
        let (map, i, j) = (pixel / (side * side), pixel / side % side, pixel % side);
        for (n, (value, change)) in placed.iter_mut().zip(&changes.0).enumerate() {
            if let Some((row, column)) = source(change, [i, j], side, way) {
                *value = images[((map * side + row) * side + column) * batch + n];
            }
        }
    });
    placed
}

/// The pixel that goes to `at`; `None` where there are zeros.
fn source(change: &Transform, at: [usize; 2], side: usize, way: Way) -> Option<(usize, usize)> {
    let shift = match way {
        Way::There => change.shift,
        Way::Back => change.shift.map(|shift| -shift),
    };
    let moved = |axis: usize| {
        let place = at[axis] as i64 + shift[axis];
        usize::try_from(place).ok().filter(|place| *place < side)
    };
    let from = [moved(0)?, moved(1)?];
    // The square lies in the changed image.
    let changed = if way == Way::There { at } else { from };
    let is_cut = change.cut[0].contains(&changed[0]) && change.cut[1].contains(&changed[1]);
    (!is_cut).then_some((from[0], from[1]))
}
