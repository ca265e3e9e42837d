//! `cargo demo`: from no data at all to pictures, a generator file and the next command, in minutes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use dcgan_core::{Checkpoint, atomic, grid, latent};
use dcgan_data::DatasetKind;
use dcgan_export::{ExportConfig, export};
use dcgan_infer::{Engine, EngineConfig, Generator};
use dcgan_kernels::recycler::Recycler;
use dcgan_onnx::Message;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::networks::arch::Arch;
use dcgan_train::report::progress::Progress;
use dcgan_train::run::config::TrainConfig;
use dcgan_train::run::train;
use dfdx::tensor::Cpu;

/// That of `dcgan-train`.
#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

/// Images of the picture of samples.
const SAMPLES: usize = 64;

/// Trains a small DCGAN on drawn shapes, exports it to ONNX and samples from the file
#[derive(Parser)]
#[command(name = "cargo demo", max_term_width = 100)]
struct Demo {
    /// How long to train: longer gives better shapes
    #[arg(long, value_name = "MINUTES", default_value = "2.5", value_parser = dcgan_train::run::config::minutes)]
    minutes: f64,
    /// Where everything goes
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    match Demo::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "demo: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

impl Demo {
    fn run(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        let model = self.folder.join("g.onnx");
        let samples = self.folder.join("samples.png");
        self.train()?;
        self.export(&model)?;
        let engine = sample(&model, &samples)?;
        let took = start.elapsed().as_secs();
        let (losses, folder) = (self.folder.join("outputs/training_loss.png"), self.folder.display());
        let (model, samples, losses) = (model.display(), samples.display(), losses.display());
        say(&format!(
            "
Done in {} min {} s. Look at
  {samples}    {SAMPLES} shapes that no one drew, by {engine}
  {losses}    how both networks' losses went
  {folder}/outputs/generated_epoch_*.png    the same {SAMPLES} latents while it trained

The generator is {model}: every ONNX runtime takes it. Next:
  cargo run --release --bin dcgan-infer -- --model {model} --seed 64 --output more.png
  cargo run --release --bin dcgan-train -- --dataset folder --data-dir YOUR_PICTURES --arch dcgan64-small",
            took / 60,
            took % 60
        ))
    }

    fn train(&self) -> anyhow::Result<()> {
        let config = TrainConfig {
            dataset: DatasetKind::Shapes,
            arch: Arch::Dcgan32Small,
            batch_size: 50,
            learning_rate: 4e-4,
            max_minutes: Some(self.minutes),
            save_interval: 5,
            // Epochs of three seconds: measuring them would take a good part of the time.
            metric_every: 0,
            // Shown again, it begins again.
            overwrite: true,
            checkpoint_dir: self.folder.join("checkpoints"),
            output_dir: self.folder.join("outputs"),
            ..TrainConfig::default()
        };
        say(&format!("1/3  training {} on drawn shapes for {} minutes", config.arch.name(), self.minutes))?;
        let mut progress = Progress::on_stderr(false);
        train::<CpuBackend>(&config, &Cpu::default(), &mut |event| progress.tell(&event))
            .context("cannot train")?;
        progress.finish();
        Ok(())
    }

    fn export(&self, model: &Path) -> anyhow::Result<()> {
        let checkpoint = self.folder.join("checkpoints/generator_final.safetensors");
        say(&format!("2/3  exporting {} to {}", checkpoint.display(), model.display()))?;
        let (_, checkpoint) = Checkpoint::load_generator(&checkpoint)?;
        let bytes = export(&checkpoint, &ExportConfig::default())?.encode_to_vec();
        Ok(atomic::write(model, |file| file.write_all(&bytes))?)
    }
}

/// Draws the picture and says which engine did.
fn sample(model: &Path, picture: &Path) -> anyhow::Result<String> {
    say(&format!("3/3  sampling from {}", model.display()))?;
    let engine = Engine::start(&EngineConfig::default())?;
    let mut generator = Generator::open(&engine, model)?;
    let latents = latent::latents(0, SAMPLES, generator.latent_size());
    let images = generator.sample(latents.view())?;
    grid::save_png(&grid::grid(images.view(), grid::square_columns(SAMPLES)), picture)?;
    Ok(engine.description().to_owned())
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{line}").context("cannot write to the terminal")
}
