//! What the runtimes are given, and what dfdx makes of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use dcgan_core::latent::latents;
use dcgan_export::{ExportConfig, export};
use dcgan_onnx::Message;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::networks::arch::{Arch, Architecture, ForArchitecture};
use dcgan_train::networks::sampler::sample_checkpoint;
use dfdx::tensor::Cpu;
use ndarray::{Array4, ArrayView4, Axis};
use serde::{Deserialize, Serialize};

/// Sizes of the batches that every runtime is given, one after the other; the last is the largest.
const BATCHES: [usize; 3] = [1, 2, 7];
/// Values that images have to reach on both sides of 0: small ones would hide faults.
const WIDE: f32 = 0.95;

/// The job that runners are told of, as JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Job {
    /// Sizes of batches, each of the first latents of a model.
    pub batches: Vec<usize>,
    /// One of each architecture.
    pub models: Vec<Model>,
}

/// An exported file and its input.
#[derive(Debug, Serialize, Deserialize)]
pub struct Model {
    /// The architecture.
    pub name: String,
    /// The ONNX file.
    pub path: PathBuf,
    /// The latents `[7, latent]`, little-endian f32.
    pub latents: PathBuf,
    /// Length of a latent.
    pub latent: usize,
    /// Channels of the images.
    pub channels: usize,
    /// Height and width of the images.
    pub side: usize,
}

/// A job, and dfdx's answers.
pub struct Cases {
    /// The job's file.
    pub path: PathBuf,
    /// What it says.
    pub job: Job,
    /// dfdx's images `[7, C, S, S]`, model by model.
    images: Vec<Array4<f32>>,
}

impl Cases {
    /// Exports a generator of every architecture into `folder`, with weights that use the whole range of values.
    pub fn write(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut job = Job { batches: BATCHES.to_vec(), models: Vec::new() };
        let mut images = Vec::new();
        for arch in Arch::ALL {
            let (model, drawn) = arch.run(Write(folder))?;
            job.models.push(model);
            images.push(drawn);
        }
        let path = folder.join("job.json");
        write(&path, &serde_json::to_vec_pretty(&job)?)?;
        Ok(Self { path, job, images })
    }

    /// Each model with each batch, and the images that dfdx drew for it.
    pub fn answers(&self) -> impl Iterator<Item = (&Model, ArrayView4<'_, f32>)> {
        self.job.models.iter().zip(&self.images).flat_map(|(model, images)| {
            BATCHES.map(|batch| (model, images.slice_axis(Axis(0), (..batch).into())))
        })
    }
}

/// Where a runner puts the images of a batch, little-endian f32.
pub fn images_path(folder: &Path, model: &Model, batch: usize) -> PathBuf {
    folder.join(format!("{}-{batch}.f32", model.name))
}

/// Writes numbers as runners read them.
pub fn write_numbers<'a>(path: &Path, numbers: impl IntoIterator<Item = &'a f32>) -> anyhow::Result<()> {
    let bytes: Vec<u8> = numbers.into_iter().flat_map(|number| number.to_le_bytes()).collect();
    write(path, &bytes)
}

struct Write<'a>(&'a Path);

impl ForArchitecture for Write<'_> {
    type Output = anyhow::Result<(Model, Array4<f32>)>;

    fn run<A: Architecture>(self, name: &'static str) -> Self::Output {
        let path = |end: &str| self.0.join(format!("{name}.{end}"));
        let checkpoint = dcgan_tests::wide_checkpoint(A::generator(name));
        let saved = path("safetensors");
        checkpoint.save(&saved)?;
        let z = latents(0, BATCHES[BATCHES.len() - 1], A::LATENT);
        let images = sample_checkpoint::<CpuBackend>(&Cpu::default(), &saved, |_| z.clone())?;
        let (least, most) =
            images.iter().fold((0f32, 0f32), |(least, most), x| (least.min(*x), most.max(*x)));
        ensure!(least < -WIDE && most > WIDE, "{name}: dfdx's images use only {least} to {most}");

        let model = Model {
            name: name.to_owned(),
            path: path("onnx"),
            latents: path("z.f32"),
            latent: A::LATENT,
            channels: A::CHANNELS,
            side: A::SIDE,
        };
        write(&model.path, &export(&checkpoint, &ExportConfig::default())?.encode_to_vec())?;
        write_numbers(&model.latents, &z)?;
        Ok((model, images))
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// One model whose images are zeros.
    pub fn zeros(folder: &Path) -> Cases {
        let path = |name: &str| folder.join(name);
        let (path, latents) = (path("small.onnx"), path("small.z.f32"));
        let model = Model { name: "small".into(), path, latents, latent: 2, channels: 1, side: 2 };
        let job = Job { batches: BATCHES.to_vec(), models: vec![model] };
        Cases { path: folder.join("job.json"), job, images: vec![Array4::zeros((7, 1, 2, 2))] }
    }
}
