//! What an exported model says of itself: entries of its metadata, and what they mean.
//!
//! [`TestVector`]s tell whether a runtime computes the model as it was meant: the exporter computes them from the
//! network's layers, and whoever runs the file compares.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::TrainingRecord;
use crate::metadata;

/// Values of an image that a [`TestVector`] keeps.
const SPOTS: usize = 64;
/// Test vectors that are read from a file; a longer list is refused.
const MOST_VECTORS: usize = 64;
/// Decimals of a test vector's values: less than half of what the narrowest tolerance would notice.
const DECIMALS: f64 = 1e6;
/// From black to white: a tolerance beyond it would accept anything.
const WHOLE_RANGE: f32 = 2.0;

/// The entries of a model's metadata that this project knows; each is optional, since the file may be another's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// The model card: what people want to know before they use a model.
    pub card: Card,
    /// The architecture's name, [`metadata::ARCHITECTURE`].
    pub architecture: Option<String>,
    /// Length of the latent vector, [`metadata::LATENT_SIZE`].
    pub latent_size: Option<usize>,
    /// How latents are drawn, [`metadata::LATENT_DISTRIBUTION`].
    pub latent_distribution: Option<String>,
    /// Lowest and highest value of a pixel, [`metadata::VALUE_RANGE`].
    pub value_range: Option<String>,
    /// Order of the image's dimensions, [`metadata::LAYOUT`].
    pub layout: Option<String>,
    /// How the network was trained, [`metadata::TRAINING`].
    pub training: Option<TrainingRecord>,
    /// SHA-256 of the checkpoint file, in hexadecimal, [`metadata::CHECKPOINT`].
    pub checkpoint: Option<String>,
    /// Settings that the file of weights did not hold, [`metadata::ASSUMPTIONS`].
    pub assumptions: Option<String>,
    /// Seeds with their images, [`metadata::TEST_VECTORS`].
    pub test_vectors: Vec<TestVector>,
}

/// The model card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Card {
    /// What the model is called.
    pub name: Option<String>,
    /// What it draws, and what it is not for.
    pub description: Option<String>,
    /// What it was trained on.
    pub dataset: Option<String>,
    /// Who trained it.
    pub author: Option<String>,
    /// Under which terms it may be used, best as an SPDX identifier such as `MIT`.
    pub license: Option<String>,
}

/// A seed and some values of its image: whoever runs the model can tell whether it still draws the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestVector {
    /// The seed of the latent, as [`latents`](crate::latent::latents) draws it.
    pub seed: u64,
    /// The largest difference of a value that is no fault.
    pub tolerance: f32,
    /// Values in [-1, 1] of the image `[C, H, W]`, row-major, whatever form the model gives it: of `n` values of an image
    /// of `length`, value `k` is the one at `k * (length - 1) / (n - 1)`, rounded down.
    pub values: Vec<f32>,
}

/// An entry cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("metadata entry {key}: {reason}")]
pub struct DescriptionError {
    /// The entry's key.
    pub key: &'static str,
    /// What was expected and found.
    pub reason: String,
}

impl Description {
    /// Reads the known entries of a model's metadata; others are passed over.
    ///
    /// # Errors
    /// [`DescriptionError`] names the entry that is not what its key says.
    pub fn read(entries: &BTreeMap<String, String>) -> Result<Self, DescriptionError> {
        let text = |key: &str| entries.get(key).cloned();
        Ok(Self {
            card: Card {
                name: text(metadata::NAME),
                description: text(metadata::DESCRIPTION),
                dataset: text(metadata::DATASET),
                author: text(metadata::AUTHOR),
                license: text(metadata::LICENSE),
            },
            architecture: text(metadata::ARCHITECTURE),
            latent_size: json(entries, metadata::LATENT_SIZE)?,
            latent_distribution: text(metadata::LATENT_DISTRIBUTION),
            value_range: text(metadata::VALUE_RANGE),
            layout: text(metadata::LAYOUT),
            training: json(entries, metadata::TRAINING)?,
            checkpoint: text(metadata::CHECKPOINT),
            assumptions: text(metadata::ASSUMPTIONS),
            test_vectors: test_vectors(entries)?,
        })
    }

