//! The 4x4 convolution of stride 2 and padding 1, and its two gradients.
//!
//! Pixel `(i, j)` of the small map sees the pixels `(2i + ky - 1, 2j + kx - 1)` of the large one, with `ky`
//! and `kx` from 0 to 3; those outside are zero.
//!
//! Each kernel adds to its destination: a gradient may have other terms, and fresh memory is zero anyway.
//!
//! - [`forward`] gathers these 16 pixels of some channels as the rows of a matrix (im2col) and multiplies
//!   it by the weight. Pixels and channels come in blocks that stay in the cache.
//! - [`input_gradient`] multiplies by the transposed weight first and then adds the products where they
//!   belong (col2im). A pair of rows of the large map takes part in three rows of the small one; a task
//!   owns such a pair, so no two tasks add to the same pixel.
//! - [`weight_gradient`] multiplies the small map by the gathered matrix, transposed, pixel block by block.

use rayon::prelude::*;

use super::matmul::{Layout, Old, matmul};
use super::scratch;
use super::shared::Shared;

/// Floats of a gathered block: a good part of a core's second-level cache.
const BLOCK: usize = 96 * 1024;
/// Columns of a gathered block, about: enough for the matrix product's inner loops.
const COLUMNS: usize = 256;
/// Tasks that a weight gradient is split into, at least, where the maps are large enough.
const WEIGHT_TASKS: usize = 16;

/// The sizes of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels `C` of the large map.
    pub channels: usize,
    /// Channels `O` of the small map.
    pub outputs: usize,
    /// Side `S` of the large map, even.
    pub side: usize,
    /// Images `N` of the batch.
    pub batch: usize,
}

impl ConvShape {
    /// Floats of the large map, `[C, S, S, N]`.
    pub fn large(&self) -> usize {
        self.channels * self.large_row()
    }

    /// Floats of the small map, `[O, S/2, S/2, N]`.
    pub fn small(&self) -> usize {
        self.outputs * self.small_row()
    }

    /// Floats of the weight, `[O, C, 4, 4]`.
    pub fn weight(&self) -> usize {
        self.outputs * self.channels * 16
    }

    fn large_row(&self) -> usize {
        self.side * self.side * self.batch
    }

    fn small_side(&self) -> usize {
        self.side / 2
    }

    fn small_row(&self) -> usize {
        self.small_side() * self.small_side() * self.batch
    }

    /// Pixels of the small map that are gathered at once.
    fn block_pixels(&self) -> usize {
        (COLUMNS / self.batch).clamp(1, self.small_side() * self.small_side())
    }

    /// Channels that are gathered at once.
    fn block_channels(&self) -> usize {
        let columns = self.block_pixels() * self.batch;
        (BLOCK / (16 * columns)).clamp(1, self.channels)
    }

    fn check(&self, large: usize, small: usize, weight: usize) {
        assert!(self.batch > 0, "a batch has at least one image");
        assert!(self.side.is_multiple_of(2), "a stride of 2 needs an even side, not {}", self.side);
        assert_eq!(large, self.large(), "the large map of {self:?}");
        assert_eq!(small, self.small(), "the small map of {self:?}");
        assert_eq!(weight, self.weight(), "the weight of {self:?}");
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

/// `small += conv2d(large, weight)`: `[C, S, S, N]`, `[O, C, 4, 4]` to `[O, S/2, S/2, N]`.
///
/// PyTorch equivalent: `torch.nn.functional.conv2d(large, weight, stride=2, padding=1)`.
///
/// # Panics
/// If a slice has not the size that `shape` gives it.
pub fn forward(shape: ConvShape, large: &[f32], weight: &[f32], small: &mut [f32]) {
    shape.check(large.len(), small.len(), weight.len());
    let (n, row) = (shape.batch, shape.small_row());
    let per_weight = shape.channels * 16;
    let blocks: Vec<_> = ranges(row / n, shape.block_pixels()).collect();
    let small = Shared::new(small);
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
                        Old::Add,
                        (weight, Layout::rows(channel * 16, per_weight)),
                        (gathered, Layout::rows(0, columns)),
                    );
                }
            });
        }
    });
}

/// `large += conv_transpose2d(small, weight)`: `[O, S/2, S/2, N]`, `[O, C, 4, 4]` to `[C, S, S, N]`.
///
/// PyTorch equivalent: `torch.nn.functional.conv_transpose2d(small, weight, stride=2, padding=1)`; for the
/// gradient of a convolution's input, `small` is the gradient of its output.
///
/// # Panics
/// If a slice has not the size that `shape` gives it.
pub fn input_gradient(shape: ConvShape, small: &[f32], weight: &[f32], large: &mut [f32]) {
    shape.check(large.len(), small.len(), weight.len());
    let by_row = weight_by_kernel_row(shape, weight);
    let large = Shared::new(large);
    (0..shape.small_side()).into_par_iter().for_each(|pair| {
        // Row 2 * pair takes kernel row 1 of small row `pair` and kernel row 3 of the one above,
        // row 2 * pair + 1 takes kernel row 2 of small row `pair` and kernel row 0 of the one below.
        for (y, terms) in [(2 * pair, [(1, 0), (3, -1)]), (2 * pair + 1, [(2, 0), (0, 1)])] {
            for (ky, offset) in terms {
                let Some(i) = pair.checked_add_signed(offset).filter(|i| *i < shape.small_side()) else {
                    continue;
                };
                add_row(shape, small, i, &by_row[ky * shape.weight() / 4..][..shape.weight() / 4], large, y);
            }
        }
    });
}

