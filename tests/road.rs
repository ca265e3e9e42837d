//! The whole road: images are drawn, a network trained, exported and sampled.

use dcgan_core::{Checkpoint, GeneratorSpec, latent};
use dcgan_data::DatasetKind;
use dcgan_export::{ExportConfig, export};
use dcgan_infer::{Engine, Generator};
use dcgan_onnx::Message;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::networks::arch::Arch;
use dcgan_train::networks::sampler::sample_checkpoint;
use dcgan_train::report::event::Event;
use dcgan_train::run::config::TrainConfig;
use dcgan_train::run::train;
use dfdx::tensor::Cpu;
use tempfile::TempDir;

use crate::difference::largest_difference;

/// A network that has trained for some steps draws the same images in dfdx and, exported, in `engine`.
///
/// # Panics
/// If a step of the road fails or the images differ.
pub fn from_training_to_samples(engine: &Engine) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let config = TrainConfig {
        dataset: DatasetKind::Shapes,
        arch: Arch::Dcgan32Small,
        batch_size: 16,
        max_steps: Some(5),
        checkpoint_dir: path("checkpoints"),
        output_dir: path("outputs"),
        ..TrainConfig::default()
    };
    let mut saved = Vec::new();
    let mut report = |event| match event {
        Event::Saved(path) => saved.push(path),
        other => println!("{other}"),
    };
    train::<CpuBackend>(&config, &Cpu::default(), &mut report).expect("training goes through");
    assert!(saved.iter().all(|path| path.is_file()), "{saved:?}");

    let generator = path("checkpoints/generator_final.safetensors");
    assert!(saved.contains(&generator), "{saved:?}");
    let (_, checkpoint) = Checkpoint::load_generator(&generator).expect("the checkpoint is whole");
    let model = export(&checkpoint, &ExportConfig::default()).expect("the checkpoint is exported");
    std::fs::write(path("g.onnx"), model.encode_to_vec()).expect("the model is written");

    let latents = |spec: &GeneratorSpec| latent::latents(11, 9, spec.latent);
    let dfdx = sample_checkpoint::<CpuBackend>(&Cpu::default(), &generator, latents).expect("dfdx samples");
    let mut opened = Generator::open(engine, &path("g.onnx")).expect("the model is opened");
    let z = latent::latents(11, 9, opened.latent_size());
    let onnx = opened.sample(z.view()).expect("the engine samples");
    let difference = largest_difference(dfdx.view(), onnx.view());
    assert!(difference <= 1e-5, "off by {difference}");
}
