//! The engine that is compiled into `dcgan-infer`, as a runner of its own.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Context;
use dcgan_core::latent::latents;
use dcgan_infer::{Engine, EngineChoice, EngineConfig, Generator};

use crate::cases::{Job, images_path, write_numbers};
use crate::trial::Facts;

/// What the workspace is built with. It is read when it is needed: a package of this program alone has it elsewhere.
const LOCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock");

/// Runs the models of a job; the latents are drawn again, those of seeds from 0 on.
pub fn run(job: &Path, folder: &Path) -> anyhow::Result<()> {
    let text = fs::read(job).with_context(|| format!("cannot read {}", job.display()))?;
    let job: Job = serde_json::from_slice(&text).with_context(|| format!("cannot read {}", job.display()))?;
    let config = EngineConfig { choice: EngineChoice::Tract, ..EngineConfig::default() };
    let engine = Engine::start(&config)?;
    for model in &job.models {
        for &batch in &job.batches {
            let size = NonZeroUsize::new(batch).context("a batch of 0")?;
            let mut generator = Generator::open(&engine, &model.path)?.with_batch(size);
            let images = generator.sample(latents(0, batch, model.latent).view())?;
            write_numbers(&images_path(folder, model, batch), &images)?;
        }
    }
    let facts = Facts { version: version()?, batch: "fixed".into(), note: String::new() };
    fs::write(folder.join("result.json"), serde_json::to_vec(&facts)?).context("cannot write the result")
}

/// tract says nowhere which version it is; the lock file does.
fn version() -> anyhow::Result<String> {
    let text = fs::read_to_string(LOCK).with_context(|| format!("cannot read {LOCK}"))?;
    let after = text.split_once("name = \"tract-core\"\nversion = \"");
    let version = after.and_then(|(_, rest)| rest.split('"').next());
    Ok(version.with_context(|| format!("no version of tract-core in {LOCK}"))?.to_owned())
}
