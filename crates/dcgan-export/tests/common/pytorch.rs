//! What pytorch/reference.py saved: state dicts, and PyTorch's own inputs and outputs.

use std::path::{Path, PathBuf};

use dcgan_core::{StateDict, TensorData, Weights};
use dcgan_export::interpreter::{self, Array, Limits};
use dcgan_export::{Assumptions, ExportConfig, ModelProto, Network, export_network};

use super::decoded;

/// The file of a state dict.
pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch").join(format!("{name}.safetensors"))
}

pub fn state(name: &str) -> StateDict {
    match Weights::load(&path(name)).unwrap() {
        Weights::StateDict(state) => state,
        other => panic!("{other:?}"),
    }
}

/// The network of a state dict, with the defaults of what it does not hold.
pub fn network(state: StateDict) -> Network {
    Network::of_state_dict(state, &Assumptions::default()).unwrap()
}

pub fn exported(state: StateDict, config: &ExportConfig) -> ModelProto {
    decoded(&export_network(network(state), config).unwrap())
}

/// `{network}.input` or `{network}.output`, as a value of the interpreter.
pub fn sample(name: &str) -> Array {
    match &state("samples").tensors[name] {
        TensorData::F32(values) => Array::floats(values.shape(), values.iter().copied().collect()),
        other => panic!("{other:?}"),
    }
}

/// How far the last output of a model of the network `name` is from PyTorch's.
pub fn difference(model: &ModelProto, name: &str) -> f32 {
    let outputs = interpreter::run(model, &[sample(&format!("{name}.input"))], Limits::default()).unwrap();
    largest_difference(outputs.last().unwrap(), &sample(&format!("{name}.output")))
}

pub fn largest_difference(found: &Array, expected: &Array) -> f32 {
    assert_eq!(found.shape, expected.shape);
    found.values.iter().zip(&expected.values).fold(0.0, |most, (a, b)| f32::max(most, (a - b).abs()))
}
