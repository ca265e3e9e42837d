//! What `dcgan-train` shows while it trains: in a pipe, in a file, and in the picture of the losses.

use std::fs;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use dcgan_data::DatasetKind;
use dcgan_train::backend::cpu::CpuBackend;
use dcgan_train::networks::arch::Arch;
use dcgan_train::report::event::Event;
use dcgan_train::run::config::TrainConfig;
use dcgan_train::run::train;
use dfdx::tensor::Cpu;
use image::RgbImage;
use tempfile::TempDir;

const PLOT: &str = "outputs/training_loss.png";

/// A folder with 20 pictures and a broken one: with batches of 8, three steps an epoch.
fn pictures() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    for i in 0..20u8 {
        let picture = RgbImage::from_fn(32, 32, |x, y| image::Rgb([i * 10, x as u8 * 6, y as u8 * 5]));
        picture.save(folder.path().join(format!("data/{i}.png"))).unwrap();
    }
    fs::write(folder.path().join("data/broken.png"), b"no picture").unwrap();
    folder
}

fn program(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("dcgan-train"));
    command.current_dir(folder.path()).args(["--arch", "dcgan32-small", "--batch-size", "8"]).args(arguments);
    command
}

/// Runs the program with pipes, and returns what came out of both.
fn run(folder: &TempDir, arguments: &[&str]) -> (String, String) {
    let Output { status, stdout, stderr } = program(folder, arguments).output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(status.success(), "{arguments:?}:\n{stderr}");
    (stdout, stderr)
}

#[test]
fn a_pipe_gets_plain_lines() {
    let folder = pictures();
    let (stdout, stderr) =
        run(&folder, &["--dataset", "folder", "--num-epochs", "4", "--save-interval", "2"]);
    assert_eq!(stdout, "");
    assert!(!stderr.contains(['\r', '\x1b', '[']), "{stderr:?}");
    let lines: Vec<_> = stderr.lines().collect();
    assert!(lines[0].starts_with("device: "), "{stderr}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("skipped image 1: ")).count(), 1, "{stderr}");
    // Twelve steps in no time are one line, the last one.
    let progress: Vec<_> = lines.iter().filter(|line| line.starts_with("epoch ")).collect();
    assert!(progress.last().unwrap().starts_with("epoch 4/4  step 12  loss D "), "{stderr}");
    assert!(progress.len() < 4, "{stderr}");
    let saves = lines.iter().filter(|line| **line == format!("saved {PLOT}"));
    assert_eq!(saves.count(), 2, "at each save:\n{stderr}");
    assert!(lines.last().unwrap().starts_with("next: dcgan-export "), "{stderr}");
}

#[test]
fn quiet_leaves_warnings_and_errors() {
    let folder = pictures();
    let shapes = ["--dataset", "shapes", "--max-steps", "2", "--quiet"];
    assert_eq!(run(&folder, &shapes), (String::new(), String::new()));
    assert!(folder.path().join(PLOT).exists());
    let (stdout, stderr) = run(&folder, &["--dataset", "folder", "--max-steps", "3", "-q"]);
    assert_eq!((stdout.as_str(), stderr.lines().count()), ("", 1), "{stderr}");
    assert!(stderr.starts_with("skipped image 1: ") && stderr.contains("broken.png"), "{stderr}");
    let output = program(&folder, &["--dataset", "folder", "--data-dir", "nowhere", "-q"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && stderr.contains("nowhere"), "{stderr}");
}

#[test]
fn the_plot_is_drawn_again_at_each_save() {
    let folder = pictures();
    let config = TrainConfig {
        dataset: DatasetKind::Folder,
        data_dir: folder.path().join("data"),
        arch: Arch::Dcgan32Small,
        batch_size: 8,
        num_epochs: 3,
        save_interval: 1,
        checkpoint_dir: folder.path().join("checkpoints"),
        output_dir: folder.path().join("outputs"),
        ..TrainConfig::default()
    };
    let mut plots = Vec::new();
    let mut steps = Vec::new();
    let mut report = |event| match event {
        Event::Saved(path) if path.ends_with(PLOT) => plots.push(fs::read(path).unwrap()),
        Event::Step(step) => steps.push((step.step, step.steps)),
        _ => {}
    };
    train::<CpuBackend>(&config, &Cpu::default(), &mut report).unwrap();
    assert_eq!(plots.len(), 3);
    assert!(plots[0] != plots[1] && plots[1] != plots[2]);
    for plot in plots {
        assert_eq!(
            image::load_from_memory(&plot).unwrap().to_rgb8().dimensions(),
            dcgan_train::report::plot::SIZE
        );
    }
    let expected: Vec<_> = (1..=9).map(|step| (step, 9)).collect();
    assert_eq!(steps, expected, "each step, and the last one known in advance");
}

/// 17 files of which one is broken: an epoch has two steps, not three.
#[test]
fn the_end_is_known_from_the_first_step_on_whatever_is_broken() {
    let folder = pictures();
    for i in 16..20 {
        fs::remove_file(folder.path().join(format!("data/{i}.png"))).unwrap();
    }
    let config = TrainConfig {
        dataset: DatasetKind::Folder,
        data_dir: folder.path().join("data"),
        arch: Arch::Dcgan32Small,
        batch_size: 8,
        num_epochs: 3,
        checkpoint_dir: folder.path().join("checkpoints"),
        output_dir: folder.path().join("outputs"),
        ..TrainConfig::default()
    };
    let mut steps = Vec::new();
    let mut report = |event| {
        if let Event::Step(step) = event {
            steps.push((step.step, step.steps));
        }
    };
    train::<CpuBackend>(&config, &Cpu::default(), &mut report).unwrap();
    assert_eq!(steps, [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]);
}

#[test]
fn the_plot_of_an_earlier_run_never_stays_as_this_ones() {
    let folder = TempDir::new().unwrap();
    run(&folder, &["--dataset", "shapes", "--max-steps", "2"]);
    assert!(folder.path().join(PLOT).exists());
    let (_, stderr) = run(&folder, &["--dataset", "shapes", "--max-steps", "1"]);
    assert!(!stderr.contains(PLOT) && !folder.path().join(PLOT).exists(), "one step is no line:\n{stderr}");
    // What is no picture is left alone, and known before training.
    fs::create_dir(folder.path().join(PLOT)).unwrap();
    let output = program(&folder, &["--dataset", "shapes", "--max-steps", "2"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains(PLOT) && stderr.contains("a file was expected") && !stderr.contains("epoch 1/"),
        "{stderr}"
    );
}

#[test]
fn a_run_that_is_killed_keeps_the_last_plot() {
    let folder = pictures();
    let arguments = ["--dataset", "folder", "--num-epochs", "1000000", "--save-interval", "1", "--quiet"];
    let mut child = program(&folder, &arguments).spawn().unwrap();
    let plot = folder.path().join(PLOT);
    while !plot.exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended without a plot");
        thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(image::open(plot).unwrap().to_rgb8().dimensions(), dcgan_train::report::plot::SIZE);
}
