//! Features of models against those that ONNX Runtime's Python package, Pillow and NumPy make of the same images:
//! `fixtures/features/make.py` made the expected values.
#![cfg(feature = "evaluate")]

mod common;

use std::sync::LazyLock;

use common::features::{model, pattern, reference};
use dcgan_infer::evaluate::{FeatureConfig, FeatureFile, FeatureModel, Features};
use dcgan_infer::generator::ValueRange;
use dcgan_infer::{Engine, EngineConfig};
use serde_json::Value;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    common::samples::start(&EngineConfig {
        library: Some(common::onnxruntime().to_owned()),
        ..EngineConfig::default()
    })
});

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().into_iter().flatten().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// The case's settings.
fn config(case: &Value) -> FeatureConfig {
    FeatureConfig {
        size: case["size"].as_u64().map(|size| size as usize),
        range: match numbers(&case["range"])[..] {
            [low, high] => ValueRange::new(low, high),
            _ => None,
        },
        mean: numbers(&case["mean"]),
        std: numbers(&case["std"]),
    }
}

#[test]
fn are_those_of_python() {
    let reference = reference();
    let cases = reference["features"].as_array().unwrap();
    assert_eq!(cases.len(), 20);
    for case in cases {
        let image: Vec<_> =
            case["image"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
        let image = [image[0], image[1], image[2]];
        let file =
            FeatureFile::read(&model(case["model"].as_str().unwrap()), case["output"].as_str()).unwrap();
        let opened = FeatureModel::open(&ENGINE, file, &config(case), image).unwrap();
        let mut features = Features::model(opened, image).unwrap();
        let expected: Vec<_> = case["features"].as_array().unwrap().iter().map(numbers).collect();
        let images: Vec<_> = (0..expected.len()).map(|index| pattern(index, image)).collect();
        let found = features.extract(&images).unwrap();
        let name = format!("{} {} of {image:?}", case["model"], case["output"]);
        assert_eq!(found.dim(), (9, expected[0].len()), "{name}");
        // Those in half floats have 11 bits.
        let tolerance = if case["output"] == "half" { 1e-3 } else { 2e-5 };
        let largest = expected.iter().flatten().fold(0f32, |most, value| most.max(value.abs()));
        for (found, expected) in found.iter().zip(expected.iter().flatten()) {
            let error = (found - expected).abs();
            assert!(error <= tolerance * largest, "{name}: {found}, expected {expected}");
        }
    }
}

/// The last short batch, a batch of one, and a model of seven at once: an image's features are its own.
#[test]
fn do_not_depend_on_what_goes_along() {
    let image = [1, 28, 28];
    for name in ["network", "gray_batch7"] {
        let file = FeatureFile::read(&model(name), None).unwrap();
        let opened = FeatureModel::open(&ENGINE, file, &FeatureConfig::default(), image).unwrap();
        let mut features = Features::model(opened, image).unwrap();
        let images: Vec<_> = (0..15).map(|index| pattern(index, image)).collect();
        let all = features.extract(&images).unwrap();
        for (index, expected) in all.outer_iter().enumerate() {
            let alone = features.extract(&images[index..=index]).unwrap();
            assert!(alone.row(0).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{name} {index}");
        }
    }
}
