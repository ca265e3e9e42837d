//! The models of features, and images that they are tested with.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::fixture;

/// A model of `tests/fixtures/features/make.py`.
pub fn model(name: &str) -> PathBuf {
    fixture(&format!("features/{name}.onnx"))
}

/// What that script computed.
pub fn reference() -> Value {
    serde_json::from_str(&fs::read_to_string(fixture("features/reference.json")).unwrap()).unwrap()
}

/// Image `index` of the script's `pattern`: bytes `[C, H, W]`.
pub fn pattern(index: usize, [channels, height, width]: [usize; 3]) -> Vec<u8> {
    let value = |at: usize| {
        let (c, y, x) = (at / (height * width), at / width % height, at % width);
        let (across, down) = (x * (index % 7 + 1) * 3, y * (index % 5 + 2) * 5);
        index * 37 + c * 61 + across + down + x * y * (index % 3) / 4
    };
    (0..channels * height * width).map(|at| (value(at) % 256) as u8).collect()
}