    /// Keys and values, in a fixed order; [`Description::read`] takes them back.
    ///
    /// # Errors
    /// [`DescriptionError`] names the entry that has no form as text.
    pub fn entries(&self) -> Result<Vec<(&'static str, String)>, DescriptionError> {
        let card = &self.card;
        let vectors = Some(&self.test_vectors).filter(|vectors| !vectors.is_empty());
        let entries = [
            (metadata::NAME, card.name.clone()),
            (metadata::DESCRIPTION, card.description.clone()),
            (metadata::DATASET, card.dataset.clone()),
            (metadata::AUTHOR, card.author.clone()),
            (metadata::LICENSE, card.license.clone()),
            (metadata::ARCHITECTURE, self.architecture.clone()),
            (metadata::LATENT_SIZE, self.latent_size.map(|size| size.to_string())),
            (metadata::LATENT_DISTRIBUTION, self.latent_distribution.clone()),
            (metadata::VALUE_RANGE, self.value_range.clone()),
            (metadata::LAYOUT, self.layout.clone()),
            (metadata::TRAINING, written(metadata::TRAINING, self.training.as_ref())?),
            (metadata::CHECKPOINT, self.checkpoint.clone()),
            (metadata::ASSUMPTIONS, self.assumptions.clone()),
            (metadata::TEST_VECTORS, written(metadata::TEST_VECTORS, vectors)?),
        ];
        Ok(entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
    }
}

impl TestVector {
    /// Of an image `[C, H, W]` in [-1, 1], row-major: up to 64 values, rounded to six decimals.
    pub fn of(seed: u64, image: &[f64], tolerance: f32) -> Self {
        let rounded = |value: f64| ((value * DECIMALS).round() / DECIMALS) as f32;
        let count = SPOTS.min(image.len());
        let values = spots(image.len(), count).map(|at| rounded(image[at])).collect();
        Self { seed, tolerance, values }
    }

    /// The largest difference from an image `[C, H, W]` in [-1, 1], row-major: infinite if it has NaN, or too few values.
    pub fn difference(&self, image: &[f32]) -> f32 {
        if self.values.is_empty() || image.len() < self.values.len() {
            return f32::INFINITY;
        }
        let pairs = spots(image.len(), self.values.len()).map(|at| image[at]).zip(&self.values);
        let apart = pairs.map(|(found, expected)| (found - expected).abs());
        apart.fold(0.0, |worst, apart| if apart.is_nan() { f32::INFINITY } else { apart.max(worst) })
    }

