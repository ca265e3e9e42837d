//! Where features come from.

use dcgan_core::metric::RandomFeatures;
use dcgan_core::pixels;
use dcgan_data::Scaler;
use ndarray::{Array2, Array4};

use super::error::EvaluateError;
use super::model::FeatureModel;
use super::report::FeatureReport;

/// What the built-in features are called.
const BUILT_IN: &str = "random convolutions (built-in), whitened by the real images";

/// Something that turns images into rows of features.
pub struct Features {
    /// Channels, height and width of the images.
    image: [usize; 3],
    kind: Kind,
}

enum Kind {
    BuiltIn(RandomFeatures),
    Model(Box<FeatureModel>, Scaler),
}

impl Features {
    /// [`RandomFeatures`] of images of these channels, height and width.
    ///
    /// # Errors
    /// [`EvaluateError::Metric`] if a side is below 8.
    pub fn built_in(image: [usize; 3]) -> Result<Self, EvaluateError> {
        let [channels, height, width] = image;
        Ok(Self { image, kind: Kind::BuiltIn(RandomFeatures::new(channels, height, width)?) })
    }

    /// Those of a model, for images of these channels, height and width.
    ///
    /// # Errors
    /// [`FeatureError::Size`](super::FeatureError::Size) if such images cannot be brought to its size.
    pub fn model(model: FeatureModel, image: [usize; 3]) -> Result<Self, EvaluateError> {
        let scaler = model.scaler(image)?;
        Ok(Self { image, kind: Kind::Model(Box::new(model), scaler) })
    }

    /// Whether both sets are whitened by the real one's moments before they are compared.
    pub(super) fn are_whitened(&self) -> bool {
        matches!(self.kind, Kind::BuiltIn(_))
    }

    /// Features an image.
    pub fn dimension(&self) -> usize {
        self.report().dimension
    }

    /// The features of images, bytes `[C, H, W]` each: `[N, D]`.
    ///
    /// # Errors
    /// [`EvaluateError::Features`] if the engine fails or the model gives no features.
    ///
    /// # Panics
    /// If an image has another number of bytes.
    pub fn extract(&mut self, images: &[Vec<u8>]) -> Result<Array2<f32>, EvaluateError> {
        match &mut self.kind {
            Kind::BuiltIn(random) => built_in(random, self.image, images),
            Kind::Model(model, scaler) => Ok(model.extract(scaler, images)?),
        }
    }

    /// Which features these are.
    pub(super) fn report(&self) -> FeatureReport {
        match &self.kind {
            Kind::BuiltIn(random) => FeatureReport {
                name: BUILT_IN.to_owned(),
                sha256: None,
                output: None,
                dimension: random.len(),
                input: self.image,
                layout: "nchw".to_owned(),
                range: "-1,1".to_owned(),
                mean: Vec::new(),
                std: Vec::new(),
            },
            Kind::Model(model, _) => model.report(),
        }
    }
}

/// The built-in features.
fn built_in(
    random: &RandomFeatures,
    [channels, height, width]: [usize; 3],
    images: &[Vec<u8>],
) -> Result<Array2<f32>, EvaluateError> {
    let values = images.iter().flatten().copied().map(pixels::from_u8).collect();
    let images = Array4::from_shape_vec((images.len(), channels, height, width), values);
    Ok(random.extract(images.expect("whole images").view())?)
}
