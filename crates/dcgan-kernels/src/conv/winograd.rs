//! The three kernels of [`conv`](super) by a Winograd scheme: `16 M^2 / (4 P^2)` times fewer multiplications.
//!
//! Each is the same chain, read in one direction or the other (`V` the large map's planes, `U` the weight's,
//! `Y` the small map's; a product for each of the `P * P` positions):
//!
//! | | |
//! |---|---|
//! | forward | large map to `V`; `Y = U V`; `Y` to small map |
//! | input gradient | small map to `Y`; `V = U^T Y`; `V` to large map |
//! | weight gradient | both maps to `V` and `Y`; `U = Y V^T`; `U` to weight |
//!
//! A step of the chain is done for some tiles of some images, as many as leave `V` and `Y` in the cache that
//! the cores share, before the next step begins. So a task of a transform owns whole channels, a task of a
//! product owns rows of a plane, and no two tasks write to the same place. (Blocks small enough for a core's
//! own cache would have to read all of `U` each.)

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::filter;
use super::planes::Planes;
use super::scheme::Scheme;
use super::shape::{ConvShape, ranges};
use super::transform::{LargeToPlanes, PlanesToLarge, PlanesToSmall, SmallToPlanes, Tiles};
use crate::matmul::{Layout, Old, matmul};
use crate::scratch;
use crate::shared::Shared;
use crate::simd::{LANES, Level};

/// Floats of `V` and `Y` that are worked on at once, about: a part of the cache that the cores share.
const CHUNK: usize = 2 * 1024 * 1024;
/// Columns of a chunk, at least: a product reads all of `U` for them.
const COLUMNS: usize = 128;
/// Rows of a plane that a task of a product computes, about.
const ROWS: usize = 96;
/// The same of a weight's gradient, whose every task has to transpose `V` on its way.
const WEIGHT_ROWS: usize = 256;

/// A convolution of one shape by one scheme.
#[derive(Clone, Copy)]
pub(super) struct Winograd<const M: usize, const P: usize, F> {
    pub(super) shape: ConvShape,
    pub(super) scheme: PhantomData<F>,
    pub(super) level: Level,
}

/// Some tiles, and the layouts of their `V` and `Y`.
#[derive(Clone, Copy)]
struct Chunk<const M: usize, const P: usize, F> {
    tiles: Tiles<M, P, F>,
    large: Planes,
    small: Planes,
}

impl<const M: usize, const P: usize, F: Scheme<M, P>> Winograd<M, P, F> {
    const POSITIONS: usize = P * P;

    /// [`conv::forward`](super::forward) by the weight's planes, its sizes checked.
    pub(super) fn forward(self, large: &[f32], u: &[f32], small: &mut [MaybeUninit<f32>]) {
        let [v_len, y_len, _] = self.sizes();
        scratch::with(v_len + y_len, |memory| {
            let (v, y) = memory.split_at_mut(v_len);
            for chunk in self.chunks(Planes::panels) {
                self.large_to_planes(chunk, large, v);
                let (rows, depth) = (self.shape.outputs, 4 * self.shape.channels);
                self.products(
                    [rows, depth, ROWS],
                    (y, chunk.small),
                    Old::Overwrite,
                    |position, row, column| {
                        let by = filter::layout(self.shape).matrix(position, row, 0);
                        ((u, by), (&*v, chunk.large.matrix(position, 0, column)))
                    },
                );
                self.planes_to_small(chunk, y, small);
            }
        });
    }

    /// [`conv::input_gradient`](super::input_gradient) by the weight's planes, its sizes checked.
    pub(super) fn input_gradient(self, small: &[f32], u: &[f32], large: &mut [MaybeUninit<f32>]) {
        let [v_len, y_len, _] = self.sizes();
        scratch::with(v_len + y_len, |memory| {
            let (v, y) = memory.split_at_mut(v_len);
            for chunk in self.chunks(Planes::panels) {
                self.small_to_planes(chunk, small, y);
                let (rows, depth) = (4 * self.shape.channels, self.shape.outputs);
                self.products(
                    [rows, depth, ROWS],
                    (v, chunk.large),
                    Old::Overwrite,
                    |position, row, column| {
                        let by = filter::layout(self.shape).matrix(position, 0, 0);
                        let by = Layout { start: by.start + row, ..by }.transposed();
                        ((u, by), (&*y, chunk.small.matrix(position, 0, column)))
                    },
                );
                self.planes_to_large(chunk, v, large);
            }
        });
    }

    /// [`conv::weight_gradient`](super::weight_gradient), its sizes checked.
    pub(super) fn weight_gradient(self, large: &[f32], small: &[f32], weight: &mut [f32]) {
        let [v_len, y_len, u_len] = self.sizes();
        scratch::with(v_len + y_len + u_len, |memory| {
            let (v, rest) = memory.split_at_mut(v_len);
            let (y, u) = rest.split_at_mut(y_len);
            for (index, chunk) in
                self.chunks(|channels, columns, _| Planes::whole(channels, columns)).enumerate()
            {
                self.large_to_planes(chunk, large, v);
                self.small_to_planes(chunk, small, y);
                let (rows, depth) = (self.shape.outputs, chunk.tiles.columns());
                let old = if index == 0 { Old::Overwrite } else { Old::Add };
                let to = (&mut *u, filter::layout(self.shape));
                self.products([rows, depth, WEIGHT_ROWS], to, old, |position, row, _| {
                    let at_v = chunk.large.matrix(position, 0, 0).transposed();
                    ((&*y, chunk.small.matrix(position, row, 0)), (&*v, at_v))
                });
            }
            filter::add_from_planes::<M, P, F>(self.shape, self.level, u, weight);
        });
    }

