//! Runs from which nothing more is to be learned: noticed, said, and stopped, gone on with, or taken back.

use std::fs;
use std::path::Path;

use dcgan_core::archive::Archive;
use dcgan_data::DatasetKind;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::networks::arch::Arch;
use dcgan_train::report::event::Event;
use dcgan_train::run::collapse::{Collapse, CollapseConfig, OnCollapse};
use dcgan_train::run::config::TrainConfig;
use dcgan_train::run::error::TrainError;
use dcgan_train::run::{Outcome, train as run_in_process};
use dfdx::tensor::Cpu;
use tempfile::TempDir;

mod common;

use common::{SHAPES, assert_same_results, fails, run, state_path, states};

/// Its first step already takes the weights beyond all numbers.
const HUGE: [&str; 4] = ["--learning-rate", "1e30", "--max-steps", "20"];

#[test]
fn losses_that_are_no_numbers_end_a_run() {
    let folder = TempDir::new().unwrap();
    let expected = ["step 1: losses or gradients are no longer finite", "--learning-rate", "--on-collapse"];
    fails(folder.path(), &[&SHAPES, &HUGE, &["--state-minutes", "1e-9"]], &expected);
    assert_eq!(states(folder.path()), [0; 0], "no state has what came of it");
    // There is nothing to go on with.
    fails(folder.path(), &[&SHAPES, &HUGE, &["--on-collapse", "continue"]], &expected);
}

#[test]
fn a_run_goes_back_a_few_times_with_half_the_learning_rate_and_then_gives_up() {
    let folder = TempDir::new().unwrap();
    let (text, code) = run(folder.path(), &[&SHAPES, &HUGE, &["--on-collapse", "rollback", "--quiet"]]);
    assert_eq!(code, 1, "{text}");
    let warnings: Vec<&str> = text.lines().filter(|line| line.starts_with("warning: ")).collect();
    assert_eq!(warnings.len(), 5, "{text}");
    for (warning, factor) in warnings.iter().zip(["0.5 ", "0.25 ", "0.125 ", "0.0625 ", "0.03125 "]) {
        let expected = format!(
            "going back to step 0 (checkpoints/state_0.safetensors) with other random numbers and {factor}"
        );
        assert!(warning.contains(&expected), "{warning}");
    }
    assert!(text.contains("(after going back 5 times); try a smaller --learning-rate"), "{text}");
    assert_eq!(states(folder.path()), [0]);
}

/// At this learning rate, the discriminator is soon certain and the samples become one image.
const HIGH: f64 = 1.0;
const STEPS: u64 = 200;
/// After the first collapse, which is at step 150.
const SOON: u64 = 160;

/// Judged sooner than by default: a test should be quick.
const QUICK: CollapseConfig = CollapseConfig {
    certain_steps: 20,
    margin: 0.05,
    vanished: 1e-3,
    look_every: 10,
    looks: 2,
    variety: 0.02,
    state_every: 40,
    rollbacks: 5,
};
/// As [`QUICK`], without looks at the samples.
const CERTAIN: CollapseConfig = CollapseConfig { look_every: u64::MAX, ..QUICK };
/// As [`QUICK`], whatever the discriminator thinks.
const ALIKE: CollapseConfig = CollapseConfig { certain_steps: u64::MAX, ..QUICK };

fn config(folder: &Path, collapse: CollapseConfig, on_collapse: OnCollapse) -> TrainConfig {
    TrainConfig {
        dataset: DatasetKind::Shapes,
        arch: Arch::Dcgan32Small,
        batch_size: 8,
        learning_rate: HIGH,
        max_steps: Some(STEPS),
        checkpoint_dir: folder.join("checkpoints"),
        output_dir: folder.join("outputs"),
        collapse,
        on_collapse,
        ..TrainConfig::default()
    }
}

/// A run in this process, and its warnings.
fn train(config: &TrainConfig) -> (Result<Outcome, TrainError>, Vec<String>) {
    let mut warnings = Vec::new();
    let result = run_in_process::<CpuBackend>(config, &Cpu::default(), &mut |event| {
        if let Event::Warning(text) = event {
            warnings.push(text);
        }
    });
    (result, warnings)
}

