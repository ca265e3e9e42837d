//! Distances that are measured while a run goes on, and the best generator that it keeps.

use std::fs;
use std::path::Path;

use dcgan_core::checkpoint::Checkpoint;
use dcgan_core::latent::latents;
use dcgan_core::metric::{Moments, RandomFeatures, Whitening, frechet, kid};
use dcgan_core::pixels;
use dcgan_data::DatasetKind;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::gan::measurement::Measurement;
use dcgan_train::networks::arch::Arch;
use dcgan_train::networks::sampler::sample_checkpoint;
use dcgan_train::report::event::Event;
use dcgan_train::run::config::TrainConfig;
use dcgan_train::run::train;
use dfdx::tensor::Cpu;
use image::RgbImage;
use ndarray::Array4;
use tempfile::TempDir;

const IMAGES: usize = 20;

fn picture(i: usize) -> RgbImage {
    RgbImage::from_fn(32, 32, |x, y| image::Rgb([i as u8 * 10, x as u8 * 6, if y > x { 200 } else { 90 }]))
}

/// Three steps an epoch on twenty pictures in `folder`, all of them measured.
fn config(folder: &TempDir) -> TrainConfig {
    let data_dir = folder.path().join("data");
    fs::create_dir_all(&data_dir).unwrap();
    for i in 0..IMAGES {
        picture(i).save(data_dir.join(format!("{i}.png"))).unwrap();
    }
    TrainConfig {
        dataset: DatasetKind::Folder,
        data_dir,
        arch: Arch::Dcgan32Small,
        batch_size: 8,
        num_epochs: 4,
        metric_every: 1,
        metric_images: 30,
        learning_rate: 0.002,
        checkpoint_dir: folder.path().join("checkpoints"),
        output_dir: folder.path().join("outputs"),
        ..TrainConfig::default()
    }
}

/// Trains; the epochs that were measured, and which were the best so far.
fn run(config: &TrainConfig) -> Vec<(u64, Measurement, bool)> {
    let mut found = Vec::new();
    let mut report = |event| match event {
        Event::Measured { epoch, measurement, best } => found.push((epoch, measurement, best)),
        Event::Warning(text) => panic!("{text}"),
        _ => {}
    };
    train::<CpuBackend>(config, &Cpu::default(), &mut report).unwrap();
    found
}

/// The distances of a checkpoint's images from the pictures, apart from the program's own way.
fn measure(checkpoint: &Path) -> Measurement {
    let device = Cpu::default();
    let latents = |spec: &dcgan_core::GeneratorSpec| latents(0, 30, spec.latent);
    let images = sample_checkpoint::<CpuBackend>(&device, checkpoint, latents).unwrap();
    let real = Array4::from_shape_fn((IMAGES, 3, 32, 32), |(i, c, y, x)| {
        pixels::from_u8(picture(i).get_pixel(x as u32, y as u32).0[c])
    });
    let extractor = RandomFeatures::new(3, 32, 32).unwrap();
    let [real, fake] = [real, images].map(|images| extractor.extract(images.view()).unwrap());
    let whitening = Whitening::of(&Moments::of(real.view()).unwrap()).unwrap();
    let [real, fake] = [real, fake].map(|features| whitening.apply(features.view()).unwrap());
    let found = kid(real.view(), fake.view()).unwrap();
    let [a, b] = [real, fake].map(|features| Moments::of(features.view()).unwrap());
    Measurement { kid: found.distance, kid_error: found.standard_error, frechet: frechet(&a, &b).unwrap() }
}

fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-6, "{found}, expected {expected}");
}

