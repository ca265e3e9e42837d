//! The three kernels of [`conv`](super) by matrix products with gathered pixels (im2col): no fewer
//! multiplications than the definition, but any shape.
//!
//! - [`forward`] gathers the 16 pixels that each pixel of the small map sees, of some channels, as the rows
//!   of a matrix and multiplies it by the weight. Pixels and channels come in blocks that stay in the cache.
//! - [`input_gradient`] multiplies by the transposed weight first and then adds the products where they
//!   belong (col2im). A pair of rows of the large map takes part in three rows of the small one; a task
//!   owns such a pair, so no two tasks add to the same pixel.
//! - [`weight_gradient`] multiplies the small map by the gathered matrix, transposed, pixel block by block.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::shape::{ConvShape, ranges};
use crate::matmul::{Layout, Old, matmul};
use crate::scratch;
use crate::shared::Shared;

/// Floats of a gathered block: a good part of a core's second-level cache.
const BLOCK: usize = 96 * 1024;
/// Columns of a gathered block, about: enough for the matrix product's inner loops.
const COLUMNS: usize = 256;
/// Tasks that a weight gradient is split into, at least, where the maps are large enough.
const WEIGHT_TASKS: usize = 16;

impl ConvShape {
    /// Pixels of the small map that are gathered at once.
    fn block_pixels(&self) -> usize {
        (COLUMNS / self.batch).clamp(1, self.small_side() * self.small_side())
    }

    /// Channels that are gathered at once.
    fn block_channels(&self) -> usize {
        let columns = self.block_pixels() * self.batch;
        (BLOCK / (16 * columns)).clamp(1, self.channels)
    }
}

/// Some pixels of the small map (in row-major order) and some channels of the large one.
#[derive(Clone, Copy)]
struct Block {
    pixel: usize,
    pixels: usize,
    channel: usize,
    channels: usize,
}

/// [`conv::forward`](super::forward), its sizes checked.
pub(super) fn forward(shape: ConvShape, large: &[f32], weight: &[f32], small: &mut [MaybeUninit<f32>]) {
    let (n, row) = (shape.batch, shape.small_row());
    let per_weight = shape.channels * 16;
    let blocks: Vec<_> = ranges(row / n, shape.block_pixels()).collect();
    let small = Shared::new_memory(small);
    blocks.into_par_iter().for_each(|(pixel, pixels)| {
        for (channel, channels) in ranges(shape.channels, shape.block_channels()) {
            let block = Block { pixel, pixels, channel, channels };
            let (depth, columns) = (channels * 16, pixels * n);
            scratch::with(depth * columns, |gathered| {
                gather(shape, large, block, gathered);
                // SAFETY: the columns of these pixels, in every row of `small`, are this task's alone.
                unsafe {
                    matmul(
                        [shape.outputs, columns, depth],
                        (small, Layout::rows(pixel * n, row)),
                        if channel == 0 { Old::Overwrite } else { Old::Add },
                        (weight, Layout::rows(channel * 16, per_weight)),
                        (gathered, Layout::rows(0, columns)),
                    );
                }
            });
        }
    });
}

/// [`conv::input_gradient`](super::input_gradient), its sizes checked.
pub(super) fn input_gradient(
    shape: ConvShape,
    small: &[f32],
    weight: &[f32],
    large: &mut [MaybeUninit<f32>],
) {
    let by_row = weight_by_kernel_row(shape, weight);
    let large = Shared::new_memory(large);
    (0..shape.small_side()).into_par_iter().for_each(|pair| {
        // Row 2 * pair takes kernel row 1 of small row `pair` and kernel row 3 of the one above,
        // row 2 * pair + 1 takes kernel row 2 of small row `pair` and kernel row 0 of the one below.
        for (y, terms) in [(2 * pair, [(1, 0), (3, -1)]), (2 * pair + 1, [(2, 0), (0, 1)])] {
            for c in 0..shape.channels {
                let n = shape.side * shape.batch;
                // SAFETY: row `y` of every channel is this task's alone.
                unsafe { large.new_range((c * shape.side + y) * n, n) }.fill(MaybeUninit::new(0.0));
            }
            for (ky, offset) in terms {
                let Some(i) = pair.checked_add_signed(offset).filter(|i| *i < shape.small_side()) else {
                    continue;
                };
                add_row(shape, small, i, &by_row[ky * shape.weight() / 4..][..shape.weight() / 4], large, y);
            }
        }
    });
}

