//! The kernel distance between two sets of features.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::error::MetricError;
use crate::rng::Rng;

/// Rows of a kernel matrix that are computed at once: it is never in memory whole.
const BLOCK: usize = 256;
/// The fewest images a set: the standard error leaves one out, and a pair has to stay.
const LEAST: usize = 3;

/// A kernel distance, and how far chance can move it.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Kid {
    /// The distance; around 0 for the same distribution, and then as often below.
    pub distance: f64,
    /// Its standard error over draws of both sets.
    pub standard_error: f64,
}

/// KID as programs print it that compute it on random parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KidSubsets {
    /// The mean of the parts' distances.
    pub mean: f64,
    /// Their standard deviation: it depends on the parts' size, not on how sure the mean is.
    pub standard_deviation: f64,
}

/// The kernel inception distance of Bińkowski et al. (2018) over any features: the unbiased estimate of the squared maximum
/// mean discrepancy of rows `[N, D]` and `[M, D]` for the kernel `(x . y / D + 1)^3`, over all rows.
///
/// The standard error is the jackknife's: each row of each set left out once (Arvesen, 1969). It is on the safe side:
/// for two sets of one distribution, up to 1.4 times too large.
///
/// # Errors
/// [`MetricError::TooFew`] for fewer than three rows, [`MetricError::Dimensions`] where their lengths differ,
/// [`MetricError::NotFinite`] for a feature that is no number.
pub fn kid(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Result<Kid, MetricError> {
    check(a, b)?;
    let (a, b) = (a.mapv(f64::from), b.mapv(f64::from));
    let (within_a, within_b) = (within(a.view()), within(b.view()));
    let (from_a, from_b) = between(a.view(), b.view());
    let sizes = [a.nrows(), b.nrows()].map(|rows| rows as f64);
    let sums = [within_a.sum(), within_b.sum(), from_a.sum()];
    let variance = left_out(&within_a, &from_a, sums[1], sizes)
        + left_out(&within_b, &from_b, sums[0], [sizes[1], sizes[0]]);
    Ok(Kid { distance: discrepancy(sums, sizes), standard_error: variance.sqrt() })
}

/// [`kid()`] of `subsets` random parts of both sets, `size` rows each, drawn from `seed`.
///
/// # Errors
/// As [`kid()`]; [`MetricError::TooFew`] too where a set has fewer than `size` rows, and for no part.
pub fn kid_subsets(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    subsets: usize,
    size: usize,
    seed: u64,
) -> Result<KidSubsets, MetricError> {
    check(a, b)?;
    let too_few = |what, found, needed| {
        if found < needed { Err(MetricError::TooFew { what, found, needed }) } else { Ok(()) }
    };
    too_few("parts", subsets, 1)?;
    too_few("images a part", size, LEAST)?;
    too_few("images", a.nrows().min(b.nrows()), size)?;
    let mut rng = Rng::new(seed);
    let mut part = |features: ArrayView2<f32>| {
        let order = rng.permutation(features.nrows());
        let rows: Vec<usize> = order[..size].iter().map(|row| *row as usize).collect();
        features.select(Axis(0), &rows).mapv(f64::from)
    };
    let distances: Array1<f64> = (0..subsets)
        .map(|_| {
            let (a, b) = (part(a), part(b));
            let sums = [within(a.view()).sum(), within(b.view()).sum(), between(a.view(), b.view()).0.sum()];
            discrepancy(sums, [size as f64; 2])
        })
        .collect();
    let mean = distances.sum() / subsets as f64;
    Ok(KidSubsets { mean, standard_deviation: distances.std(0.0) })
}

fn check(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Result<(), MetricError> {
    if a.ncols() != b.ncols() {
        return Err(MetricError::Dimensions { a: a.ncols(), b: b.ncols() });
    }
    for features in [a, b] {
        if features.nrows() < LEAST {
            return Err(MetricError::TooFew { what: "images", found: features.nrows(), needed: LEAST });
        }
        super::check_finite(features)?;
    }
    Ok(())
}

/// The estimate from the sums of the kernel over pairs: within each set (each ordered pair of different rows), and
/// between them.
fn discrepancy([a, b, between]: [f64; 3], [m, n]: [f64; 2]) -> f64 {
    a / (m * (m - 1.0)) + b / (n * (n - 1.0)) - 2.0 * between / (m * n)
}

/// The jackknife's variance over the rows of one set, from their sums of the kernel within it and towards the other.
fn left_out(within: &Array1<f64>, between: &Array1<f64>, other: f64, [m, n]: [f64; 2]) -> f64 {
    let (sum_within, sum_between) = (within.sum(), between.sum());
    let without = |(within, between): (&f64, &f64)| {
        discrepancy([sum_within - 2.0 * within, other, sum_between - between], [m - 1.0, n])
    };
    let distances: Array1<f64> = within.iter().zip(between).map(without).collect();
    (m - 1.0) * distances.var(0.0)
}

/// For each row, the kernel summed over the other rows of its set.
fn within(a: ArrayView2<f64>) -> Array1<f64> {
    let (mut sums, _) = between(a, a);
    let own = a.rows().into_iter().map(|row| kernel(row.dot(&row), a.ncols()));
    sums.iter_mut().zip(own).for_each(|(sum, own)| *sum -= own);
    sums
}

/// For each row of either set, the kernel summed over the other set.
fn between(a: ArrayView2<f64>, b: ArrayView2<f64>) -> (Array1<f64>, Array1<f64>) {
    let mut from_a = Vec::with_capacity(a.nrows());
    let mut from_b = Array1::zeros(b.nrows());
    for block in a.axis_chunks_iter(Axis(0), BLOCK) {
        let mut kernels: Array2<f64> = block.dot(&b.t()); // [up to 256, M]
        kernels.mapv_inplace(|product| kernel(product, a.ncols()));
        from_a.extend(kernels.sum_axis(Axis(1)));
        from_b += &kernels.sum_axis(Axis(0));
    }
    (Array1::from(from_a), from_b)
}

fn kernel(product: f64, features: usize) -> f64 {
    (product / features as f64 + 1.0).powi(3)
}
