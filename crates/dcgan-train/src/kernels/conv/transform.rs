//! Between maps and the planes of a Winograd scheme, all images of a pixel side by side.
//!
//! Padded and split by the parity `(r, q)` of its coordinates, the large map becomes four maps, its phases:
//! phase pixel `(a, b)` is the large map's `(2a + r - 1, 2b + q - 1)`, and the convolution one of stride 1
//! and 2x2 taps over `4 C` phase channels. A tile is `M` by `M` pixels of the small map, which see `P` by `P`
//! pixels of each phase. Its transform has `P * P` values for each channel and image; the values of one
//! position, over channels and tiles, are a matrix, a plane.

use std::marker::PhantomData;

use super::ConvShape;
use super::planes::Planes;
use super::scheme::{Scheme, both_ways, transpose};
use crate::kernels::shared::Shared;
use crate::kernels::simd::{Kernel, LANES, Simd, Vector, load, store};

/// Some consecutive tiles of a map, and how their planes lie in memory.
#[derive(Clone, Copy)]
pub(super) struct Tiles<const M: usize, const P: usize, F> {
    pub(super) shape: ConvShape,
    pub(super) scheme: PhantomData<F>,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Tiles<M, P, F> {
    /// Columns of a plane: tiles times images.
    pub(super) fn columns(&self) -> usize {
        self.count * self.shape.batch
    }

    /// Each tile: its first column, and its first row and column in the small map.
    fn each(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let side = self.shape.small_side() / M;
        let (first, batch) = (self.first, self.shape.batch);
        (first..first + self.count).map(move |t| ((t - first) * batch, t / side * M, t % side * M))
    }

    /// Where the pixels of a tile's phase start in a channel of the large map, but for padding: phase pixel
    /// `(a, b)` is the large map's `(2a + r - 1, 2b + q - 1)`.
    #[inline(always)]
    fn phase_pixels(&self, (i, j): (usize, usize), (r, q): (usize, usize)) -> [[Option<usize>; P]; P] {
        let s = self.shape.side;
        let mut pixels = [[None; P]; P];
        for (a, row) in pixels.iter_mut().enumerate() {
            for (b, pixel) in row.iter_mut().enumerate() {
                let (y, x) = (2 * (i + a) + r, 2 * (j + b) + q);
                let inside = (1..=s).contains(&y) && (1..=s).contains(&x);
                *pixel = inside.then(|| ((y - 1) * s + x - 1) * self.shape.batch);
            }
        }
        pixels
    }

    #[inline(always)]
    fn small_pixel(&self, i: usize, j: usize) -> usize {
        (i * self.shape.small_side() + j) * self.shape.batch
    }
}

/// A channel of the large map to its four rows of every plane: `INPUT d INPUT^T`.
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
        for (phase, (r, q)) in PHASES.into_iter().enumerate() {
            for (column, i, j) in tiles.each() {
                let pixels = tiles.phase_pixels((i, j), (r, q));
                for (image, count) in groups(tiles.shape.batch) {
                    let mut x = [[simd.splat(0.0); P]; P];
                    for (row, pixels) in x.iter_mut().zip(&pixels) {
                        for (value, pixel) in row.iter_mut().zip(pixels) {
                            *value = match pixel {
                                Some(at) => load(simd, &map[at + image..][..count]),
                                None => simd.splat(0.0),
                            };
                        }
                    }
                    let values = both_ways(simd, &F::INPUT, x);
                    put(planes, to, 4 * channel + phase, column + image, count, values);
                }
            }
        }
    }
}

/// Rows of the planes to a channel of the small map, overwritten: `OUTPUT m OUTPUT^T`.
pub(super) struct PlanesToSmall<'a, const M: usize, const P: usize, F> {
    pub(super) tiles: Tiles<M, P, F>,
    /// `[P * P, O, columns]`.
    pub(super) from: &'a [f32],
    pub(super) channel: usize,
    pub(super) planes: Planes,
    /// The channel, `[S/2, S/2, N]`.
    pub(super) map: &'a mut [f32],
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Kernel for PlanesToSmall<'_, M, P, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, from, channel, planes, map } = self;
        for (column, i, j) in tiles.each() {
            for (image, count) in groups(tiles.shape.batch) {
                let x = get(simd, planes, from, channel, column + image, count);
                let values: [[S::V; M]; M] = both_ways(simd, &F::OUTPUT, x);
                for (a, values) in values.into_iter().enumerate() {
                    for (b, value) in values.into_iter().enumerate() {
                        store(value, &mut map[tiles.small_pixel(i + a, j + b) + image..][..count]);
                    }
                }
            }
        }
    }
}

/// The adjoint of [`PlanesToSmall`]: a channel of the small map's gradient to its row of every plane,
/// `OUTPUT^T y OUTPUT`.
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
            for (image, count) in groups(tiles.shape.batch) {
                let mut x = [[simd.splat(0.0); M]; M];
                for (a, row) in x.iter_mut().enumerate() {
                    for (b, value) in row.iter_mut().enumerate() {
                        *value = load(simd, &map[tiles.small_pixel(i + a, j + b) + image..][..count]);
                    }
                }
                let values = both_ways(simd, &const { transpose(F::OUTPUT) }, x);
                put(planes, to, channel, column + image, count, values);
            }
        }
    }
}

/// The adjoint of [`LargeToPlanes`]: four rows of every plane to a channel of the large map, `INPUT^T v INPUT`.
///
/// Neighbouring tiles share a row or a column of phase pixels. The first tile that reaches a pixel
/// overwrites it, later ones add; so tiles have to come in order, from the first one of the map.
pub(super) struct PlanesToLarge<'a, const M: usize, const P: usize, F> {
    pub(super) tiles: Tiles<M, P, F>,
    /// `[P * P, 4 C, columns]`.
    pub(super) from: &'a [f32],
    pub(super) channel: usize,
    pub(super) planes: Planes,
    /// The channel, `[S, S, N]`.
    pub(super) map: &'a mut [f32],
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Kernel for PlanesToLarge<'_, M, P, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, from, channel, planes, map } = self;
        for (phase, (r, q)) in PHASES.into_iter().enumerate() {
            for (column, i, j) in tiles.each() {
                let pixels = tiles.phase_pixels((i, j), (r, q));
                for (image, count) in groups(tiles.shape.batch) {
                    let x = get(simd, planes, from, 4 * channel + phase, column + image, count);
                    let values = both_ways(simd, &const { transpose(F::INPUT) }, x);
                    for (a, (values, pixels)) in values.iter().zip(&pixels).enumerate() {
                        for (b, (value, pixel)) in values.iter().zip(pixels).enumerate() {
                            let Some(at) = pixel else { continue };
                            let to = &mut map[at + image..][..count];
                            if (a == 0 && i > 0) || (b == 0 && j > 0) {
                                store(load(simd, to) + *value, to);
                            } else {
                                store(*value, to);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The parities of a padded map's coordinates.
const PHASES: [(usize, usize); 4] = [(0, 0), (0, 1), (1, 0), (1, 1)];

/// The groups of sixteen images of a batch: first image and number.
#[inline(always)]
fn groups(batch: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..batch).step_by(LANES).map(move |image| (image, LANES.min(batch - image)))
}

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
