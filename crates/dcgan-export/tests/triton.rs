//! Triton's model repository: its configuration as Triton's own protobuf reads it, and that nothing is lost.

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use common::{discriminator, generator, spec};
use dcgan_core::Checkpoint;
use dcgan_export::config::{Batch, Layout, OutputFormat, Precision};
use dcgan_export::{ExportConfig, ModelProto, export, triton};
use dcgan_onnx::Message;
use serde_json::{Value, json};
use tempfile::TempDir;

fn tiny() -> Checkpoint {
    generator(&spec("tiny", 3, &[4, 2], 1), 1)
}

/// Triton's client of PyPI with protobuf, without what they would need to talk to a server; installed once.
fn python() -> Command {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    let packages = PACKAGES.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/triton");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("triton");
        fs::create_dir_all(&folder).unwrap();
        let lock = File::create(folder.join(".lock")).unwrap();
        lock.lock().unwrap();
        let wanted = fs::read_to_string(sources.join("requirements.txt")).unwrap();
        let (packages, stamp) = (folder.join("packages"), folder.join("installed.txt"));
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return packages;
        }
        drop(fs::remove_dir_all(&packages));
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--no-deps",
        ]);
        pip.arg("--target").arg(&packages).arg("-r").arg(sources.join("requirements.txt"));
        assert!(pip.status().expect("the tests need python3").success(), "pip cannot install {wanted}");
        fs::write(stamp, wanted).unwrap();
        packages
    });
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/triton/parse.py")).arg(packages);
    command
}

/// A model's configuration, parsed by protobuf with Triton's schema; what has its default value is not there.
fn parsed(checkpoint: &Checkpoint, config: &ExportConfig) -> Value {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.pbtxt");
    fs::write(&path, triton::config(&export(checkpoint, config).unwrap())).unwrap();
    let output = python().arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn value(name: &str, kind: &str, dims: &[usize]) -> Value {
    // Protobuf's JSON writes 64-bit numbers as text.
    let dims: Vec<_> = dims.iter().map(usize::to_string).collect();
    json!({ "name": name, "dataType": kind, "dims": dims })
}

#[test]
fn triton_reads_what_each_form_takes_and_gives() {
    let config = ExportConfig::default;
    let z = value("z", "TYPE_FP32", &[3]);
    let image = |kind, dims| value("image", kind, dims);
    for (config, output) in [
        (config(), image("TYPE_FP32", &[1, 16, 16])),
        (ExportConfig { precision: Precision::F16, ..config() }, image("TYPE_FP32", &[1, 16, 16])),
        (ExportConfig { output_format: OutputFormat::Uint8, ..config() }, image("TYPE_UINT8", &[1, 16, 16])),
        (
            ExportConfig { output_format: OutputFormat::Uint8, layout: Layout::Nhwc, ..config() },
            image("TYPE_UINT8", &[16, 16, 1]),
        ),
    ] {
        let expected = json!({
            "name": "dcgan", "platform": "onnxruntime_onnx", "maxBatchSize": 64, "dynamicBatching": {},
            "input": [z], "output": [output],
        });
        assert_eq!(parsed(&tiny(), &config), expected, "{config:?}");
    }
}

#[test]
fn a_fixed_batch_is_a_dimension_and_nothing_is_put_together() {
    let config = ExportConfig { batch: Batch::Fixed(4), ..ExportConfig::default() };
    let expected = json!({
        "name": "dcgan", "platform": "onnxruntime_onnx",
        "input": [value("z", "TYPE_FP32", &[4, 3])],
        "output": [value("image", "TYPE_FP32", &[4, 1, 16, 16])],
    });
    assert_eq!(parsed(&tiny(), &config), expected);
}

#[test]
fn a_discriminator_takes_images_and_gives_both_its_outputs() {
    let expected = json!({
        "name": "dcgan", "platform": "onnxruntime_onnx", "maxBatchSize": 64, "dynamicBatching": {},
        "input": [value("image", "TYPE_FP32", &[1, 16, 16])],
        "output": [value("logit", "TYPE_FP32", &[1]), value("probability", "TYPE_FP32", &[1])],
    });
    assert_eq!(parsed(&discriminator(), &ExportConfig::default()), expected);
}

fn model() -> ModelProto {
    export(&tiny(), &ExportConfig::default()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_new_model_is_whole_and_an_old_one_keeps_what_else_is_there() {
    let folder = TempDir::new().unwrap();
    let (repository, bytes) = (folder.path().join("models"), model().encode_to_vec());
    let write = || triton::write(&repository, &model(), &bytes, |_| Ok::<_, String>(7)).unwrap().unwrap();
    assert_eq!(write(), 7);
    assert_eq!(names(&repository), ["dcgan"]);
    assert_eq!(names(&repository.join("dcgan")), ["1", "config.pbtxt"]);
    fs::write(repository.join("dcgan/1/model.onnx"), "old").unwrap();
    fs::write(repository.join("dcgan/config.pbtxt"), "old").unwrap();
    fs::create_dir(repository.join("dcgan/2")).unwrap();
    write();
    assert_eq!(names(&repository), ["dcgan"]);
    assert_eq!(names(&repository.join("dcgan")), ["1", "2", "config.pbtxt"]);
    assert_eq!(fs::read(triton::model_path(&repository)).unwrap(), bytes);
    let config = fs::read_to_string(repository.join("dcgan/config.pbtxt")).unwrap();
    assert_eq!(config, triton::config(&model()));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_a_private_file_stays_private() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = TempDir::new().unwrap();
    let (repository, elsewhere) = (folder.path().join("models"), folder.path().join("elsewhere.onnx"));
    let write = || triton::write(&repository, &model(), &model().encode_to_vec(), |_| Ok::<_, String>(()));
    write().unwrap().unwrap();
    let (path, config) = (triton::model_path(&repository), repository.join("dcgan/config.pbtxt"));
    fs::write(&elsewhere, "old").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&elsewhere, &path).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
    write().unwrap().unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(fs::read(&elsewhere).unwrap(), model().encode_to_vec());
    assert_eq!(fs::metadata(&config).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_model_that_is_wrong_or_has_no_place_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let repository = folder.path().join("models");
    let write = |repository: &Path, checked: Result<(), &'static str>| {
        triton::write(repository, &model(), &model().encode_to_vec(), |_| checked)
    };
    assert_eq!(write(&repository, Err("wrong")).unwrap(), Err("wrong"));
    assert!(names(&repository).is_empty());
    fs::write(repository.join("dcgan"), "precious").unwrap();
    let error = write(&repository, Ok(())).unwrap_err();
    assert!(error.to_string().ends_with("models/dcgan"), "{error}");
    assert!(error.source.to_string().contains("a folder was expected"), "{}", error.source);
    let error = write(&repository.join("dcgan"), Ok(())).unwrap_err();
    assert!(error.source.to_string().contains("is a file, a folder was expected"), "{}", error.source);
    assert_eq!(fs::read_to_string(repository.join("dcgan")).unwrap(), "precious");
    assert_eq!(names(&repository), ["dcgan"]);
}
