//! Features of which none counts more for varying more.

use nalgebra::SymmetricEigen;
use ndarray::{Array1, Array2, ArrayView2};

use super::error::MetricError;
use super::frechet::{Moments, eigen};

/// The part of the largest variance that is added to each, so that what hardly varies is not blown up.
const SHRINKAGE: f64 = 1e-3;

/// Makes features independent of each other, and of about the same spread, in one set of images: the real ones.
///
/// Of [`RandomFeatures`](super::RandomFeatures), brightness and contrast vary the most from image to image, and would be
/// most of any distance: it would grow with the contrast of images whose shapes get better. Textures and edges, which
/// the eye goes by, vary less.
///
/// With the mean m and the covariance `V diag(l) V^T` of the real images' features, a row x becomes
/// `(x - m) V diag(1 / sqrt(l + 0.001 max(l))) V^T`: ZCA whitening (Bell and Sejnowski, 1997) with a regularised
/// covariance.
///
/// ```
/// use dcgan_core::metric::{Moments, Whitening};
/// let rows = ndarray::arr2(&[[1.0, 10.0], [3.0, 20.0], [2.0, 30.0]]);
/// let whitening = Whitening::of(&Moments::of(rows.view())?)?;
/// let white = Moments::of(whitening.apply(rows.view())?.view())?.covariance()?;
/// // One feature varied a hundred times as much as the other, and now hardly more.
/// assert!((0.8..1.0).contains(&white[(0, 0)]) && (0.8..1.0).contains(&white[(1, 1)]));
/// # Ok::<(), dcgan_core::metric::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Whitening {
    mean: Array1<f64>,
    /// `[D, D]`, symmetric.
    matrix: Array2<f64>,
}

impl Whitening {
    /// The one that whitens the images of these moments.
    ///
    /// # Errors
    /// [`MetricError::TooFew`] for fewer than two images, [`MetricError::Overflow`] for features beyond any reason.
    pub fn of(real: &Moments) -> Result<Self, MetricError> {
        let SymmetricEigen { eigenvectors, eigenvalues } = eigen(&real.covariance()?)?;
        let largest = eigenvalues.max();
        let scale = |value: f64| match largest > 0.0 {
            true => (value.max(0.0) + SHRINKAGE * largest).sqrt().recip(),
            // Nothing varies.
            false => 1.0,
        };
        let size = real.mean().len();
        // Column k of the vectors, times the root of its scale: this times its transpose is the matrix.
        let half =
            Array2::from_shape_fn((size, size), |(i, k)| eigenvectors[(i, k)] * scale(eigenvalues[k]).sqrt());
        Ok(Self { mean: real.mean().clone(), matrix: half.dot(&half.t()) })
    }

    /// The features `[N, D]` whitened, `[N, D]`.
    ///
    /// # Errors
    /// [`MetricError::Dimensions`] for another D.
    pub fn apply(&self, features: ArrayView2<f32>) -> Result<Array2<f32>, MetricError> {
        if features.ncols() != self.mean.len() {
            return Err(MetricError::Dimensions { a: self.mean.len(), b: features.ncols() });
        }
        let centred = features.mapv(f64::from) - &self.mean;
        Ok(centred.dot(&self.matrix).mapv(|value| value as f32))
    }
}
