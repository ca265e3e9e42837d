//! Between maps and the planes of a Winograd scheme, all images of a pixel side by side.
//!
//! Padded and split by the parity `(r, q)` of its coordinates, the large map becomes four maps, its phases:
//! phase pixel `(a, b)` is the large map's `(2a + r - 1, 2b + q - 1)`, and the convolution one of stride 1
//! and 2x2 taps over `4 C` phase channels. A tile is `M` by `M` pixels of the small map, which see `P` by `P`
//! pixels of each phase. Its transform has `P * P` values for each channel and image; the values of one
//! position, over channels and tiles, are a matrix, a plane.
//!
//! Work goes from channel to channel, and each is spread over so many places that no processor foresees the
//! next one: so each pixel asks for the same pixel of the next channel.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use super::planes::Planes;
use super::scheme::{Scheme, both_ways};
use super::shape::ConvShape;
use crate::shared::Shared;
use crate::simd::{Kernel, LANES, Simd, Vector, load, store, store_new};
use crate::uninit::written;

/// Does something for each group of sixteen images of some: `|first image, number of images|`. The body is
/// compiled twice, for groups of sixteen and for the rest.
macro_rules! for_groups {
    ($images:expr, |$image:ident, $count:ident| $body:expr) => {
        let whole = $images / LANES * LANES;
        for $image in (0..whole).step_by(LANES) {
            let $count = LANES;
            $body
        }
        if whole < $images {
            let ($image, $count) = (whole, $images - whole);
            $body
        }
    };
}

/// Some consecutive tiles of some consecutive images of a map.
#[derive(Clone, Copy)]
pub(super) struct Tiles<const M: usize, const P: usize, F> {
    pub(super) shape: ConvShape,
    pub(super) scheme: PhantomData<F>,
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) first_image: usize,
    pub(super) images: usize,
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Tiles<M, P, F> {
    /// Columns of a plane: tiles times images.
    pub(super) fn columns(&self) -> usize {
        self.count * self.images
    }

    /// Each tile: its first column, and its first row and column in the small map.
    fn each(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let side = self.shape.small_side() / M;
        let (first, images) = (self.first, self.images);
        (first..first + self.count).map(move |t| ((t - first) * images, t / side * M, t % side * M))
    }

    /// Where the first image's pixels of a tile's phase are in a channel of the large map.
    #[inline(always)]
    fn phase_pixels(&self, (i, j): (usize, usize), (r, q): (usize, usize)) -> PhasePixels<P> {
        let (side, batch) = (self.shape.side, self.shape.batch);
        let mut rows = inside(2 * i + r, side, side * batch);
        rows.iter_mut().flatten().for_each(|row| *row += self.first_image);
        PhasePixels { rows, columns: inside(2 * j + q, side, batch) }
    }

    #[inline(always)]
    fn small_pixel(&self, i: usize, j: usize) -> usize {
        (i * self.shape.small_side() + j) * self.shape.batch + self.first_image
    }
}

/// Starts of the rows of a tile's phase in a channel of the large map, and of the columns in a row; `None` in
/// the padding.
struct PhasePixels<const P: usize> {
    rows: [Option<usize>; P],
    columns: [Option<usize>; P],
}

/// Where every other line of a padded map starts, `first` being a number with the padding and `stride` the floats
/// from line to line.
#[inline(always)]
fn inside<const P: usize>(first: usize, side: usize, stride: usize) -> [Option<usize>; P] {
    let mut lines = [None; P];
    for (a, line) in lines.iter_mut().enumerate() {
        let padded = first + 2 * a;
        *line = (1..=side).contains(&padded).then(|| (padded - 1) * stride);
    }
    lines
}

/// A channel of the large map to its four rows of every plane: `A d A^T`.
pub(super) struct LargeToPlanes<'a, const M: usize, const P: usize, F> {
    pub(super) tiles: Tiles<M, P, F>,
    /// The channel, `[S, S, N]`.
    pub(super) map: &'a [f32],
    pub(super) channel: usize,
    pub(super) planes: Planes,
    /// `[P * P, 4 C, columns]`, of which the channel's rows are written.
    pub(super) to: Shared<'a>,
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Kernel for LargeToPlanes<'_, M, P, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, map, channel, planes, to } = self;
        for (phase, parity) in PHASES.into_iter().enumerate() {
            for (column, i, j) in tiles.each() {
                let pixels = tiles.phase_pixels((i, j), parity);
                for_groups!(tiles.images, |image, count| {
                    let mut x = [[simd.splat(0.0); P]; P];
                    for (values, row) in x.iter_mut().zip(&pixels.rows) {
                        for (value, column) in values.iter_mut().zip(&pixels.columns) {
                            // One load for both, so that the square of values stays in registers.
                            let from = match (row, column) {
                                (Some(row), Some(column)) => {
                                    simd.prefetch(map, map.len() + row + column + image);
                                    &map[row + column + image..][..count]
                                }
                                _ => &[0.0; LANES][..count],
                            };
                            *value = load(simd, from);
                        }
                    }
                    let values = both_ways::<S, F::Input, P, P>(simd, x);
                    put(planes, to, 4 * channel + phase, column + image, count, values);
                });
            }
        }
    }
}

