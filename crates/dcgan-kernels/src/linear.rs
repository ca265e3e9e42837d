//! A linear layer on a batch that lies innermost: `[I, N]` to `[O, N]`.

use rayon::prelude::*;

use crate::matmul::{Layout, Old, matmul};
use crate::shared::Shared;

/// Rows of a product that a task computes.
const ROWS: usize = 256;

/// The sizes of a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearShape {
    /// Features `I` in.
    pub inputs: usize,
    /// Features `O` out.
    pub outputs: usize,
    /// Images `N` of the batch.
    pub batch: usize,
}

/// `weight x + bias`: `[O, I]`, `[I, N]`, `[O]` to `[O, N]`.
///
/// PyTorch equivalent: `torch.nn.functional.linear(x.T, weight, bias).T`.
///
/// # Panics
/// If a slice has not the size that `shape` gives it.
pub fn forward(shape: LinearShape, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let LinearShape { inputs, outputs, batch } = shape;
    assert_eq!([x.len(), weight.len(), bias.len()], [inputs * batch, outputs * inputs, outputs]);
    let mut y = vec![0.0; outputs * batch];
    y.par_chunks_mut(batch).zip(bias).for_each(|(row, bias)| row.fill(*bias));
    let (at_weight, at_x) = (Layout::rows(0, inputs), Layout::rows(0, batch));
    product([outputs, batch, inputs], &mut y, Old::Add, (weight, at_weight), (x, at_x));
    y
}

/// `weight += ` its gradient, where `gradient` `[O, N]` is that of the output.
///
/// # Panics
/// If a slice has not the size that `shape` gives it.
pub fn weight_gradient(shape: LinearShape, x: &[f32], gradient: &[f32], weight: &mut [f32]) {
    let LinearShape { inputs, outputs, batch } = shape;
    assert_eq!([x.len(), gradient.len(), weight.len()], [inputs * batch, outputs * batch, outputs * inputs]);
    let (at_gradient, at_x) = (Layout::rows(0, batch), Layout::rows(0, batch).transposed());
    product([outputs, inputs, batch], weight, Old::Add, (gradient, at_gradient), (x, at_x));
}

/// `bias += ` its gradient: the sum of each row of `gradient` `[O, N]`.
///
/// # Panics
/// If `gradient` is not `batch` times as long as `bias`.
pub fn bias_gradient(gradient: &[f32], batch: usize, bias: &mut [f32]) {
    assert_eq!(gradient.len(), bias.len() * batch);
    bias.iter_mut()
        .zip(gradient.chunks_exact(batch))
        .for_each(|(bias, row)| *bias += row.iter().sum::<f32>());
}

/// `weight^T gradient`, the gradient of the input: `[O, N]`, `[O, I]` to `[I, N]`.
///
/// # Panics
/// If a slice has not the size that `shape` gives it.
pub fn input_gradient(shape: LinearShape, gradient: &[f32], weight: &[f32]) -> Vec<f32> {
    let LinearShape { inputs, outputs, batch } = shape;
    assert_eq!([gradient.len(), weight.len()], [outputs * batch, outputs * inputs]);
    let mut x = vec![0.0; inputs * batch];
    let at_weight = Layout::rows(0, inputs).transposed();
    let b = (gradient, Layout::rows(0, batch));
    product([inputs, batch, outputs], &mut x, Old::Overwrite, (weight, at_weight), b);
    x
}

/// `destination = a b` or `destination += a b`, `destination` being contiguous, by blocks of rows in parallel.
fn product(
    [m, n, k]: [usize; 3],
    destination: &mut [f32],
    old: Old,
    (a, at_a): (&[f32], Layout),
    b: (&[f32], Layout),
) {
    destination.par_chunks_mut(ROWS * n).enumerate().for_each(|(block, rows)| {
        let at_a = Layout { start: at_a.start + block * ROWS * at_a.row, ..at_a };
        let size = [ROWS.min(m - block * ROWS), n, k];
        // SAFETY: `rows` is this task's own.
        unsafe { matmul(size, (Shared::new(rows), Layout::rows(0, n)), old, (a, at_a), b) };
    });
}
