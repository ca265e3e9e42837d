//! Writes what each target starts from: `corpus/{target}/seed-*`, small files of all forms.

#[path = "../../../tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::Path;

use common::{discriminator, generator, spec};
use dcgan_core::description::TestVector;
use dcgan_core::{Checkpoint, checksum};
use dcgan_export::config::{Batch, Layout, OutputFormat, Precision};
use dcgan_export::{ExportConfig, export};
use dcgan_onnx::Message;

fn main() {
    let (plain, deep) = (generator(&spec("a", 1, &[1], 1), 1), generator(&spec("b", 2, &[1, 1], 3), 2));
    let networks = [plain, deep, discriminator()];
    for (index, network) in networks.iter().enumerate() {
        let sealed = bytes(network);
        write("checkpoint", &format!("sealed-{index}"), &sealed);
        write("checkpoint", &format!("open-{index}"), &without_checksum(&sealed));
        write("description", &format!("sealed-{index}"), json(&sealed).as_bytes());
        write("description", &format!("open-{index}"), json(&without_checksum(&sealed)).as_bytes());
        write("state_dict", &format!("own-{index}"), &without_description(&sealed));
        for (form, config) in forms().into_iter().enumerate() {
            let Ok(model) = export(network, &config) else { continue };
            for target in ["model", "interpreter", "model_file"] {
                write(target, &format!("{index}-{form}"), &model.encode_to_vec());
            }
        }
    }
    let pytorch = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/pytorch");
    for name in ["example_generator", "example_discriminator", "linear_generator", "linear_discriminator"] {
        let file = fs::read(pytorch.join(format!("{name}.safetensors"))).expect("it is in the repository");
        write("state_dict", name, &file);
        write("checkpoint", name, &file);
    }
    for seed in 0..64_u8 {
        let bytes: Vec<u8> =
            (0..96_u8).map(|i| seed.wrapping_mul(37).wrapping_add(i.wrapping_mul(seed | 1))).collect();
        write("operators", &format!("{seed}"), &bytes);
    }
    let vector = TestVector::of(7, &[0.25, -1.0, 0.5], 1e-3);
    write("metadata", "vectors", serde_json::to_string(&[vector]).expect("JSON").as_bytes());
    write("metadata", "size", b"100");
    write("metadata", "record", serde_json::to_string(&networks[0].record).expect("JSON").as_bytes());
    write("metadata", "checksum", format!("{}{}", checksum::checksum(b"abc"), checksum::BLANK).as_bytes());
}

/// A checkpoint as it lies in its file.
fn bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    let path = std::env::temp_dir().join(format!("dcgan-seed-{}", std::process::id()));
    checkpoint.save(&path).expect("a temporary file can be written");
    let bytes = fs::read(&path).expect("it was written");
    fs::remove_file(path).expect("it was written");
    bytes
}

/// Header and data.
fn parts(file: &[u8]) -> (serde_json::Value, &[u8]) {
    let length = u64::from_le_bytes(*file.first_chunk().expect("a length")) as usize;
    (serde_json::from_slice(&file[8..8 + length]).expect("a header"), &file[8 + length..])
}

fn joined(header: &serde_json::Value, data: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn json(file: &[u8]) -> String {
    parts(file).0["__metadata__"]["dcgan"].as_str().expect("a description").to_owned()
}

/// Without a checksum, which stops nearly all changes.
fn without_checksum(file: &[u8]) -> Vec<u8> {
    let (mut header, data) = parts(file);
    let mut description: serde_json::Value = serde_json::from_str(&json(file)).expect("JSON");
    description.as_object_mut().expect("an object").remove("sha256");
    header["__metadata__"]["dcgan"] = description.to_string().into();
    joined(&header, data)
}

fn without_description(file: &[u8]) -> Vec<u8> {
    let (mut header, data) = parts(file);
    header.as_object_mut().expect("an object").remove("__metadata__");
    joined(&header, data)
}

fn forms() -> Vec<ExportConfig> {
    let default = ExportConfig::default();
    vec![
        ExportConfig { batch: Batch::Fixed(2), opset: 9, ..default.clone() },
        ExportConfig { fold_batchnorm: false, precision: Precision::F16, ..default.clone() },
        ExportConfig { output_format: OutputFormat::Uint8, layout: Layout::Nhwc, ..default.clone() },
        default,
    ]
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("the corpus can be written");
    fs::write(folder.join(format!("seed-{name}")), bytes).expect("the corpus can be written");
}
