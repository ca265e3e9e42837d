//! Runs of `dcgan-train` in folders of their own, and what they leave there.
#![allow(dead_code)] // each test program uses a part

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dcgan_core::rng::Rng;
use image::RgbImage;
use tempfile::TempDir;

/// A small network, on drawn pictures or on those of [`pictures`].
pub const SHAPES: [&str; 6] = ["--dataset", "shapes", "--arch", "dcgan32-small", "--batch-size", "8"];
pub const FOLDER: [&str; 6] = ["--dataset", "folder", "--arch", "dcgan32-small", "--batch-size", "8"];

/// A folder with 20 pictures and two broken ones: with batches of 8, three steps an epoch.
pub fn pictures() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    for i in 0..20_u64 {
        let mut rng = Rng::new(i);
        let picture = RgbImage::from_fn(32, 32, |_, _| image::Rgb([(); 3].map(|()| rng.below(256) as u8)));
        picture.save(folder.path().join(format!("data/{i}.png"))).unwrap();
    }
    for name in ["data/3-broken.png", "data/9-broken.png"] {
        fs::write(folder.path().join(name), b"no picture").unwrap();
    }
    folder
}

/// The program in a folder.
pub fn program(folder: &Path, arguments: &[&[&str]]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("dcgan-train"));
    command.current_dir(folder).args(arguments.concat());
    command
}

/// What was printed to standard error, and the exit code.
pub fn run(folder: &Path, arguments: &[&[&str]]) -> (String, i32) {
    let Output { status, stderr, .. } = program(folder, arguments).output().unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert!(!text.contains("panicked"), "{arguments:?}:\n{text}");
    (text, status.code().unwrap_or(-1))
}

/// A run that has to come to its end.
pub fn train(folder: &Path, arguments: &[&[&str]]) -> String {
    let (text, code) = run(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}:\n{text}");
    text
}

/// A run that has to fail in these words.
pub fn fails(folder: &Path, arguments: &[&[&str]], parts: &[&str]) {
    let (text, code) = run(folder, arguments);
    assert_eq!(code, 1, "{arguments:?}:\n{text}");
    for part in parts {
        assert!(text.contains(part), "{arguments:?} lacks {part:?}:\n{text}");
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The steps of the states that a run left, in order.
pub fn states(folder: &Path) -> Vec<u64> {
    let step = |name: String| name.strip_prefix("state_")?.strip_suffix(".safetensors")?.parse().ok();
    let mut steps: Vec<u64> = names(&folder.join("checkpoints")).into_iter().filter_map(step).collect();
    steps.sort_unstable();
    steps
}

pub fn state_path(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("checkpoints/state_{step}.safetensors"))
}

/// All that a run learned: its networks, pictures and metrics, these without their timings and memory.
pub fn results(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut results = BTreeMap::new();
    for part in ["checkpoints", "outputs"] {
        for name in names(&folder.join(part)).into_iter().filter(|name| is_result(name)) {
            let bytes = fs::read(folder.join(part).join(&name)).unwrap();
            let bytes = if name == "metrics.jsonl" { without_timings(&bytes) } else { bytes };
            results.insert(name, bytes);
        }
    }
    results
}

/// Neither a state, which has the time in it, nor the settings, which may be others.
fn is_result(name: &str) -> bool {
    !name.starts_with("state_") && name != "config.toml"
}

fn without_timings(metrics: &[u8]) -> Vec<u8> {
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        let fields = line.as_object_mut().unwrap();
        fields.retain(|name, _| !["images_per_second", "memory_mib"].contains(&name.as_str()));
        assert!(fields.len() >= 5, "{line}");
        format!("{line}\n")
    };
    std::str::from_utf8(metrics).unwrap().lines().map(line).collect::<String>().into_bytes()
}

/// Asserts that a run has, to the byte, all that another one has; it may have pictures of more epochs.
pub fn assert_same_results(found: &Path, expected: &Path) {
    let (found, expected) = (results(found), results(expected));
    assert!(expected.len() > 3, "{:?}", expected.keys());
    for (name, bytes) in &expected {
        let Some(same) = found.get(name) else { panic!("{name} is missing in {:?}", found.keys()) };
        assert!(same == bytes, "{name} differs");
    }
}
