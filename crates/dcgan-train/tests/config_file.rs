//! A run's settings as a file, as a person uses it.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// Runs the program in a folder; what it printed to standard error, and its exit code.
fn run(folder: &Path, arguments: &[&str]) -> (String, i32) {
    let output =
        Command::cargo_bin("dcgan-train").unwrap().current_dir(folder).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{arguments:?}:\n{text}");
    (text, output.status.code().unwrap())
}

fn trains(folder: &Path, arguments: &[&str]) {
    let (text, code) = run(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}:\n{text}");
}

fn fails(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let (text, code) = run(folder, arguments);
    assert_eq!(code, 1, "{arguments:?}:\n{text}");
    for part in parts {
        assert!(text.contains(part), "{arguments:?} lacks {part:?}:\n{text}");
    }
}

const SMALL: [&str; 8] =
    ["--dataset", "shapes", "--arch", "dcgan32-small", "--batch-size", "8", "--max-steps", "2"];

#[test]
fn a_runs_file_repeats_it() {
    let folders = [(); 3].map(|()| TempDir::new().unwrap());
    let [first, second, third] = folders.each_ref().map(|folder| folder.path());
    let more =
        ["--learning-rate", "1e-3", "--seed", "18446744073709551615", "--spectral-norm", "--threads", "1"];
    trains(first, &[&SMALL[..], &more, &["--checkpoint-dir", "007"]].concat());
    let settings = fs::read_to_string(first.join("outputs/config.toml")).unwrap();
    for line in [
        "dataset = \"shapes\"",
        "batch_size = 8",
        "max_steps = 2",
        "learning_rate = 0.001",
        "spectral_norm = true",
        "no_download = false",
        "threads = 1",
        "checkpoint_dir = \"007\"",
        "# Images a batch, up to those of the dataset; an epoch's last batch has what is left",
    ] {
        assert!(settings.lines().any(|found| found == line), "{line} is missing:\n{settings}");
    }
    assert!(!settings.contains("max_minutes") && !settings.contains("quiet"), "{settings}");

    let file = first.join("outputs/config.toml");
    let file = file.to_str().unwrap();
    trains(second, &["--config", file]);
    let bytes = |folder: &Path| fs::read(folder.join("007/generator_final.safetensors")).unwrap();
    assert_eq!(bytes(first), bytes(second));
    assert_eq!(settings, fs::read_to_string(second.join("outputs/config.toml")).unwrap());

    // Flags win, wherever they stand.
    trains(third, &["--max-steps", "1", "--config", file, "--seed", "3", "--spectral-norm=false", "--flip"]);
    assert_ne!(bytes(third), bytes(first));
    let settings = fs::read_to_string(third.join("outputs/config.toml")).unwrap();
    assert!(settings.contains("\nmax_steps = 1\n") && settings.contains("\nseed = 3\n"), "{settings}");
    for line in ["learning_rate = 0.001", "spectral_norm = false", "flip = true"] {
        assert!(settings.lines().any(|found| found == line), "{line} is missing:\n{settings}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let cases: [(&str, &[&str]); 8] = [
        ("batch_sice = 8", &["there is no setting batch_sice", "--help"]),
        ("config = \"other.toml\"", &["there is no setting config"]),
        ("batch_size = \"many\"", &["--batch-size", "many", "expected a whole number from 1 on"]),
        ("batch_size = 0", &["--batch-size", "expected a whole number from 1 on"]),
        ("batch_size = true", &["batch_size = true, expected a number or a text"]),
        ("spectral_norm = 1", &["spectral_norm = 1, expected true or false"]),
        ("[train]\nbatch_size = 8", &["there is no setting train"]),
        ("batch_size 8", &["is not a file of settings in TOML"]),
    ];
    for (text, parts) in cases {
        fs::write(folder.join("mine.toml"), text).unwrap();
        let parts = [parts, &["mine.toml"]].concat();
        fails(folder, &["--config", "mine.toml"], &parts);
    }
    fails(folder, &["--config", "nowhere.toml"], &["cannot read nowhere.toml"]);
    assert!(!folder.join("outputs").exists() && !folder.join("checkpoints").exists());
}

#[test]
fn names_are_spelled_either_way() {
    let folder = TempDir::new().unwrap();
    let text =
        "dataset = 'shapes'\narch = 'dcgan32-small'\nbatch-size = 8\nmax_steps = 1\nlearning_rate = '1e-3'\n";
    fs::write(folder.path().join("mine.toml"), text).unwrap();
    trains(folder.path(), &["--config", "mine.toml"]);
}
