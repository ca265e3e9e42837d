//! DiffAugment (Zhao et al., 2020) on images `[C, S, S, N]`, and its gradient.
//!
//! An augmentation is an affine function of the image: a linear map of the colours, which is its own adjoint, plus a
//! constant; then a selection of pixels. The gradient passes the adjoint of the selection, and then the colours' map
//! without the constant.

use std::ops::Range;

use rayon::prelude::*;

/// The augmentation of a batch, a [`Transform`] for each image.
#[derive(Clone, Debug, PartialEq)]
pub struct Augmentation(pub Vec<Transform>);

/// The augmentation of one image of values in [-1, 1].
#[derive(Clone, Debug, PartialEq)]
pub struct Transform {
    /// Added to all values, in [-0.5, 0.5).
    pub brightness: f32,
    /// Factor of the differences from a pixel's mean over the channels, in [0, 2).
    pub saturation: f32,
    /// Factor of the differences from the image's mean, in [0.5, 1.5).
    pub contrast: f32,
    /// Rows and columns by which the image moves up and to the left, up to an eighth of the side either way.
    pub shift: [i64; 2],
    /// Rows and columns set to zero, in the coordinates of the shifted image.
    pub cut: [Range<usize>; 2],
}

impl Transform {
    /// Leaves an image as it is.
    pub const IDENTITY: Self =
        Self { brightness: 0.0, saturation: 1.0, contrast: 1.0, shift: [0; 2], cut: [0..0, 0..0] };

    /// The rows or columns that cutout sets to zero: half the side around `center`, from 0 to `side`.
    pub fn cut_around(center: usize, side: usize) -> Range<usize> {
        let half = side / 4;
        center.saturating_sub(half)..(center + half).min(side)
    }
}

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

/// The direction in which pixels move.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// To their places in the augmented image.
    Forward,
    /// The adjoint.
    Adjoint,
}

/// The augmented images.
///
/// # Panics
/// If `images` is not as long as `shape` says, or `augmentation` is not one transform an image.
pub fn forward(shape: ImagesShape, images: &[f32], augmentation: &Augmentation) -> Vec<f32> {
    check(shape, images, augmentation);
    let brightness = augmentation.0.iter().map(|transform| transform.brightness).collect::<Vec<_>>();
    let colored = color(shape, images, augmentation, &brightness);
    place(shape, &colored, augmentation, Direction::Forward)
}

/// The gradient of the images, from the gradient of the augmented images.
///
/// # Panics
/// As [`forward`].
pub fn backward(shape: ImagesShape, gradient: &[f32], augmentation: &Augmentation) -> Vec<f32> {
    check(shape, gradient, augmentation);
    let placed = place(shape, gradient, augmentation, Direction::Adjoint);
    color(shape, &placed, augmentation, &vec![0.0; shape.batch])
}

/// The index of the value that moves to each place of the augmented images `[C, S, S, N]`; `None` for zeros.
pub fn sources(shape: ImagesShape, augmentation: &Augmentation) -> Vec<Option<usize>> {
    let ImagesShape { channels, side, batch } = shape;
    let pixels = (0..channels * side * side).flat_map(|pixel| (0..batch).map(move |n| (pixel, n)));
    let source = |(pixel, n): (usize, usize)| {
        let (c, i, j) = (pixel / (side * side), pixel / side % side, pixel % side);
        let (row, column) = source(&augmentation.0[n], [i, j], side, Direction::Forward)?;
        Some(((c * side + row) * side + column) * batch + n)
    };
    pixels.map(source).collect()
}

/// The factors of a value, of its pixel's mean and of its image's mean in the colour map.
pub fn color_factors(transform: &Transform) -> [f32; 3] {
    let Transform { saturation, contrast, .. } = transform;
    [contrast * saturation, contrast - contrast * saturation, 1.0 - contrast]
}

fn check(shape: ImagesShape, images: &[f32], augmentation: &Augmentation) {
    let ImagesShape { channels, side, batch } = shape;
    assert_eq!(images.len(), channels * side * side * batch, "values of {shape:?}");
    assert_eq!(augmentation.0.len(), batch, "transforms of {shape:?}");
}

/// `x * f0 + mean of its pixel * f1 + mean of its image * f2 + constant`, with the factors of each image.
fn color(shape: ImagesShape, images: &[f32], augmentation: &Augmentation, constants: &[f32]) -> Vec<f32> {
    let ImagesShape { channels, side, batch } = shape;
    let area = side * side;
    let factors: Vec<[f32; 3]> = augmentation.0.iter().map(color_factors).collect();
    // [S, S, N]
    let mut pixel_means = vec![0.0; area * batch];
    pixel_means.par_chunks_mut(batch).enumerate().for_each(|(pixel, means)| {
        for c in 0..channels {
            let values = &images[(c * area + pixel) * batch..][..batch];
            means.iter_mut().zip(values).for_each(|(mean, value)| *mean += value / channels as f32);
        }
    });
    // In f64 and in the order of the pixels, with any number of threads.
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

/// Shifts each image and sets its square to zero, or applies the adjoint.
fn place(shape: ImagesShape, images: &[f32], augmentation: &Augmentation, direction: Direction) -> Vec<f32> {
    let ImagesShape { side, batch, .. } = shape;
    let mut placed = vec![0.0; images.len()];
    placed.par_chunks_mut(batch).enumerate().for_each(|(pixel, placed)| {
        let (map, i, j) = (pixel / (side * side), pixel / side % side, pixel % side);
        for (n, (value, transform)) in placed.iter_mut().zip(&augmentation.0).enumerate() {
            if let Some((row, column)) = source(transform, [i, j], side, direction) {
                *value = images[((map * side + row) * side + column) * batch + n];
            }
        }
    });
    placed
}

/// The pixel that moves to `at`; `None` for zeros.
fn source(
    transform: &Transform,
    at: [usize; 2],
    side: usize,
    direction: Direction,
) -> Option<(usize, usize)> {
    let shift = match direction {
        Direction::Forward => transform.shift,
        Direction::Adjoint => transform.shift.map(|shift| -shift),
    };
    let moved = |axis: usize| {
        let place = at[axis] as i64 + shift[axis];
        usize::try_from(place).ok().filter(|place| *place < side)
    };
    let from = [moved(0)?, moved(1)?];
    // The square lies in the augmented image.
    let augmented = if direction == Direction::Forward { at } else { from };
    let is_cut = transform.cut[0].contains(&augmented[0]) && transform.cut[1].contains(&augmented[1]);
    (!is_cut).then_some((from[0], from[1]))
}
