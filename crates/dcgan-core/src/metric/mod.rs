//! How far generated images are from real ones: two distances between sets of features, and features that need no file.
//!
//! A feature extractor turns images `[N, C, H, W]` into rows of features `[N, D]`; [`kid()`] and [`frechet()`] compare
//! the rows of real images with those of generated ones. [`RandomFeatures`] is an extractor that is always there, whose
//! features rank images as the eye does after [`Whitening`]; a trained network's, such as Inception's, fit as they are.
//!
//! Both distances are 0 for the same distribution and grow with the difference. They compare images of one run, or of
//! runs on the same data: other features, another number of images or another size give other numbers.
//!
//! [`RandomFeatures`] are extracted on all threads of rayon's pool, distances are computed on one.

mod convolution;
mod error;
mod feature;
mod frechet;
mod kid;
mod whitening;

pub use error::MetricError;
pub use feature::RandomFeatures;
pub use frechet::{Moments, frechet};
pub use kid::{Kid, KidSubsets, kid, kid_subsets};
pub use whitening::Whitening;

/// Refuses features that are no numbers: a distance of them is none either.
fn check_finite(features: ndarray::ArrayView2<f32>) -> Result<(), MetricError> {
    match features.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((image, feature), _)) => Err(MetricError::NotFinite { image, feature }),
        None => Ok(()),
    }
}
