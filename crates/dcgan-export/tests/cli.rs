//! The program: what it prints, its exit codes, and that a failure loses nothing.

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use common::{generator, spec};
use dcgan_core::Weights;
use dcgan_export::config::{Batch, Layout, OutputFormat, Precision};
use dcgan_export::{Assumptions, CardConfig, ExportConfig, ModelProto, Network, export_network};
use dcgan_onnx::Message;
use tempfile::TempDir;

const CHECKPOINT: &str = "generator.safetensors";

/// A fresh folder with a generator's checkpoint in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    generator(&spec("tiny", 3, &[4, 2], 1), 1).save(&folder.path().join(CHECKPOINT)).unwrap();
    folder
}

/// Runs the program in a folder.
fn run(folder: &Path, arguments: &[&str]) -> Assert {
    Command::cargo_bin("dcgan-export").unwrap().current_dir(folder).args(arguments).assert()
}

/// Runs an export that has to fail with exit code 1; its message.
fn failure(folder: &Path, checkpoint: &str, output: &str) -> String {
    let assert = run(folder, &["--checkpoint", checkpoint, "--output", output]).code(1).stdout("");
    let message = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(message.starts_with("dcgan-export: "), "{message}");
    message
}

/// The model that the library makes of the checkpoint's file.
fn expected(folder: &Path, config: &ExportConfig) -> ModelProto {
    let (weights, checksum) = Weights::load_hashed(&folder.join(CHECKPOINT)).unwrap();
    let network = Network::of_weights(weights, &Assumptions::default()).unwrap();
    let network = Network { checkpoint: Some(checksum), ..network };
    export_network(network, config).unwrap()
}

fn assert_contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
}

#[test]
fn help_is_as_reviewed() {
    for (name, arguments) in [("help", &["--help"][..]), ("help_inspect", &["inspect", "--help"])] {
        let assert = run(Path::new("."), arguments).success();
        insta::assert_snapshot!(name, String::from_utf8_lossy(&assert.get_output().stdout));
    }
}

/// Single numbers that scale an output are learned by nobody.
#[test]
fn the_table_counts_the_parameters_that_the_export_counts() {
    let folder = folder();
    let flags = ["--checkpoint", CHECKPOINT, "--output-format", "uint8"];
    let assert = run(folder.path(), &flags).success();
    assert_contains(&String::from_utf8_lossy(&assert.get_output().stdout), &[" 418 parameters, "]);
    let assert = run(folder.path(), &["inspect", "g.onnx"]).success();
    assert_contains(&String::from_utf8_lossy(&assert.get_output().stdout), &["\nparameters  418\n"]);
}

