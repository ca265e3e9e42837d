//! Entries of a model's metadata as text for people.

use std::collections::BTreeMap;

use dcgan_core::description::{Description, TestVector};
use dcgan_core::{TrainingRecord, metadata};

/// The value of an entry, those that are JSON in words; one that is not what its key says as it is.
pub(crate) fn readable(key: &str, value: &str) -> String {
    let entries = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    match (key, Description::read(&entries)) {
        (metadata::TRAINING, Ok(Description { training: Some(record), .. })) => training(&record),
        (metadata::TEST_VECTORS, Ok(described)) => test_vectors(&described.test_vectors),
        _ => value.to_owned(),
    }
}

/// As in `300 steps, 38400 images seen, dataset shapes, seed 1`.
fn training(record: &TrainingRecord) -> String {
    let option = |(name, value): (&String, &serde_json::Value)| match value.as_str() {
        Some(text) => format!("{name} {text}"),
        None => format!("{name} {value}"),
    };
    let run = [format!("{} steps", record.steps), format!("{} images seen", record.images_seen)];
    let measured = record.measured.iter().map(|(name, value)| format!("{name} {value}"));
    run.into_iter().chain(record.options.iter().map(option)).chain(measured).collect::<Vec<_>>().join(", ")
}

/// As in `seed 0: 64 values within 0.001; seed 1: 64 values within 0.001`.
fn test_vectors(vectors: &[TestVector]) -> String {
    let vector = |vector: &TestVector| {
        format!("seed {}: {} values within {}", vector.seed, vector.values.len(), vector.tolerance)
    };
    vectors.iter().map(vector).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_put_in_words_and_all_else_left() {
        let record = r#"{"steps":3,"images_seen":24,"options":{"dataset":"shapes","seed":7}}"#;
        let said = readable("dcgan.training", record);
        assert_eq!(said, "3 steps, 24 images seen, dataset shapes, seed 7");
        let measured = r#"{"steps":3,"images_seen":24,"options":{"seed":7},"measured":{"kid":0.25}}"#;
        assert_eq!(readable("dcgan.training", measured), "3 steps, 24 images seen, seed 7, kid 0.25");
        let vectors =
            r#"[{"seed":0,"tolerance":0.001,"values":[0.5,1]},{"seed":9,"tolerance":0.1,"values":[0]}]"#;
        let said = readable("dcgan.test_vectors", vectors);
        assert_eq!(said, "seed 0: 2 values within 0.001; seed 9: 1 values within 0.1");
        for (key, value) in [("dcgan.training", "long"), ("dcgan.test_vectors", "[1]"), ("k", "[]")] {
            assert_eq!(readable(key, value), value);
        }
    }
}