/// `weight += ` the gradient of `conv2d(large, weight)`'s weight, where `small` is the gradient of its
/// output: `[C, S, S, N]`, `[O, S/2, S/2, N]` to `[O, C, 4, 4]`.
///
/// PyTorch equivalent: `torch.nn.grad.conv2d_weight(large, weight.shape, small, stride=2, padding=1)`.
///
/// # Panics
/// If a slice has not the size that `shape` gives it.
pub fn weight_gradient(shape: ConvShape, large: &[f32], small: &[f32], weight: &mut [f32]) {
    shape.check(large.len(), small.len(), weight.len());
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
            // SAFETY: row `y` of every channel is the calling task's alone.
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

/// `0..len` in pieces of `step`, as starts and lengths; the last piece may be shorter.
fn ranges(len: usize, step: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(step).map(move |start| (start, step.min(len - start)))
}

#[cfg(test)]
mod tests {
    use dcgan_core::rng::Rng;

    use super::*;

    const SHAPES: [ConvShape; 5] = [
        ConvShape { channels: 3, outputs: 5, side: 8, batch: 1 },
        ConvShape { channels: 2, outputs: 4, side: 2, batch: 3 },
        ConvShape { channels: 5, outputs: 3, side: 6, batch: 17 },
        // More than one block of channels and of pixels.
        ConvShape { channels: 50, outputs: 2, side: 8, batch: 130 },
        ConvShape { channels: 30, outputs: 33, side: 4, batch: 300 },
    ];

    fn random(count: usize, seed: u64) -> Vec<f32> {
        let mut rng = Rng::new(seed);
        (0..count).map(|_| rng.normal() as f32).collect()
    }

    /// Calls back with the indices into large map, small map and weight of every product of the definition.
    fn for_each_product(shape: ConvShape, mut f: impl FnMut(usize, usize, usize)) {
        let ConvShape { channels, outputs, side, batch } = shape;
        let half = side / 2;
        for (o, c, k) in
            (0..outputs).flat_map(|o| (0..channels).flat_map(move |c| (0..16).map(move |k| (o, c, k))))
        {
            for (i, j) in (0..half * half).map(|p| (p / half, p % half)) {
                let (y, x) = ((2 * i + k / 4).wrapping_sub(1), (2 * j + k % 4).wrapping_sub(1));
                if y < side && x < side {
                    for n in 0..batch {
                        let large = ((c * side + y) * side + x) * batch + n;
                        let small = ((o * half + i) * half + j) * batch + n;
                        f(large, small, (o * channels + c) * 16 + k);
                    }
                }
            }
        }
    }

    /// The relative error, in norms, of what was added to a destination that held ones.
    fn error(found: &[f32], expected: &[f64]) -> f64 {
        let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
        let difference = norm(&mut found.iter().zip(expected).map(|(f, e)| f64::from(*f) - 1.0 - e));
        difference / norm(&mut expected.iter().copied())
    }

    #[test]
    fn the_three_kernels_are_the_definition_in_f64() {
        for shape in SHAPES {
            let (large, small) = (random(shape.large(), 1), random(shape.small(), 2));
            let weight = random(shape.weight(), 3);
            let mut expected = [vec![0.0; small.len()], vec![0.0; large.len()], vec![0.0; weight.len()]];
            for_each_product(shape, |l, s, w| {
                let [at_large, at_small, at_weight] = [large[l], small[s], weight[w]].map(f64::from);
                expected[0][s] += at_large * at_weight;
                expected[1][l] += at_small * at_weight;
                expected[2][w] += at_large * at_small;
            });
            let mut found = [vec![1.0; small.len()], vec![1.0; large.len()], vec![1.0; weight.len()]];
            forward(shape, &large, &weight, &mut found[0]);
            input_gradient(shape, &small, &weight, &mut found[1]);
            weight_gradient(shape, &large, &small, &mut found[2]);
            for (kernel, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let error = error(found, expected);
                assert!(error < 2e-6, "{shape:?}, kernel {kernel}: relative error {error}");
            }
        }
    }

    #[test]
    #[should_panic = "the weight of"]
    fn a_slice_of_another_size_is_refused() {
        let shape = SHAPES[0];
        let (large, mut small) = (vec![0.0; shape.large()], vec![0.0; shape.small()]);
        forward(shape, &large, &[0.0; 3], &mut small);
    }
}