#[test]
fn a_generator_becomes_g_onnx() {
    let folder = folder();
    let assert = run(folder.path(), &["--checkpoint", CHECKPOINT]).success().stderr("");
    let bytes = fs::read(folder.path().join("g.onnx")).unwrap();
    let summary = format!(
        "g.onnx: {} bytes, tiny, 418 parameters, opset 13, 6 nodes, verified: largest difference ",
        bytes.len()
    );
    let printed = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let difference = printed.strip_prefix(&summary).unwrap_or_else(|| panic!("{printed}"));
    let difference: f64 = difference.trim_end().parse().unwrap();
    assert!(difference > 0.0 && difference < 1e-5, "{printed}");
    let expected = expected(folder.path(), &ExportConfig::default());
    assert_eq!(ModelProto::decode(bytes.as_slice()).unwrap(), expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// Made of different weights, so that the file shows which were taken.
#[test]
fn of_a_folder_the_best_generator_is_exported_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let message = failure(folder.path(), ".", "g.onnx");
    assert_contains(
        &message,
        &[". is a folder with none of generator_best.safetensors", "name a file in it"],
    );
    for (seed, (name, reason)) in (1..).zip(dcgan_core::best_checkpoint::GENERATORS.iter().rev()) {
        generator(&spec("tiny", 3, &[4, 2], 1), seed).save(&folder.path().join(name)).unwrap();
        let assert = run(folder.path(), &["--checkpoint", "."]).success().stderr("");
        let printed = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert_contains(&printed, &[&format!("exported ./{name}: {reason}\n")]);
        let exported = fs::read(folder.path().join("g.onnx")).unwrap();
        run(folder.path(), &["--checkpoint", name, "--output", "named.onnx"]).success();
        assert!(exported == fs::read(folder.path().join("named.onnx")).unwrap(), "{name}");
    }
}

#[test]
fn a_file_is_inspected() {
    let folder = folder();
    run(folder.path(), &["--checkpoint", CHECKPOINT]).success();
    let assert = run(folder.path(), &["inspect", "g.onnx"]).success().stderr("");
    let printed = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let rows = ["parameters  418\n", "opset       ai.onnx 13\n", "inputs      z: FLOAT [N, 3]\n"];
    assert_contains(&printed, &rows);
    assert_contains(&printed, &["outputs     image: FLOAT [N, 1, 16, 16]\n", "2 ConvTranspose\n"]);
    assert_contains(&printed, &["dcgan.architecture: tiny\n", "producer    dcgan-export "]);
    let training = "dcgan.training: 300 steps, 38400 images seen, dataset shapes, seed 1\n";
    let vectors = "dcgan.test_vectors: seed 0: 64 values within 0.001; seed 1: 64 values within 0.001\n";
    let checkpoint = dcgan_core::checksum::checksum(&fs::read(folder.path().join(CHECKPOINT)).unwrap());
    let checkpoint = format!("dcgan.checkpoint_sha256: {checkpoint}\n");
    assert_contains(&printed, &[training, vectors, &checkpoint, "dcgan.latent_distribution: normal(0,1)\n"]);
    let message = |file: &str| {
        let assert = run(folder.path(), &["inspect", file]).code(1).stdout("");
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    assert_contains(&message(CHECKPOINT), &["generator.safetensors is no whole ONNX file: at byte "]);
    assert_contains(
        &message("none"),
        &["cannot read model none: ", "; expected an ONNX file, ", "; name it behind inspect\n"],
    );
    assert_contains(&message("."), &["this is a folder"]);
    run(folder.path(), &["inspect"]).code(2);
    run(folder.path(), &["--checkpoint", CHECKPOINT, "inspect", "g.onnx"]).code(2);
}

#[test]
fn a_repository_of_triton_has_the_same_file_and_its_configuration() {
    let folder = folder();
    let arguments = ["--checkpoint", CHECKPOINT, "--triton", "models"];
    let assert = run(folder.path(), &arguments).success().stderr("");
    let printed = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(printed.starts_with("models/dcgan/1/model.onnx: ") && printed.contains("verified"), "{printed}");
    assert!(!folder.path().join("g.onnx").exists(), "nobody asked for it");
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    run(folder.path(), &[&arguments[..], &["--output", "h.onnx"]].concat()).success();
    assert_eq!(read("h.onnx"), read("models/dcgan/1/model.onnx"));
    let config = String::from_utf8(read("models/dcgan/config.pbtxt")).unwrap();
    assert_contains(&config, &["max_batch_size: 64\n", "name: \"z\"", "dims: [ 1, 16, 16 ]"]);
    fs::create_dir_all(folder.path().join("own/dcgan/1")).unwrap();
    fs::copy(folder.path().join(CHECKPOINT), folder.path().join("own/dcgan/1/model.onnx")).unwrap();
    let arguments = ["--checkpoint", "own/dcgan/1/model.onnx", "--triton", "own"];
    let assert = run(folder.path(), &arguments).code(1).stdout("");
    assert_contains(&String::from_utf8_lossy(&assert.get_output().stderr), &["it is the input itself"]);
    assert_eq!(read("own/dcgan/1/model.onnx"), read(CHECKPOINT));
}

#[test]
fn a_file_that_was_not_verified_is_the_same() {
    let folder = folder();
    run(folder.path(), &["--checkpoint", CHECKPOINT, "--output", "a.onnx"]).success();
    let assert = run(folder.path(), &["--checkpoint", CHECKPOINT, "--output", "b.onnx", "--no-verify"]);
    let printed = String::from_utf8(assert.success().get_output().stdout.clone()).unwrap();
    assert!(printed.ends_with("6 nodes\n"), "{printed}");
    let read = |name| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("a.onnx"), read("b.onnx"));
}

#[test]
fn the_same_checkpoint_gives_the_same_bytes_in_any_place() {
    let folder = folder();
    for output in ["a.onnx", "missing/folders/b.onnx"] {
        run(folder.path(), &["--checkpoint", CHECKPOINT, "--output", output]).success();
    }
    let read = |name| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("a.onnx"), read("missing/folders/b.onnx"));
}

#[test]
fn the_flags_are_the_configs_fields() {
    let folder = folder();
    let flags = [
        "--fold-batchnorm=off",
        "--opset=11",
        "--batch=4",
        "--precision=f16",
        "--output-format=uint8",
        "--layout=nhwc",
        "--name=Blobs",
        "--description= coloured blobs ",
        "--dataset=mine",
        "--author=A. Uthor",
        "--license=MIT",
    ];
    let arguments: Vec<_> = ["--checkpoint", CHECKPOINT].into_iter().chain(flags).collect();
    run(folder.path(), &arguments).success();
    let bytes = fs::read(folder.path().join("g.onnx")).unwrap();
    let config = ExportConfig {
        fold_batchnorm: false,
        opset: 11,
        batch: Batch::Fixed(4),
        precision: Precision::F16,
        output_format: OutputFormat::Uint8,
        layout: Layout::Nhwc,
        card: CardConfig {
            name: Some("Blobs".to_owned()),
            description: Some("coloured blobs".to_owned()),
            dataset: Some("mine".to_owned()),
            author: Some("A. Uthor".to_owned()),
            license: Some("MIT".to_owned()),
        },
    };
    let expected = expected(folder.path(), &config);
    assert_eq!(ModelProto::decode(bytes.as_slice()).unwrap(), expected);
}