#[test]
fn the_best_generator_is_kept_with_its_distances() {
    let folder = TempDir::new().unwrap();
    let config = config(&folder);
    let found = run(&config);
    assert_eq!(found.iter().map(|(epoch, ..)| *epoch).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let mut smallest = f64::INFINITY;
    for (epoch, measurement, best) in &found {
        assert_eq!(*best, measurement.frechet < smallest, "epoch {epoch}: {found:#?}");
        smallest = smallest.min(measurement.frechet);
    }

    let path = config.checkpoint_dir.join("generator_best.safetensors");
    let (_, checkpoint) = Checkpoint::load_generator(&path).unwrap();
    let (epoch, best, _) = found.iter().rev().find(|(.., best)| *best).unwrap();
    assert_eq!(checkpoint.record.steps, 3 * epoch);
    assert_eq!(checkpoint.record.measured["kid"], best.kid);
    assert_eq!(checkpoint.record.measured["frechet"], best.frechet);
    let again = measure(&path);
    near(again.kid, best.kid);
    near(again.kid_error, best.kid_error);
    near(again.frechet, best.frechet);

    let metrics = fs::read_to_string(config.output_dir.join("metrics.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let lines: Vec<_> = lines.iter().filter(|line| line.get("kid").is_some()).collect();
    assert_eq!(lines.len(), 4);
    for (line, (epoch, measurement, _)) in lines.iter().zip(&found) {
        assert_eq!((line["epoch"].as_u64(), line["step"].as_u64()), (Some(*epoch), Some(3 * epoch)));
        assert_eq!(line["kid"].as_f64(), Some(measurement.kid));
        assert_eq!(line["frechet"].as_f64(), Some(measurement.frechet));
    }
}

#[test]
fn measuring_is_as_often_as_asked_for_and_changes_nothing_else() {
    let final_bytes =
        |config: &TrainConfig| fs::read(config.checkpoint_dir.join("generator_final.safetensors")).unwrap();
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    let every_second = TrainConfig { metric_every: 2, ..config(&folders[0]) };
    let never = TrainConfig { metric_every: 0, ..config(&folders[1]) };
    assert_eq!(run(&every_second).iter().map(|(epoch, ..)| *epoch).collect::<Vec<_>>(), [2, 4]);
    assert_eq!(run(&never), []);
    assert!(!never.checkpoint_dir.join("generator_best.safetensors").exists());
    assert_eq!(final_bytes(&every_second), final_bytes(&never));
    // The next run in this folder must not leave the best generator of this one.
    run(&TrainConfig { metric_every: 0, ..config(&folders[0]) });
    assert!(!every_second.checkpoint_dir.join("generator_best.safetensors").exists());
}

#[test]
fn a_run_that_goes_on_knows_its_best_generator() {
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    // So large a rate that images get worse at times.
    let whole = TrainConfig { learning_rate: 0.1, ..config(&folders[0]) };
    let expected = run(&whole);
    let half = TrainConfig { num_epochs: 2, learning_rate: 0.1, ..config(&folders[1]) };
    let mut found = run(&half);
    let rest = TrainConfig { resume: true, num_epochs: 4, ..half };
    found.extend(run(&rest));
    assert_eq!(found, expected);
    let best = found.iter().map(|(.., best)| *best).collect::<Vec<_>>();
    assert_eq!(best, [true, true, false, true], "a run without memory would take its first one: {found:?}");
    let best =
        |config: &TrainConfig| fs::read(config.checkpoint_dir.join("generator_best.safetensors")).unwrap();
    assert_eq!(best(&rest), best(&whole));
}

#[test]
fn too_few_images_are_told_and_no_reason_to_stop() {
    let folder = TempDir::new().unwrap();
    let config = TrainConfig { batch_size: 2, num_epochs: 1, ..config(&folder) };
    (2..IMAGES).for_each(|i| fs::remove_file(config.data_dir.join(format!("{i}.png"))).unwrap());
    let mut warnings = Vec::new();
    let mut report = |event| {
        if let Event::Warning(text) = event {
            warnings.push(text);
        }
    };
    train::<CpuBackend>(&config, &Cpu::default(), &mut report).unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("epoch 1") && warnings[0].contains("2 real images, at least 3"),
        "{warnings:?}"
    );
}
