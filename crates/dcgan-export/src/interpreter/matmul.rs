//! Matrix products in blocks that the registers hold.

use super::array::{Array, Budget};
use super::attributes::Attributes;
use super::elementwise;

/// Rows of a block of the result.
const ROWS: usize = 4;
/// Columns of a block of the result.
const COLUMNS: usize = 8;

/// A matrix that is read by its row and column, however it lies in memory.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    /// From a row to the next.
    pub(super) down: usize,
    /// From a column to the next.
    pub(super) across: usize,
}

/// Takes a product from the budget, with the room for its packed columns.
pub(super) fn charge([rows, depth, columns]: [usize; 3], budget: &mut Budget) -> Result<(), String> {
    budget.elements(&[depth, columns.next_multiple_of(COLUMNS)])?;
    budget.products(&[rows, depth, columns])
}

/// `left [rows, depth] x right [depth, columns]`, with room for `rows * columns` values in `result`.
pub(super) fn product(left: Matrix, right: Matrix, [rows, depth, columns]: [usize; 3], result: &mut [f32]) {
    let mut panel = vec![[0.0; ROWS]; depth];
    let lanes = pack_columns(right, depth, columns);
    for row in (0..rows).step_by(ROWS) {
        let height = ROWS.min(rows - row);
        for (k, lane) in panel.iter_mut().enumerate() {
            for (i, value) in lane.iter_mut().enumerate().take(height) {
                *value = left.values[(row + i) * left.down + k * left.across];
            }
        }
        for (block, lanes) in lanes.chunks_exact(depth).enumerate() {
            let sums = block_product(&panel, lanes);
            let (column, width) = (block * COLUMNS, COLUMNS.min(columns - block * COLUMNS));
            for (i, sums) in sums.iter().enumerate().take(height) {
                result[(row + i) * columns + column..][..width].copy_from_slice(&sums[..width]);
            }
        }
    }
}

/// Block by block of columns, each from the first row to the last; zeros beyond the last column.
fn pack_columns(right: Matrix, depth: usize, columns: usize) -> Vec<[f32; COLUMNS]> {
    let mut lanes = Vec::with_capacity(columns.div_ceil(COLUMNS) * depth);
    for column in (0..columns).step_by(COLUMNS) {
        let width = COLUMNS.min(columns - column);
        lanes.extend((0..depth).map(|k| {
            let mut lane = [0.0; COLUMNS];
            for (j, value) in lane.iter_mut().enumerate().take(width) {
                *value = right.values[k * right.down + (column + j) * right.across];
            }
            lane
        }));
    }
    lanes
}

fn block_product(panel: &[[f32; ROWS]], lanes: &[[f32; COLUMNS]]) -> [[f32; COLUMNS]; ROWS] {
    let mut sums = [[0.0; COLUMNS]; ROWS];
    for (left, right) in panel.iter().zip(lanes) {
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum += left * right;
            }
        }
    }
    sums
}

/// `alpha * A x B + beta * C`, A and B transposed as the attributes say.
pub(super) fn gemm(
    a: &Array,
    b: &Array,
    c: Option<&Array>,
    attributes: &Attributes,
    budget: &mut Budget,
) -> Result<Array, String> {
    let ([a_down, a_across], [b_down, b_across]) =
        (a.as_float()?.rank("the first input")?, b.as_float()?.rank("the second input")?);
    let flag = |name| attributes.int(name, 0).map(|value| value != 0);
    let (a_matrix, [rows, depth]) = matrix(a, [a_down, a_across], flag("transA")?);
    let (b_matrix, [b_depth, columns]) = matrix(b, [b_down, b_across], flag("transB")?);
    if depth != b_depth {
        return Err(format!("{:?} and {:?} cannot be multiplied", a.shape, b.shape));
    }
    let count = budget.elements(&[rows, columns])?;
    charge([rows, depth, columns], budget)?;
    let mut values = vec![0.0; count];
    if depth > 0 {
        product(a_matrix, b_matrix, [rows, depth, columns], &mut values);
    }
    let alpha = attributes.float("alpha", 1.0)?;
    values.iter_mut().for_each(|value| *value *= alpha);
    if let Some(c) = c {
        let beta = attributes.float("beta", 1.0)?;
        let addend = elementwise::broadcast(c.as_float()?, &[rows, columns])?;
        values.iter_mut().zip(addend).for_each(|(value, addend)| *value += beta * addend);
    }
    Ok(a.like(vec![rows, columns], values))
}

fn matrix(array: &Array, [down, across]: [usize; 2], transposed: bool) -> (Matrix<'_>, [usize; 2]) {
    let values = &array.values;
    match transposed {
        false => (Matrix { values, down: across, across: 1 }, [down, across]),
        true => (Matrix { values, down: 1, across }, [across, down]),
    }
}
