//! Generators that were never trained, but whose images use the whole range.

// Each test program compiles this file and uses its own part of it.
#![allow(dead_code)]

pub mod pytorch;

use std::collections::BTreeMap;

use dcgan_core::rng::Rng;
use dcgan_core::spec::TensorSpec;
use dcgan_core::{Checkpoint, DiscriminatorSpec, GeneratorSpec, NetworkSpec, TensorData, TrainingRecord};
use dcgan_export::ModelProto;
use dcgan_onnx::Message;

/// What an architecture is made of.
pub fn spec(arch: &str, latent: usize, widths: &[usize], channels: usize) -> GeneratorSpec {
    GeneratorSpec { arch: arch.to_owned(), latent, widths: widths.to_vec(), channels }
}

/// The default architecture.
pub fn dcgan64() -> GeneratorSpec {
    spec("dcgan64", 100, &[512, 256, 128, 64], 3)
}

/// A generator with weights of unit gain, and BatchNorm statistics far from 0 and 1.
pub fn generator(spec: &GeneratorSpec, seed: u64) -> Checkpoint {
    checkpoint(NetworkSpec::Generator(spec.clone()), seed)
}

/// A small discriminator.
pub fn discriminator() -> Checkpoint {
    let spec =
        DiscriminatorSpec { arch: "tiny".to_owned(), widths: vec![2, 3], channels: 1, spectral_norm: false };
    checkpoint(NetworkSpec::Discriminator(spec), 1)
}

/// A model as a reader of its file sees it.
pub fn decoded(model: &ModelProto) -> ModelProto {
    ModelProto::decode(model.encode_to_vec().as_slice()).unwrap()
}

fn checkpoint(spec: NetworkSpec, seed: u64) -> Checkpoint {
    let mut rng = Rng::new(seed);
    let tensors = spec.tensors().into_iter().map(|tensor| (tensor.name.clone(), values(&tensor, &mut rng)));
    let record = TrainingRecord {
        steps: 300,
        images_seen: 38_400,
        options: BTreeMap::from([("seed".into(), seed.into()), ("dataset".into(), "shapes".into())]),
        ..TrainingRecord::default()
    };
    Checkpoint { tensors: tensors.collect(), spec, record }
}

fn values(tensor: &TensorSpec, rng: &mut Rng) -> TensorData {
    let (layer, part) = tensor.name.split_once('.').unwrap();
    let mut draw: Box<dyn FnMut() -> f64> = match (layer, part, tensor.shape.as_slice()) {
        (_, _, []) => return TensorData::Count(300),
        (_, "running_var", _) => Box::new(|| 0.2 + 3.0 * rng.uniform()),
        (_, "weight", [_]) => Box::new(|| 0.5 + 1.5 * rng.uniform()),
        // Four of a 4x4 kernel's weights meet in each pixel of a transposed convolution of stride 2.
        (_, "weight", [inputs, _, _, _]) => {
            let deviation = 1.5 / (4.0 * *inputs as f64).sqrt();
            Box::new(move || deviation * rng.normal())
        }
        (_, "weight", [_, inputs]) => {
            let deviation = 1.5 / (*inputs as f64).sqrt();
            Box::new(move || deviation * rng.normal())
        }
        _ => Box::new(|| 0.5 * rng.normal()),
    };
    let count = tensor.shape.iter().product();
    TensorData::from_values(&tensor.shape, (0..count).map(|_| draw() as f32).collect())
}