/// Rows of the planes to a channel of the small map, overwritten: `C m C^T`.
pub(super) struct PlanesToSmall<'a, const M: usize, const P: usize, F> {
    pub(super) tiles: Tiles<M, P, F>,
    /// `[P * P, O, columns]`.
    pub(super) from: &'a [f32],
    pub(super) channel: usize,
    pub(super) planes: Planes,
    /// The channel, `[S/2, S/2, N]`.
    pub(super) map: &'a mut [MaybeUninit<f32>],
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Kernel for PlanesToSmall<'_, M, P, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, from, channel, planes, map } = self;
        for (column, i, j) in tiles.each() {
            for_groups!(tiles.images, |image, count| {
                let x = get(simd, planes, from, channel, column + image, count);
                let values: [[S::V; M]; M] = both_ways::<S, F::Output, M, P>(simd, x);
                for (a, values) in values.into_iter().enumerate() {
                    for (b, value) in values.into_iter().enumerate() {
                        let at = tiles.small_pixel(i + a, j + b) + image;
                        simd.prefetch(map, map.len() + at);
                        store_new(value, &mut map[at..][..count]);
                    }
                }
            });
        }
    }
}

/// The adjoint of [`PlanesToSmall`]: a channel of the small map's gradient to its row of every plane,
/// `C^T y C`.
pub(super) struct SmallToPlanes<'a, const M: usize, const P: usize, F> {
    pub(super) tiles: Tiles<M, P, F>,
    /// The channel, `[S/2, S/2, N]`.
    pub(super) map: &'a [f32],
    pub(super) channel: usize,
    pub(super) planes: Planes,
    /// `[P * P, O, columns]`, of which the channel's rows are written.
    pub(super) to: Shared<'a>,
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Kernel for SmallToPlanes<'_, M, P, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, map, channel, planes, to } = self;
        for (column, i, j) in tiles.each() {
            for_groups!(tiles.images, |image, count| {
                let mut x = [[simd.splat(0.0); M]; M];
                for (a, row) in x.iter_mut().enumerate() {
                    for (b, value) in row.iter_mut().enumerate() {
                        let at = tiles.small_pixel(i + a, j + b) + image;
                        simd.prefetch(map, map.len() + at);
                        *value = load(simd, &map[at..][..count]);
                    }
                }
                let values = both_ways::<S, F::OutputAdjoint, P, M>(simd, x);
                put(planes, to, channel, column + image, count, values);
            });
        }
    }
}

/// The adjoint of [`LargeToPlanes`]: four rows of every plane to a channel of the large map, `A^T v A`.
///
/// Neighbouring tiles share a row or a column of phase pixels. The first tile that reaches a pixel
/// overwrites it, later ones add; so an image's tiles have to come in order, from the first one of the map.
pub(super) struct PlanesToLarge<'a, const M: usize, const P: usize, F> {
    pub(super) tiles: Tiles<M, P, F>,
    /// `[P * P, 4 C, columns]`.
    pub(super) from: &'a [f32],
    pub(super) channel: usize,
    pub(super) planes: Planes,
    /// The channel, `[S, S, N]`.
    pub(super) map: &'a mut [MaybeUninit<f32>],
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Kernel for PlanesToLarge<'_, M, P, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, from, channel, planes, map } = self;
        for (phase, parity) in PHASES.into_iter().enumerate() {
            for (column, i, j) in tiles.each() {
                let pixels = tiles.phase_pixels((i, j), parity);
                for_groups!(tiles.images, |image, count| {
                    let x = get(simd, planes, from, 4 * channel + phase, column + image, count);
                    let values = both_ways::<S, F::InputAdjoint, P, P>(simd, x);
                    for (a, (values, row)) in values.into_iter().zip(&pixels.rows).enumerate() {
                        for (b, (value, column)) in values.into_iter().zip(&pixels.columns).enumerate() {
                            let (Some(row), Some(column)) = (row, column) else { continue };
                            let at = row + column + image;
                            simd.prefetch(map, map.len() + at);
                            let to = &mut map[at..][..count];
                            if (a == 0 && i > 0) || (b == 0 && j > 0) {
                                // SAFETY: the first tile that reached the pixel has written it.
                                let sum = value + load(simd, unsafe { written(to) });
                                store_new(sum, to);
                            } else {
                                store_new(value, to);
                            }
                        }
                    }
                });
            }
        }
    }
}

/// The parities of a padded map's coordinates.
const PHASES: [(usize, usize); 4] = [(0, 0), (0, 1), (1, 0), (1, 1)];

/// The values of a channel's column in all planes.
#[inline(always)]
fn get<S: Simd, const P: usize>(
    simd: S,
    planes: Planes,
    from: &[f32],
    channel: usize,
    column: usize,
    count: usize,
) -> [[S::V; P]; P] {
    let mut values = [[simd.splat(0.0); P]; P];
    for (a, row) in values.iter_mut().enumerate() {
        for (b, value) in row.iter_mut().enumerate() {
            *value = load(simd, &from[planes.at(a * P + b, channel, column)..][..count]);
        }
    }
    values
}

/// Writes the values of a channel's column to all planes.
#[inline(always)]
fn put<V: Vector, const P: usize>(
    planes: Planes,
    to: Shared,
    channel: usize,
    column: usize,
    count: usize,
    values: [[V; P]; P],
) {
    for (a, values) in values.into_iter().enumerate() {
        for (b, value) in values.into_iter().enumerate() {
            // SAFETY: the row of this channel, in every plane, is the calling task's alone.
            store(value, unsafe { to.range(planes.at(a * P + b, channel, column), count) });
        }
    }
}
