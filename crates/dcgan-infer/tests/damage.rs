//! Models with a bit that has changed: a picture or a message, whatever the bit, and never a crash.

mod common;

use std::fs;
use std::path::Path;
use std::thread;

use common::{Sandbox, fixture};
use dcgan_core::rng::Rng;

/// Flips of one model in one engine.
const FLIPS: u64 = 150;

/// Two models: one of a few nodes, whose bits nearly all matter to its form, and a whole generator.
const MODELS: [&str; 2] = ["unit_range.onnx", "strangers/dynamo_maps.onnx"];

fn flip_bits(engine: &[&str]) {
    thread::scope(|scope| {
        for model in MODELS {
            scope.spawn(move || (0..FLIPS).for_each(|seed| flip_bit(&fixture(model), seed, engine)));
        }
    });
}

/// Draws with a model of which one bit is another.
fn flip_bit(model: &Path, seed: u64, engine: &[&str]) {
    let sandbox = Sandbox::new();
    let mut bytes = fs::read(model).unwrap();
    let bit = Rng::new(seed).below(bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(sandbox.path("flipped.onnx"), bytes).unwrap();
    let mut command = sandbox.dcgan_infer();
    command.args(["--model", "flipped.onnx", "--num-images", "3"]).args(engine);
    let output = command.timeout(std::time::Duration::from_secs(120)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let context = format!("{} bit {bit} {engine:?}: {:?}\n{said}", model.display(), output.status);
    match output.status.code() {
        Some(0) => drop(image::open(sandbox.path("generated.png")).expect(&context)),
        Some(1) => {
            let is_ours = |line: &str| line.starts_with("dcgan-infer: ") && line.contains("flipped.onnx");
            assert!(said.lines().any(is_ours), "{context}");
            // Neither a picture nor half of one.
            assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 1, "{context}");
        }
        _ => panic!("{context}"),
    }
}

#[cfg(feature = "tract")]
#[test]
fn a_flipped_bit_is_no_crash_in_tract() {
    flip_bits(&["--engine", "tract"]);
}

#[test]
fn a_flipped_bit_is_no_crash_in_onnx_runtime() {
    let library = common::onnxruntime().to_str().unwrap();
    flip_bits(&["--onnxruntime", library]);
}