    /// Whether an image is this seed's.
    pub fn accepts(&self, image: &[f32]) -> bool {
        self.difference(image) <= self.tolerance
    }
}

/// `count` positions at equal distances from the first to the last of `length`.
fn spots(length: usize, count: usize) -> impl Iterator<Item = usize> {
    let steps = count.saturating_sub(1).max(1);
    (0..count).map(move |index| index * length.saturating_sub(1) / steps)
}

fn test_vectors(entries: &BTreeMap<String, String>) -> Result<Vec<TestVector>, DescriptionError> {
    let key = metadata::TEST_VECTORS;
    let vectors: Vec<TestVector> = json(entries, key)?.unwrap_or_default();
    let fault = |reason: String| Err(DescriptionError { key, reason });
    let is_sound =
        |vector: &TestVector| (0.0..=WHOLE_RANGE).contains(&vector.tolerance) && !vector.values.is_empty();
    match vectors.iter().find(|vector| !is_sound(vector)) {
        _ if vectors.len() > MOST_VECTORS => {
            fault(format!("{} vectors, expected at most {MOST_VECTORS}", vectors.len()))
        }
        Some(TestVector { seed, tolerance, values }) => fault(format!(
            "seed {seed} has {} values and the tolerance {tolerance}, expected some, and 0 to {WHOLE_RANGE}",
            values.len()
        )),
        None => Ok(vectors),
    }
}

fn json<T: for<'a> Deserialize<'a>>(
    entries: &BTreeMap<String, String>,
    key: &'static str,
) -> Result<Option<T>, DescriptionError> {
    let read = |text: &String| serde_json::from_str(text);
    entries
        .get(key)
        .map(read)
        .transpose()
        .map_err(|error| DescriptionError { key, reason: error.to_string() })
}

fn written<T: Serialize>(key: &'static str, value: Option<T>) -> Result<Option<String>, DescriptionError> {
    let write = |value: T| serde_json::to_string(&value);
    value.map(write).transpose().map_err(|error| DescriptionError { key, reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        let image: Vec<f64> = (0..192).map(|index| f64::from(index) / 192.0).collect();
        Description {
            card: Card { name: Some("shapes".into()), license: Some("MIT".into()), ..Card::default() },
            assumptions: Some("BatchNorm eps 0.8".into()),
            latent_size: Some(100),
            training: Some(TrainingRecord { steps: 7, ..TrainingRecord::default() }),
            test_vectors: vec![TestVector::of(u64::MAX, &image, 1e-3)],
            ..Description::default()
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let entries = description().entries().unwrap();
        let entries = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        assert_eq!(Description::read(&entries).unwrap(), description());
        assert_eq!(Description::read(&BTreeMap::new()).unwrap(), Description::default());
    }

    #[test]
    fn an_entry_that_is_not_what_its_key_says_is_named() {
        let error = |key: &str, value: &str| {
            let entries = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            Description::read(&entries).unwrap_err().to_string()
        };
        assert!(error("dcgan.latent_size", "-1").starts_with("metadata entry dcgan.latent_size: invalid"));
        assert!(error("dcgan.test_vectors", "[{}]").contains("missing field `seed`"));
        let many = serde_json::to_string(&vec![TestVector::of(0, &[0.0], 0.1); 65]).unwrap();
        assert!(error("dcgan.test_vectors", &many).contains("65 vectors, expected at most 64"));
        for (tolerance, values) in [("-0.1", "[0]"), ("2.1", "[0]"), ("0.1", "[]")] {
            let vector = format!(r#"[{{"seed":3,"tolerance":{tolerance},"values":{values}}}]"#);
            assert!(error("dcgan.test_vectors", &vector).contains("seed 3 has "), "{vector}");
        }
        // No f32 has it: infinite or an error, by how serde_json was built, but accepted in no case.
        let vector = r#"[{"seed":3,"tolerance":1e39,"values":[0]}]"#;
        assert!(error("dcgan.test_vectors", vector).starts_with("metadata entry dcgan.test_vectors: "));
    }

    #[test]
    fn a_vector_accepts_its_image_and_no_other() {
        let image: Vec<f64> = (0..12_288).map(|index| f64::from(index % 201) / 100.0 - 1.0).collect();
        let vector = TestVector::of(3, &image, 1e-3);
        let found: Vec<f32> = image.iter().map(|value| *value as f32 + 5e-4).collect();
        assert!(vector.accepts(&found) && vector.difference(&found) > 4e-4);
        let shifted: Vec<f32> = found.iter().cycle().skip(1).take(found.len()).copied().collect();
        assert!(!vector.accepts(&shifted), "one pixel to the left");
        let mut nan = found.clone();
        *nan.last_mut().unwrap() = f32::NAN;
        assert_eq!(vector.difference(&nan), f32::INFINITY);
        assert_eq!(vector.difference(&found[..63]), f32::INFINITY);
        assert_eq!(vector.difference(&[]), f32::INFINITY);
    }

    #[test]
    fn values_are_rounded_to_what_can_be_told_apart() {
        let vector = TestVector::of(0, &[0.123_456_789, -1.0, 1.0 / 3.0], 1e-3);
        assert_eq!(vector.values, [0.123_457, -1.0, 0.333_333]);
        assert_eq!(serde_json::to_string(&vector.values).unwrap(), "[0.123457,-1.0,0.333333]");
    }

    /// By hand: of ten values, four are the first, those at a third and two thirds of the way, and the last.
    #[test]
    fn the_positions_are_those_calculated_by_hand() {
        assert_eq!(spots(10, 4).collect::<Vec<_>>(), [0, 3, 6, 9]);
        assert_eq!(spots(1, 1).collect::<Vec<_>>(), [0]);
        assert_eq!(spots(0, 0).count(), 0);
    }
}