    /// Tiles of the small map.
    fn tiles(&self) -> usize {
        (self.shape.small_side() / M).pow(2)
    }

    /// Tiles and images of a chunk, at most.
    fn step(&self) -> [usize; 2] {
        let ConvShape { channels, outputs, batch, .. } = self.shape;
        let columns = (CHUNK / ((4 * channels + outputs) * Self::POSITIONS)).max(COLUMNS);
        // Of a large batch parts of about one size, in whole vectors.
        let images = batch.div_ceil(batch.div_ceil(columns)).next_multiple_of(LANES).min(batch);
        [(columns / images).clamp(1, self.tiles()), images]
    }

    /// Floats of a chunk's `V` and `Y`, and of `U`.
    fn sizes(&self) -> [usize; 3] {
        let ([tiles, images], ConvShape { channels, outputs, .. }) = (self.step(), self.shape);
        let len = |channels| Planes::whole(channels, tiles * images).len(Self::POSITIONS);
        [len(4 * channels), len(outputs), filter::layout(self.shape).len(Self::POSITIONS)]
    }

    /// The chunks, an image's tiles in order; their planes are laid out by a function of channels, columns and
    /// images.
    fn chunks(self, layout: fn(usize, usize, usize) -> Planes) -> impl Iterator<Item = Chunk<M, P, F>> {
        let Self { shape, scheme, .. } = self;
        let ([step, images], tiles) = (self.step(), self.tiles());
        let parts =
            ranges(shape.batch, images).flat_map(move |part| ranges(tiles, step).map(move |t| (part, t)));
        parts.map(move |((first_image, images), (first, count))| {
            let tiles = Tiles { shape, scheme, first, count, first_image, images };
            let planes = |channels| layout(channels, tiles.columns(), images);
            Chunk { tiles, large: planes(4 * shape.channels), small: planes(shape.outputs) }
        })
    }

    fn large_to_planes(&self, chunk: Chunk<M, P, F>, large: &[f32], planes: &mut [f32]) {
        let to = Shared::new(planes);
        large.par_chunks_exact(self.shape.large_row()).enumerate().for_each(|(channel, map)| {
            self.level.run(LargeToPlanes { tiles: chunk.tiles, map, channel, planes: chunk.large, to });
        });
    }

    fn small_to_planes(&self, chunk: Chunk<M, P, F>, small: &[f32], planes: &mut [f32]) {
        let to = Shared::new(planes);
        small.par_chunks_exact(self.shape.small_row()).enumerate().for_each(|(channel, map)| {
            self.level.run(SmallToPlanes { tiles: chunk.tiles, map, channel, planes: chunk.small, to });
        });
    }

    fn planes_to_large(&self, chunk: Chunk<M, P, F>, from: &[f32], large: &mut [MaybeUninit<f32>]) {
        large.par_chunks_exact_mut(self.shape.large_row()).enumerate().for_each(|(channel, map)| {
            self.level.run(PlanesToLarge { tiles: chunk.tiles, from, channel, planes: chunk.large, map });
        });
    }

    fn planes_to_small(&self, chunk: Chunk<M, P, F>, from: &[f32], small: &mut [MaybeUninit<f32>]) {
        small.par_chunks_exact_mut(self.shape.small_row()).enumerate().for_each(|(channel, map)| {
            self.level.run(PlanesToSmall { tiles: chunk.tiles, from, channel, planes: chunk.small, map });
        });
    }

    /// A product for every position and panel of the destination, of `m` rows and depth `k`, by blocks of
    /// about `block` rows; `factors` are those of a position and a panel, from a row on.
    fn products<'a>(
        &self,
        [m, k, block]: [usize; 3],
        (planes, to): (&mut [f32], Planes),
        old: Old,
        factors: impl Fn(usize, usize, usize) -> (Factor<'a>, Factor<'a>) + Sync,
    ) {
        let rows = m.div_ceil(m.div_ceil(block));
        let planes = Shared::new(planes);
        let blocks: Vec<_> = (0..Self::POSITIONS)
            .flat_map(|position| ranges(m, rows).map(move |(row, rows)| (position, row, rows)))
            .collect();
        blocks.into_par_iter().for_each(|(position, row, rows)| {
            for (column, columns) in to.each_panel() {
                let (a, b) = factors(position, row, column);
                let destination = (planes, to.matrix(position, row, column));
                // SAFETY: these rows of this plane are this task's alone.
                unsafe { matmul([rows, columns, k], destination, old, a, b) };
            }
        });
    }
}

/// A matrix in a slice.
type Factor<'a> = (&'a [f32], Layout);