/// [`conv::weight_gradient`](super::weight_gradient), its sizes checked.
pub(super) fn weight_gradient(shape: ConvShape, large: &[f32], small: &[f32], weight: &mut [f32]) {
    let side = shape.small_side();
    let channel_blocks: Vec<_> = ranges(shape.channels, shape.block_channels()).collect();
    let parts = WEIGHT_TASKS.div_ceil(channel_blocks.len()).min(side);
    let rows: Vec<_> = ranges(side, side.div_ceil(parts)).collect();
    let tasks: Vec<_> =
        channel_blocks.iter().flat_map(|channels| rows.iter().map(move |rows| (*channels, *rows))).collect();
    let partial: Vec<Vec<f32>> = tasks
        .par_iter()
        .map(|(channels, rows)| {
            let mut sum = vec![0.0; shape.outputs * channels.1 * 16];
            add_weight_part(shape, large, small, *channels, *rows, &mut sum);
            sum
        })
        .collect();
    let per_weight = shape.channels * 16;
    for (((channel, channels), _), sum) in tasks.iter().zip(&partial) {
        for (o, part) in sum.chunks_exact(channels * 16).enumerate() {
            let row = &mut weight[o * per_weight + channel * 16..][..channels * 16];
            row.iter_mut().zip(part).for_each(|(total, value)| *total += value);
        }
    }
}

/// Adds the part of the weight's gradient that some channels and some rows of the small map give.
fn add_weight_part(
    shape: ConvShape,
    large: &[f32],
    small: &[f32],
    (channel, channels): (usize, usize),
    (first_row, rows): (usize, usize),
    sum: &mut [f32],
) {
    let (n, side) = (shape.batch, shape.small_side());
    let depth = channels * 16;
    let sum = Shared::new(sum);
    for (offset, pixels) in ranges(rows * side, shape.block_pixels()) {
        let pixel = first_row * side + offset;
        let columns = pixels * n;
        scratch::with(depth * columns, |gathered| {
            gather(shape, large, Block { pixel, pixels, channel, channels }, gathered);
            // SAFETY: `sum` is this task's own.
            unsafe {
                matmul(
                    [shape.outputs, depth, columns],
                    (sum, Layout::rows(0, depth)),
                    Old::Add,
                    (small, Layout::rows(pixel * n, shape.small_row())),
                    (gathered, Layout::rows(0, columns).transposed()),
                );
            }
        });
    }
}

/// Fills `gathered` `[channels, 4, 4, pixels, N]` with what each pixel of the small map sees of each channel.
fn gather(shape: ConvShape, large: &[f32], block: Block, gathered: &mut [f32]) {
    let (n, s) = (shape.batch, shape.side);
    let mut cells = gathered.chunks_exact_mut(n);
    for c in block.channel..block.channel + block.channels {
        for (ky, kx) in (0..16).map(|k| (k / 4, k % 4)) {
            for pixel in block.pixel..block.pixel + block.pixels {
                let (i, j) = (pixel / shape.small_side(), pixel % shape.small_side());
                let cell = cells.next().expect("a cell for every channel, kernel position and pixel");
                // One added to both sides, so that the padding above and to the left is 0.
                let (y, x) = (2 * i + ky, 2 * j + kx);
                if (1..=s).contains(&y) && (1..=s).contains(&x) {
                    cell.copy_from_slice(&large[((c * s + y - 1) * s + x - 1) * n..][..n]);
                } else {
                    cell.fill(0.0);
                }
            }
        }
    }
}

/// The weight as `[4 (ky), C, 4 (kx), O]`: for each kernel row a matrix from the small map's channels to the
/// products that the large map's pixels are made of.
fn weight_by_kernel_row(shape: ConvShape, weight: &[f32]) -> Vec<f32> {
    let (c_count, o_count) = (shape.channels, shape.outputs);
    let mut by_row = vec![0.0; weight.len()];
    for (index, value) in weight.iter().enumerate() {
        let (kx, ky, c, o) = (index % 4, index / 4 % 4, index / 16 % c_count, index / 16 / c_count);
        by_row[((ky * c_count + c) * 4 + kx) * o_count + o] = *value;
    }
    by_row
}

/// Adds to row `y` of the large map what row `i` of the small one gives through one kernel row,
/// `weight` `[C * 4 (kx), O]`.
fn add_row(shape: ConvShape, small: &[f32], i: usize, weight: &[f32], large: Shared, y: usize) {
    let (n, s, columns) = (shape.batch, shape.side, shape.small_side() * shape.batch);
    let rows = shape.channels * 4;
    scratch::with(rows * columns, |products| {
        // SAFETY: `products` is this task's own.
        unsafe {
            matmul(
                [rows, columns, shape.outputs],
                (Shared::new(products), Layout::rows(0, columns)),
                Old::Overwrite,
                (weight, Layout::rows(0, shape.outputs)),
                (small, Layout::rows(i * columns, shape.small_row())),
            );
        }
        for (index, products) in products.chunks_exact(columns).enumerate() {
            let (c, kx) = (index / 4, index % 4);
            // SAFETY: row `y` of every channel is the calling task's alone, which has zeroed it.
            let row = unsafe { large.range((c * s + y) * s * n, s * n) };
            for (j, cell) in products.chunks_exact(n).enumerate() {
                let x = 2 * j + kx;
                if (1..=s).contains(&x) {
                    let target = &mut row[(x - 1) * n..][..n];
                    target.iter_mut().zip(cell).for_each(|(sum, value)| *sum += value);
                }
            }
        }
    });
}
