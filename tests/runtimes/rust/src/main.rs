//! Runs the exported files in rten: `dcgan-runtimes JOB FOLDER`.
//!
//! The images go to `FOLDER/MODEL-BATCH.f32`, what is known of the runtime to `FOLDER/result.json`. They are judged
//! elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rten::Model;
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use serde::Deserialize;

/// The version that `Cargo.toml` pins.
const VERSION: &str = "0.27.0";

#[derive(Deserialize)]
struct Job {
    batches: Vec<usize>,
    models: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    path: PathBuf,
    latents: PathBuf,
    latent: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [job, folder] = arguments.as_slice() else { bail!("usage: dcgan-runtimes JOB FOLDER") };
    let job: Job = serde_json::from_slice(&read(job)?).context("cannot read the job")?;
    for case in &job.models {
        run(case, &job.batches, folder).with_context(|| case.name.clone())?;
    }
    let facts = serde_json::json!({ "version": VERSION, "batch": "dynamic" });
    write(&folder.join("result.json"), facts.to_string().as_bytes())
}

fn run(case: &Case, batches: &[usize], folder: &Path) -> anyhow::Result<()> {
    let model = Model::load(read(&case.path)?)?;
    let (input, output) = (model.node_id("z")?, model.node_id("image")?);
    let latents = numbers(&read(&case.latents)?);
    for &batch in batches {
        let z = NdTensor::from_data([batch, case.latent], latents[..batch * case.latent].to_vec());
        let [images] = model.run_n(vec![(input, z.into())], [output], None)?;
        let images: NdTensor<f32, 4> = images.try_into()?;
        let bytes: Vec<u8> = images.iter().flat_map(|value| value.to_le_bytes()).collect();
        write(&folder.join(format!("{}-{batch}.f32", case.name)), &bytes)?;
    }
    Ok(())
}

fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect()
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
