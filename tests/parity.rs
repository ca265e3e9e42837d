//! dfdx's forward pass and the exported file's, for every architecture.

use std::num::NonZeroUsize;

use dcgan_core::latent::latents;
use dcgan_core::{Checkpoint, GeneratorSpec};
use dcgan_export::{ExportConfig, export};
use dcgan_infer::{Engine, Generator};
use dcgan_onnx::Message;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::networks::arch::{Arch, Architecture, ForArchitecture};
use dcgan_train::networks::sampler::sample_checkpoint;
use dfdx::tensor::Cpu;
use ndarray::{Array4, Axis};
use tempfile::TempDir;

use crate::difference::largest_difference;
use crate::wide;

/// Sizes of the batches that are compared.
const BATCHES: [usize; 4] = [1, 2, 7, 64];
/// The largest difference that two engines may have, on values in [-1, 1].
const TOLERANCE: f32 = 1e-5;

/// The images of every architecture are dfdx's, at every batch size, and the same ones at each.
///
/// # Panics
/// If they are not.
pub fn every_architecture_is_dfdxs(engine: &Engine) {
    for arch in Arch::ALL {
        let difference = arch.run(Parity(engine));
        println!("{} in {}: largest difference {difference:.1e}", arch.name(), engine.description());
    }
}

struct Parity<'a>(&'a Engine);

impl ForArchitecture for Parity<'_> {
    type Output = f32;

    fn run<A: Architecture>(self, name: &'static str) -> f32 {
        let folder = TempDir::new().expect("a temporary folder");
        let checkpoint = wide::checkpoint(A::generator(name));
        let images = |batch| {
            let (dfdx, onnx) = images(self.0, &folder, &checkpoint, batch);
            (largest_difference(dfdx.view(), onnx.view()), onnx)
        };
        let (mut worst, all) = images(64);
        let (least, most) = all.iter().fold((1f32, -1f32), |(least, most), x| (least.min(*x), most.max(*x)));
        assert!(
            least < -0.95 && most > 0.95,
            "{name}: the images do not use the whole range, {least} to {most}"
        );
        for batch in BATCHES {
            let (difference, found) = images(batch);
            worst = worst.max(difference);
            let first = all.slice_axis(Axis(0), (..batch).into());
            let drift = largest_difference(found.view(), first);
            assert!(drift <= 1e-6, "{name}: an image changes by {drift} with the batch of {batch}");
        }
        assert!(worst <= TOLERANCE, "{name}: off by {worst}");
        worst
    }
}

/// The images of seeds 0 to `batch`, in one batch, by dfdx and by the exported file.
fn images(
    engine: &Engine,
    folder: &TempDir,
    checkpoint: &Checkpoint,
    batch: usize,
) -> (Array4<f32>, Array4<f32>) {
    let (saved, exported) = (folder.path().join("g.safetensors"), folder.path().join("g.onnx"));
    checkpoint.save(&saved).expect("the checkpoint is saved");
    let latents = |spec: &GeneratorSpec| latents(0, batch, spec.latent);
    let dfdx = sample_checkpoint::<CpuBackend>(&Cpu::default(), &saved, latents).expect("dfdx samples");

    let model = export(checkpoint, &ExportConfig::default()).expect("the checkpoint is exported");
    std::fs::write(&exported, model.encode_to_vec()).expect("the model is written");
    let generator = Generator::open(engine, &exported).expect("the model is opened");
    let size = NonZeroUsize::new(batch).expect("a batch has images");
    let z = dcgan_core::latent::latents(0, batch, generator.latent_size());
    (dfdx, generator.with_batch(size).sample(z.view()).expect("the engine samples"))
}