#[test]
fn a_certain_discriminator_and_samples_that_are_alike_stop_a_run() {
    let found = |collapse: CollapseConfig| {
        let folder = TempDir::new().unwrap();
        let (result, _) = train(&config(folder.path(), collapse, OnCollapse::Stop));
        let error = result.unwrap_err();
        let TrainError::Collapsed { step, collapse, rollbacks: 0 } = &error else { panic!("{error}") };
        assert!((20..STEPS).contains(step), "{error}");
        assert!(error.to_string().starts_with(&format!("step {step}: ")), "{error}");
        *collapse
    };
    assert!(matches!(found(CERTAIN), Collapse::Certain { steps: 20, .. }));
    assert!(matches!(found(ALIKE), Collapse::Alike { variety } if variety < 0.02));
}

#[test]
fn a_run_at_a_sound_learning_rate_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let sound = TrainConfig {
        learning_rate: 2e-4,
        max_steps: Some(100),
        ..config(folder.path(), QUICK, OnCollapse::Stop)
    };
    let (result, warnings) = train(&sound);
    assert!(result.is_ok() && warnings.is_empty(), "{result:?} {warnings:?}");
}

#[test]
fn a_run_that_is_to_continue_says_so_and_comes_to_its_end() {
    let folder = TempDir::new().unwrap();
    let soon = TrainConfig { max_steps: Some(SOON), ..config(folder.path(), ALIKE, OnCollapse::Continue) };
    let (result, warnings) = train(&soon);
    assert_eq!(result.unwrap().steps, SOON);
    assert!(!warnings.is_empty(), "{warnings:?}");
    let expected = "the samples have lost their variety: their variance is 0.";
    assert!(warnings.iter().all(|line| line.contains(expected)), "{warnings:?}");
}

/// Gone back, it is as repeatable as any other run, and as resumable: even with a stop between its ways back.
#[test]
fn a_run_that_went_back_comes_to_its_end_and_in_parts_to_the_same_bytes() {
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    let whole =
        TrainConfig { max_steps: Some(SOON), ..config(folders[0].path(), QUICK, OnCollapse::Rollback) };
    let (result, warnings) = train(&whole);
    assert_eq!(result.unwrap().steps, SOON, "{warnings:?}");
    assert!((1..=5).contains(&warnings.len()), "{warnings:?}");
    states_know_their_metrics(folders[0].path());

    let part = config(folders[1].path(), QUICK, OnCollapse::Rollback);
    let mut found = Vec::new();
    for (resume, steps) in [(false, 15), (true, 90), (true, 140), (true, SOON)] {
        let (result, warnings) = train(&TrainConfig { max_steps: Some(steps), resume, ..part.clone() });
        assert_eq!(result.unwrap().steps, steps, "{warnings:?}");
        found.extend(warnings);
    }
    let without_places = |warnings: &[String], folder: &TempDir| -> Vec<String> {
        warnings.iter().map(|line| line.replace(folder.path().to_str().unwrap(), "")).collect()
    };
    assert_eq!(without_places(&found, &folders[1]), without_places(&warnings, &folders[0]));
    assert_same_results(folders[1].path(), folders[0].path());
}

/// Each state counts the bytes of the steps up to its own, and none of those that were taken back.
fn states_know_their_metrics(folder: &Path) {
    let metrics = fs::read_to_string(folder.join("outputs/metrics.jsonl")).unwrap();
    let lines: Vec<(u64, usize)> = metrics
        .lines()
        .map(|line| {
            let step = serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64();
            (step.unwrap(), line.len() + 1)
        })
        .collect();
    assert!(lines.iter().map(|(step, _)| *step).eq(1..=SOON), "{metrics}");
    let states = states(folder);
    assert!(states.len() > 1, "{states:?}");
    for state in states {
        let expected: usize = lines.iter().filter(|(step, _)| *step <= state).map(|(_, bytes)| bytes).sum();
        let archive = Archive::load("dcgan_state", &state_path(folder, state)).unwrap();
        assert_eq!(archive.description["metrics_bytes"], expected, "state {state}");
    }
}
