//! Whole runs by the CUDA engine, whose numbers are read many steps at a time, on the CPU.

#![cfg(target_os = "linux")]

use std::path::Path;

use dcgan_data::DatasetKind;
use dcgan_train::backend::cuda::CudaBackend;
use dcgan_train::backend::operations::Backend as _;
use dcgan_train::networks::arch::{Arch, Architecture, ForArchitecture};
use dcgan_train::report::event::Event;
use dcgan_train::run::collapse::OnCollapse;
use dcgan_train::run::config::TrainConfig;
use dcgan_train::run::error::TrainError;
use dcgan_train::run::train;
use dfdx::tensor::Cpu;
use emulator::Emulated;
use serde_json::Value;
use tempfile::TempDir;

mod emulator;

type Backend = CudaBackend<Emulated>;

fn arch(name: &str) -> Arch {
    *Arch::ALL.iter().find(|arch| arch.name() == name).unwrap()
}

fn config(folder: &Path, max_steps: u64) -> TrainConfig {
    TrainConfig {
        dataset: DatasetKind::Shapes,
        arch: arch("dcgan32-small"),
        batch_size: 4,
        max_steps: Some(max_steps),
        checkpoint_dir: folder.join("checkpoints"),
        output_dir: folder.join("outputs"),
        ..TrainConfig::default()
    }
}

/// Trains by the engine of GPUs, and what was told.
fn run(config: &TrainConfig) -> (Result<(), TrainError>, Vec<Event>) {
    let mut events = Vec::new();
    let result = train::<Backend>(config, &Cpu::default(), &mut |event| events.push(event));
    (result.map(drop), events)
}

/// Trains by the program, on the CPU, with the settings of [`config`] and others; what it says of errors and warnings.
fn run_on_cpu(folder: &Path, max_steps: u64, others: &[&str]) -> String {
    let arguments =
        ["--dataset", "shapes", "--arch", "dcgan32-small", "--batch-size", "4", "--device", "cpu"];
    let mut command = assert_cmd::Command::cargo_bin("dcgan-train").unwrap();
    command.current_dir(folder).args(arguments).args(["--max-steps", &max_steps.to_string()]).args(others);
    String::from_utf8(command.output().unwrap().stderr).unwrap()
}

/// The numbers of each step, without its timings.
fn numbers(folder: &Path) -> Vec<[f64; 7]> {
    let text = std::fs::read_to_string(folder.join("outputs/metrics.jsonl")).unwrap();
    let names = ["step", "loss_d", "loss_g", "d_x", "d_g_z", "grad_norm_d", "grad_norm_g"];
    let number = |line: &Value, name: &str| line[name].as_f64().unwrap_or(f64::NAN);
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| names.map(|name| number(&line, name)))
        .collect()
}

/// The largest map of patches has 4 x 64 x 32 x 32 = 2^18 values an image, and 8192 of them have 2^31.
#[test]
fn a_batch_that_kernels_cannot_count_is_refused_before_anything_is_computed() {
    let folder = TempDir::new().unwrap();
    let config = TrainConfig { arch: arch("dcgan64"), batch_size: 8192, ..config(folder.path(), 1) };
    let error = run(&config).0.unwrap_err();
    assert!(matches!(error, TrainError::DeviceBatch { batch_size: 8192, largest: 8191 }), "{error}");
    let text = error.to_string();
    assert!(text.ends_with("enough for batches of 8191, not of 8192"), "{text}");
    assert!(folder.path().read_dir().unwrap().next().is_none(), "nothing is written");
}

/// By hand: of each architecture the most values of patches, four for each value of a map.
#[test]
fn the_largest_batch_is_that_of_the_largest_patches() {
    struct Largest;
    impl ForArchitecture for Largest {
        type Output = usize;
        fn run<A: Architecture>(self, _: &'static str) -> usize {
            Backend::largest_batch(&A::convolutions())
        }
    }
    for (name, patches) in [
        ("dcgan64", 4 * 64 * 32 * 32),
        ("dcgan64-small", 4 * 16 * 32 * 32),
        ("dcgan32", 4 * 64 * 16 * 16),
        ("dcgan32-small", 4 * 16 * 16 * 16),
        ("dcgan32-gray", 4 * 64 * 16 * 16),
    ] {
        let most = arch(name).run(Largest);
        assert!(most * patches < 1 << 31 && (most + 1) * patches >= 1 << 31, "{name}: {most}");
    }
}

/// The last steps are fewer than are read at a time.
#[test]
fn every_step_is_recorded_with_the_cpus_numbers() {
    if !emulator::is_here() {
        return;
    }
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    let steps = 19;
    let (result, events) = run(&config(folders[0].path(), steps));
    result.unwrap();
    run_on_cpu(folders[1].path(), steps, &[]);
    let [found, expected] = [0, 1].map(|which| numbers(folders[which].path()));
    assert_eq!(found.len() as u64, steps);
    for (found, expected) in found.iter().zip(&expected) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-2 * expected.abs(), "{found:?}, the CPU has {expected:?}");
        }
    }
    let told: Vec<u64> = events
        .iter()
        .filter_map(|event| if let Event::Step(step) = event { Some(step.step) } else { None })
        .collect();
    assert_eq!(told, (1..=steps).collect::<Vec<_>>());
}

/// A run that ends within what would have been read at a time goes on to the same bits.
#[test]
fn when_numbers_are_read_changes_none() {
    if !emulator::is_here() {
        return;
    }
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    run(&config(folders[0].path(), 9)).0.unwrap();
    for (steps, resume) in [(4, false), (9, true)] {
        let config = TrainConfig { resume, ..config(folders[1].path(), steps) };
        run(&config).0.unwrap();
    }
    assert_eq!(numbers(folders[0].path()), numbers(folders[1].path()));
}

/// The step that went wrong is named, and not a later one whose numbers were read with it.
#[test]
fn a_collapse_is_told_of_the_step_that_it_came_in() {
    if !emulator::is_here() {
        return;
    }
    for (on_collapse, name, goes_back) in
        [(OnCollapse::Stop, "stop", false), (OnCollapse::Rollback, "rollback", true)]
    {
        let folders = [(); 2].map(|()| TempDir::new().unwrap());
        let config = TrainConfig { on_collapse, learning_rate: 1e30, ..config(folders[0].path(), 40) };
        let (result, events) = run(&config);
        let of_cpu = run_on_cpu(folders[1].path(), 40, &["--learning-rate", "1e30", "--on-collapse", name]);
        let TrainError::Collapsed { step, .. } = result.unwrap_err() else { panic!("{of_cpu}") };
        assert!(of_cpu.contains(&format!("step {step}: ")), "step {step}, the CPU says: {of_cpu}");
        let warnings = events.iter().filter(|event| matches!(event, Event::Warning(_)));
        let steps: Vec<String> = warnings
            .map(|event| event.to_string().split(':').take(2).collect::<Vec<_>>().join(":"))
            .collect();
        assert_eq!(!steps.is_empty(), goes_back, "{steps:?}");
        for warning in steps {
            assert!(of_cpu.contains(&format!("{warning}:")), "{warning}, the CPU says: {of_cpu}");
        }
    }
}
