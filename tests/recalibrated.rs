//! What a recalibrated checkpoint says of itself, from training to the exported file.

use std::collections::BTreeMap;

use dcgan_core::description::Description;
use dcgan_core::{Checkpoint, TrainingRecord};
use dcgan_data::DatasetKind;
use dcgan_export::{ExportConfig, export};
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::networks::arch::Arch;
use dcgan_train::networks::recalibrate::recalibrate_checkpoint;
use dcgan_train::run::config::TrainConfig;
use dcgan_train::run::train;
use dfdx::tensor::Cpu;
use tempfile::TempDir;

/// How the exported file says that its network was trained.
fn exported(checkpoint: &Checkpoint) -> TrainingRecord {
    let model = export(checkpoint, &ExportConfig::default()).unwrap();
    let entries = model.metadata_props.iter().map(|entry| (entry.key().to_owned(), entry.value().to_owned()));
    Description::read(&entries.collect()).unwrap().training.unwrap()
}

/// The old distances were measured with the old statistics: images of the new ones are others.
#[test]
fn the_distances_of_the_old_statistics_reach_no_exported_file() {
    let folder = TempDir::new().unwrap();
    let config = TrainConfig {
        dataset: DatasetKind::Shapes,
        arch: Arch::Dcgan32Small,
        batch_size: 8,
        max_steps: Some(2),
        checkpoint_dir: folder.path().join("checkpoints"),
        output_dir: folder.path().join("outputs"),
        ..TrainConfig::default()
    };
    train::<CpuBackend>(&config, &Cpu::default(), &mut |_| ()).unwrap();
    let path = config.checkpoint_dir.join("generator_final.safetensors");
    let mut checkpoint = Checkpoint::load(&path).unwrap();
    let distances = ["kid", "kid_error", "frechet"].map(|name| (name.to_owned(), 0.25));
    checkpoint.record.measured = BTreeMap::from(distances);
    checkpoint.save(&path).unwrap();
    assert_eq!(exported(&checkpoint), checkpoint.record, "a measured checkpoint keeps its distances");

    let recalibrated = recalibrate_checkpoint::<CpuBackend>(&Cpu::default(), &path, 2).unwrap();
    let mut expected = TrainingRecord { measured: BTreeMap::new(), ..checkpoint.record };
    expected.options.insert("recalibrated_batches".to_owned(), 2.into());
    assert_eq!(exported(&recalibrated), expected);
}
