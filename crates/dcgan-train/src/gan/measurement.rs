//! How far a generator's images are from the real ones.

use std::fmt::{self, Display, Formatter};

use dcgan_core::latent;
use dcgan_core::metric::{self, Kid, MetricError, Moments, RandomFeatures, Whitening};
use ndarray::{Array2, Array4, Axis, concatenate};
use serde::{Deserialize, Serialize};

use crate::backend::error::BackendError;
use crate::backend::operations::Backend;
use crate::networks::arch::Architecture;
use crate::networks::sampler::sample;

/// A generator cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasurementError {
    /// The device failed.
    #[error(transparent)]
    Device(#[from] BackendError),
    /// The images cannot be compared.
    #[error(transparent)]
    Metric(#[from] MetricError),
}

/// Images that are in memory at once.
const AT_ONCE: usize = 256;

/// The distances of generated images from real ones: smaller is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The kernel distance.
    pub kid: f64,
    /// Its standard error.
    pub kid_error: f64,
    /// The Frechet distance.
    pub frechet: f64,
}

impl Display for Measurement {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Self { kid, kid_error, frechet } = self;
        write!(f, "KID {kid:.5} (standard error {kid_error:.5}), Frechet distance {frechet:.4}")
    }
}

impl Measurement {
    /// Each distance with its name in files.
    pub fn named(&self) -> [(&'static str, f64); 3] {
        [("kid", self.kid), ("kid_error", self.kid_error), ("frechet", self.frechet)]
    }
}

/// Real images' features, which those of generated ones are compared with; both are whitened by the real ones'.
pub struct Reals {
    extractor: RandomFeatures,
    whitening: Whitening,
    features: Array2<f32>,
    moments: Moments,
}

impl Reals {
    /// The features of real images `[N, C, S, S]` in [-1, 1].
    ///
    /// # Errors
    /// If there are fewer than three.
    pub fn new(images: &Array4<f32>) -> Result<Self, MetricError> {
        let (found, channels, height, width) = images.dim();
        if found < 3 {
            return Err(MetricError::TooFew { what: "real images", found, needed: 3 });
        }
        let extractor = RandomFeatures::new(channels, height, width)?;
        let features = extractor.extract(images.view())?;
        let whitening = Whitening::of(&Moments::of(features.view())?)?;
        let features = whitening.apply(features.view())?;
        let moments = Moments::of(features.view())?;
        Ok(Self { extractor, whitening, features, moments })
    }

    /// Compares the images of `count` consecutive seeds with the real ones.
    ///
    /// # Errors
    /// If the device fails, or the generator's images are no numbers.
    pub fn measure<A: Architecture, B: Backend>(
        &self,
        generator: &A::Generator<B>,
        device: &B::Device,
        first_seed: u64,
        count: usize,
    ) -> Result<Measurement, MeasurementError> {
        let mut parts = Vec::new();
        for start in (0..count).step_by(AT_ONCE) {
            let seed = first_seed.wrapping_add(start as u64);
            let latents = latent::latents(seed, AT_ONCE.min(count - start), A::LATENT);
            let images = sample::<A, B>(generator, device, latents.view())
                .map_err(|error| BackendError::new::<B>(&error))?;
            parts.push(self.extractor.extract(images.view())?);
        }
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let features = concatenate(Axis(0), &views).expect("rows of one length");
        let features = self.whitening.apply(features.view())?;
        // The two do not depend on each other, and both take a while.
        let (kid, frechet) = rayon::join(
            || metric::kid(self.features.view(), features.view()),
            || metric::frechet(&self.moments, &Moments::of(features.view())?),
        );
        let Kid { distance, standard_error } = kid?;
        Ok(Measurement { kid: distance, kid_error: standard_error, frechet: frechet? })
    }
}