#[test]
fn a_value_that_no_file_can_have_is_exit_code_2_and_the_choice_is_named() {
    for (flag, value, choice) in [
        ("--opset", "8", "one of 9 to 18, which all runtimes share: choose one of them, 13 if in doubt"),
        ("--opset", "19", "one of 9 to 18"),
        ("--opset", "-13", "one of 9 to 18"),
        ("--opset", "thirteen", "one of 9 to 18"),
        ("--batch", "0", "a number from 1 to 65536: choose one, or dynamic for batches of any size"),
        ("--batch", "-1", "a number from 1 to 65536"),
        ("--batch", "65537", "a number from 1 to 65536"),
        ("--batch", "N", "or dynamic"),
        ("--fold-batchnorm", "maybe", "expected on or off"),
        ("--precision", "bf16", "f32, f16"),
        ("--output-format", "png", "f32, uint8"),
        ("--layout", "chwn", "nchw, nhwc"),
        ("--license", " ", "it is empty: write a text, or leave the flag out"),
    ] {
        let assert = run(Path::new("."), &["--checkpoint", CHECKPOINT, flag, value]).code(2).stdout("");
        let message = String::from_utf8_lossy(&assert.get_output().stderr);
        assert_contains(&message, &[flag, value, choice]);
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    run(Path::new("."), &[]).code(2).stdout("");
    run(Path::new("."), &["--checkpoint"]).code(2);
    run(Path::new("."), &["--checkpoint", CHECKPOINT, "--ir-version", "8"]).code(2);
}

#[test]
fn a_bad_checkpoint_is_named_and_the_old_output_kept() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let bytes = fs::read(path(CHECKPOINT)).unwrap();
    fs::write(path("truncated"), &bytes[..bytes.len() - 1]).unwrap();
    fs::write(path("g.onnx"), "old").unwrap();
    let message = |checkpoint| failure(folder.path(), checkpoint, "g.onnx");
    assert_contains(
        &message("none"),
        &["cannot read checkpoint none: ", "; expected a checkpoint ", " with --checkpoint\n"],
    );
    assert_contains(&message("truncated"), &["truncated is not a whole safetensors file"]);
    assert_eq!(fs::read_to_string(path("g.onnx")).unwrap(), "old");
}

#[test]
fn weights_that_cannot_be_exported_are_named_and_the_old_output_kept() {
    let folder = folder();
    let mut checkpoint = generator(&spec("tiny", 3, &[4, 2], 1), 1);
    let variance = dcgan_core::TensorData::from_values(&[2], vec![1.0, -1.0]);
    checkpoint.tensors.insert("bn1.running_var".to_owned(), variance);
    checkpoint.save(&folder.path().join("negative")).unwrap();
    fs::write(folder.path().join("g.onnx"), "old").unwrap();
    let message = failure(folder.path(), "negative", "g.onnx");
    assert_contains(&message, &["checkpoint negative: tensor bn1.running_var has -1 at position 1"]);
    assert_eq!(fs::read_to_string(folder.path().join("g.onnx")).unwrap(), "old");
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let folder = folder();
    fs::create_dir(folder.path().join("folder")).unwrap();
    fs::write(folder.path().join("file"), "old").unwrap();
    let message = |output| failure(folder.path(), CHECKPOINT, output);
    assert_contains(&message("folder"), &["cannot write folder", "this is a folder"]);
    assert_contains(&message("file/g.onnx"), &["cannot write file/g.onnx"]);
    assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn the_checkpoint_is_not_overwritten() {
    let folder = folder();
    let bytes = || fs::read(folder.path().join(CHECKPOINT)).unwrap();
    let before = bytes();
    let message = failure(folder.path(), CHECKPOINT, &format!("./{CHECKPOINT}"));
    assert_contains(&message, &["it is the input itself"]);
    assert_eq!(bytes(), before);
}

/// A name that clears the terminal's screen in two ways and starts a line.
#[cfg(unix)]
#[test]
fn names_of_files_reach_the_terminal_escaped() {
    const NAME: &str = "a\u{1b}[2J\u{9b}2J\nb";
    const ESCAPED: &str = "a\\u{1b}[2J\\u{9b}2J\\nb";
    let folder = folder();
    let printed = |arguments: &[&str]| {
        let assert = run(folder.path(), arguments);
        let output = assert.get_output();
        let all = String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap();
        assert!(!all.chars().any(|c| c.is_control() && c != '\n'), "{all:?}");
        all
    };
    for arguments in [
        &["--checkpoint", CHECKPOINT, "--output", &format!("{NAME}.onnx")][..],
        &["--checkpoint", NAME],
        &["inspect", NAME],
    ] {
        assert_contains(&printed(arguments), &[ESCAPED]);
    }
    assert_contains(&printed(&["--checkpoint", CHECKPOINT, "--opset", NAME]), &["error: "]);
}
