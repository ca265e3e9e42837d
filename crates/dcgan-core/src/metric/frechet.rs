//! The Frechet distance between two sets of features, each taken for a normal distribution.

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::error::MetricError;

/// The mean and the covariance of rows of features, which may come part by part.
///
/// ```
/// use dcgan_core::metric::Moments;
/// let mut moments = Moments::new(2);
/// moments.add(ndarray::arr2(&[[1.0, 0.0]]).view())?;
/// moments.add(ndarray::arr2(&[[3.0, 4.0], [5.0, 2.0]]).view())?;
/// assert_eq!(moments.mean().to_vec(), [3.0, 2.0]);
/// assert_eq!(moments.covariance()?, ndarray::arr2(&[[4.0, 2.0], [2.0, 4.0]]));
/// # Ok::<(), dcgan_core::metric::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Moments {
    count: usize,
    mean: Array1<f64>,
    /// Sums of products of what the features differ from their means by.
    scatter: Array2<f64>,
}

impl Moments {
    /// Those of no row, with so many features.
    pub fn new(features: usize) -> Self {
        Self { count: 0, mean: Array1::zeros(features), scatter: Array2::zeros((features, features)) }
    }

    /// Those of the rows of `features`, `[N, D]`.
    ///
    /// # Errors
    /// [`MetricError::NotFinite`] for a feature that is no number.
    pub fn of(features: ArrayView2<f32>) -> Result<Self, MetricError> {
        let mut moments = Self::new(features.ncols());
        moments.add(features)?;
        Ok(moments)
    }

    /// Adds rows `[N, D]`. All at once or in parts, the result is the same but for rounding (Chan, Golub and LeVeque, 1983).
    ///
    /// # Errors
    /// [`MetricError::Dimensions`] for rows of another length, [`MetricError::NotFinite`] for a feature that is no
    /// number; then nothing was added.
    pub fn add(&mut self, features: ArrayView2<f32>) -> Result<(), MetricError> {
        let (rows, columns) = features.dim();
        if columns != self.mean.len() {
            return Err(MetricError::Dimensions { a: self.mean.len(), b: columns });
        }
        super::check_finite(features)?;
        let features = features.mapv(f64::from);
        let Some(mean) = features.mean_axis(Axis(0)) else { return Ok(()) };
        let centred = features - &mean;
        let moved = &mean - &self.mean;
        let (before, added) = (self.count as f64, rows as f64);
        self.scatter += &centred.t().dot(&centred);
        let between = moved.view().insert_axis(Axis(1)).dot(&moved.view().insert_axis(Axis(0)));
        self.scatter.scaled_add(before * added / (before + added), &between);
        self.mean.scaled_add(added / (before + added), &moved);
        self.count += rows;
        Ok(())
    }

    /// How many rows there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The mean row, `[D]`; zeros where there is none.
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// The covariance, `[D, D]`, divided by the count less one.
    ///
    /// NumPy equivalent: `numpy.cov(features, rowvar=False)`.
    ///
    /// # Errors
    /// [`MetricError::TooFew`] for fewer than two rows.
    pub fn covariance(&self) -> Result<Array2<f64>, MetricError> {
        match self.count {
            0 | 1 => Err(MetricError::TooFew { what: "images", found: self.count, needed: 2 }),
            count => Ok(&self.scatter / (count as f64 - 1.0)),
        }
    }
}

/// `|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))`: the square of the Wasserstein distance between normal
/// distributions with these means and covariances (Dowson and Landau, 1982); of Inception's features, the FID
/// (Heusel et al., 2017). It is too large by what grows as D / N: compare sets of one size.
///
/// # Errors
/// [`MetricError::Dimensions`] where the numbers of features differ, [`MetricError::TooFew`] for fewer than two images,
/// [`MetricError::Overflow`] for features beyond any reason.
pub fn frechet(a: &Moments, b: &Moments) -> Result<f64, MetricError> {
    if a.mean.len() != b.mean.len() {
        return Err(MetricError::Dimensions { a: a.mean.len(), b: b.mean.len() });
    }
    let (a_covariance, b_covariance) = (a.covariance()?, b.covariance()?);
    let apart = (&a.mean - &b.mean).mapv(|x| x * x).sum();
    let traces = a_covariance.diag().sum() + b_covariance.diag().sum();
    let root = root(&a_covariance)?;
    // Its eigenvalues are those of C_a C_b, and it is symmetric: no complex numbers appear.
    let eigenvalues = eigen(&root.dot(&b_covariance).dot(&root))?.eigenvalues;
    let distance = apart + traces - 2.0 * eigenvalues.iter().map(|value| value.max(0.0).sqrt()).sum::<f64>();
    // Rounding can take that of two equal sets below.
    Ok(distance.max(0.0))
}

/// The symmetric square root of a covariance.
fn root(covariance: &Array2<f64>) -> Result<Array2<f64>, MetricError> {
    let SymmetricEigen { eigenvectors, eigenvalues } = eigen(covariance)?;
    let size = covariance.nrows();
    // Column k of the vectors, times the fourth root of eigenvalue k: this times its transpose is the square root.
    let scaled = Array2::from_shape_fn((size, size), |(i, k)| {
        eigenvectors[(i, k)] * eigenvalues[k].max(0.0).sqrt().sqrt()
    });
    Ok(scaled.dot(&scaled.t()))
}

pub(super) fn eigen(matrix: &Array2<f64>) -> Result<SymmetricEigen<f64, nalgebra::Dyn>, MetricError> {
    if matrix.iter().any(|value| !value.is_finite()) {
        return Err(MetricError::Overflow);
    }
    let size = matrix.nrows();
    let matrix = DMatrix::from_fn(size, size, |i, j| (matrix[(i, j)] + matrix[(j, i)]) / 2.0);
    SymmetricEigen::try_new(matrix, f64::EPSILON, 0).ok_or(MetricError::Overflow)
}
