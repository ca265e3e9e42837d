//! State dicts that PyTorch saved, exported and run, against PyTorch's own outputs; pytorch/reference.py made both.

mod common;

use std::path::Path;

use common::pytorch::{exported, largest_difference, path, sample, state};
use dcgan_core::{
    Checkpoint, DiscriminatorSpec, NetworkSpec, StateDict, TensorData, TrainingRecord, Weights, metadata,
};
use dcgan_export::interpreter::{self, Array, Limits};
use dcgan_export::{Assumptions, ExportConfig, ModelProto, Network, export, export_network};

const NETWORKS: [&str; 6] = [
    "linear_generator",
    "linear_discriminator",
    "example_generator",
    "example_discriminator",
    "spectral_linear_discriminator",
    "spectral_example_discriminator",
];
const TOLERANCE: f32 = 1e-5;

fn operators(model: &ModelProto) -> Vec<&str> {
    model.graph.as_ref().unwrap().node.iter().map(|node| node.op_type()).collect()
}

#[test]
fn each_network_gives_what_pytorch_gives() {
    for name in NETWORKS {
        for fold_batchnorm in [true, false] {
            let config = ExportConfig { fold_batchnorm, ..Default::default() };
            let model = exported(state(name), &config);
            let input = sample(&format!("{name}.input"));
            let outputs = interpreter::run(&model, &[input], Limits::default()).unwrap();
            let expected = sample(&format!("{name}.output"));
            let found = outputs.last().unwrap();
            let difference = largest_difference(found, &expected);
            assert!(difference <= TOLERANCE, "{name}, folded {fold_batchnorm}: off by {difference}");
            if name.ends_with("discriminator") {
                let [logit, _] = outputs.as_slice() else { panic!("{} outputs", outputs.len()) };
                let of = |p: &f32| (p / (1.0 - p)).ln();
                let expected = Array::floats(&logit.shape, expected.values.iter().map(of).collect());
                let difference = largest_difference(logit, &expected);
                assert!(difference <= 1e-4, "{name}: the logit is off by {difference}");
            }
        }
    }
}

#[test]
fn the_convolutions_of_the_example_that_make_or_take_a_4x4_map_are_matrix_products() {
    let generator = exported(state("example_generator"), &ExportConfig::default());
    let up = ["ConvTranspose", "Relu"];
    let expected = [&["Gemm", "Reshape", "Relu"][..], &up, &up, &["ConvTranspose", "Tanh"]].concat();
    assert_eq!(operators(&generator), expected);
    let discriminator = exported(state("example_discriminator"), &ExportConfig::default());
    let down = ["Conv", "LeakyRelu"];
    let expected = [&down[..], &down, &down, &["Reshape", "Gemm", "Sigmoid"]].concat();
    assert_eq!(operators(&discriminator), expected);
}

#[test]
fn a_spectrally_normalised_checkpoint_of_ours_is_the_network_of_its_tensors() {
    let state = state("spectral_linear_discriminator");
    let spec =
        DiscriminatorSpec { arch: "tiny".into(), widths: vec![4, 6], channels: 3, spectral_norm: true };
    let spec = NetworkSpec::Discriminator(spec);
    let names: Vec<_> = spec.tensors().into_iter().map(|tensor| tensor.name).collect();
    assert!(names.iter().all(|name| state.tensors.contains_key(name)) && names.len() == state.tensors.len());
    let checkpoint = Checkpoint { spec, record: TrainingRecord::default(), tensors: state.tensors.clone() };
    let ours = export(&checkpoint, &ExportConfig::default()).unwrap();
    assert_eq!(ours.graph, exported(state, &ExportConfig::default()).graph);
}

/// `[N, C, S, S]` and both outputs, as a runtime sees them.
#[test]
fn a_discriminator_says_what_it_takes_and_gives() {
    let model = exported(state("linear_discriminator"), &ExportConfig::default());
    let text = dcgan_export::render(&model);
    let lines = ["input image: FLOAT [N, 3, 16, 16]", "output logit: FLOAT [N, 1]"];
    for line in
        lines.into_iter().chain(["output probability: FLOAT [N, 1]", "LeakyRelu(conv1_out, alpha=0.2)"])
    {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    assert!(!text.contains(metadata::LATENT_SIZE));
}

#[test]
fn a_checkpoint_of_ours_is_the_same_network_as_the_state_dict_of_its_tensors() {
    let state = state("linear_discriminator");
    let spec =
        DiscriminatorSpec { arch: "tiny".into(), widths: vec![4, 6], channels: 3, spectral_norm: false };
    let checkpoint = Checkpoint {
        spec: NetworkSpec::Discriminator(spec),
        record: TrainingRecord::default(),
        tensors: state.tensors.clone(),
    };
    let ours = export(&checkpoint, &ExportConfig::default()).unwrap();
    assert_eq!(ours.graph, exported(state, &ExportConfig::default()).graph);
}

#[test]
fn names_may_have_a_prefix_and_counters_may_be_missing() {
    for name in NETWORKS {
        let mut changed = state(name);
        changed.tensors = std::mem::take(&mut changed.tensors)
            .into_iter()
            .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
            .map(|(name, data)| (format!("module.{name}"), data))
            .collect();
        let config = ExportConfig::default();
        assert_eq!(exported(changed, &config).graph, exported(state(name), &config).graph);
    }
}

/// What is said of a state dict after a change.
fn refusal(name: &str, change: impl FnOnce(&mut StateDict)) -> String {
    let mut state = state(name);
    change(&mut state);
    Network::of_state_dict(state, &Assumptions::default()).expect_err("the change is a fault").to_string()
}

/// [`refusal`] after one tensor got another shape.
fn reshaped(name: &str, tensor: &str, shape: &[usize]) -> String {
    let values = vec![0.5; shape.iter().product()];
    refusal(name, |state| {
        state.tensors.insert(tensor.to_owned(), TensorData::from_values(shape, values));
    })
}

fn assert_contains(message: &str, part: &str) {
    assert!(message.contains(part), "{message:?} does not say {part:?}");
}

#[test]
fn a_tensor_that_does_not_fit_is_named_with_its_shape_and_the_one_expected() {
    for (name, tensor, shape, expected) in [
        ("spectral_linear_discriminator", "conv2.weight_orig", &[6][..], "F32 [rows, ...]"),
        ("spectral_linear_discriminator", "conv2.weight_u", &[4], "F32 [6]"),
        ("spectral_example_discriminator", "main.2.weight_v", &[49], "F32 [48]"),
        ("example_generator", "main.3.weight", &[6, 4, 3, 3][..], "F32 [6, 4, 4, 4]"),
        ("example_generator", "main.3.weight", &[5, 4, 4, 4], "F32 [6, 4, 4, 4]"),
        ("example_generator", "main.0.weight", &[7, 6, 5, 5], "F32 [7, 6, 4, 4]"),
        ("example_generator", "main.0.weight", &[7, 6], "F32 [latent, channels, 4, 4]"),
        ("example_generator", "main.0.weight", &[0, 6, 4, 4], "F32 [latent, channels, 4, 4]"),
        ("example_generator", "main.4.bias", &[5], "F32 [4]"),
        ("example_discriminator", "main.8.weight", &[2, 6, 4, 4], "F32 [1, 6, 4, 4]"),
        ("linear_generator", "fc.weight", &[80, 5], "F32 [96, 5]"),
        ("linear_discriminator", "fc.weight", &[1, 100], "F32 [1, 96]"),
        ("linear_discriminator", "conv1.weight", &[64, 3, 7, 7], "F32 [64, 3, 4, 4]"),
    ] {
        let message = reshaped(name, tensor, shape);
        assert_contains(&message, &format!("tensor {tensor} is F32 {shape:?}"));
        assert_contains(&message, &format!("expects {expected}"));
    }
    // A layer has to make what the next one takes.
    let before = reshaped("linear_generator", "tconv2.weight", &[5, 3, 4, 4]);
    assert_contains(
        &before,
        "tensor tconv1.weight is F32 [6, 4, 4, 4], the architecture expects F32 [6, 5, 4, 4]",
    );
}

#[test]
fn what_makes_up_no_dcgan_is_refused() {
    let channels = reshaped("example_generator", "main.9.weight", &[3, 2, 4, 4]);
    assert_contains(&channels, "tensor main.9.weight is for images of 2 channels, expected 1 or 3");
    let missing = refusal("example_generator", |state| drop(state.tensors.remove("main.4.running_mean")));
    assert_contains(&missing, "tensor main.4.running_mean is missing, the architecture expects F32 [4]");
    let statistics = refusal("example_generator", |state| {
        state.tensors.retain(|name, _| !name.contains(".running_"));
    });
    assert_contains(&statistics, "layer main.1 has no running_mean and running_var");
    let statistics = refusal("linear_discriminator", |state| {
        state.tensors.retain(|name, _| !name.contains(".running_") && !name.contains("bn2.bias"));
    });
    assert_contains(&statistics, "layer bn2 has no running_mean and running_var");
    let gap = refusal("linear_generator", |state| {
        let last = state.tensors.remove("tconv2.weight").unwrap();
        state.tensors.insert("tconv3.weight".into(), last);
    });
    assert_contains(&gap, "tensor tconv2.weight is missing");
    let surplus = reshaped("linear_discriminator", "conv1.weight_u", &[4]);
    assert_contains(&surplus, "tensor conv1.weight_u, F32 [4], belongs to no layer");
    let index = reshaped("example_discriminator", &format!("main.{}.weight", usize::MAX), &[4]);
    assert_contains(&index, "stages, expected 1 to 8");
    let other = refusal("samples", |_| ());
    assert_contains(&other, "the state dict has the tensors eps_example_generator.input");
    let empty =
        Network::of_state_dict(StateDict::default(), &Assumptions::default()).unwrap_err().to_string();
    assert_contains(&empty, "expected those of a DCGAN");
    let variance = refusal("example_generator", |state| {
        let values = TensorData::from_values(&[6], vec![-1.0; 6]);
        state.tensors.insert("main.1.running_var".into(), values);
    });
    assert_contains(&variance, "tensor main.1.running_var has the variance -1 in channel 0");
}

/// A flipped bit may give another network; it may not crash.
#[test]
fn damaged_files_are_errors_or_other_networks_but_never_a_crash() {
    for name in NETWORKS {
        let bytes = std::fs::read(path(name)).unwrap();
        let export = |bytes: &[u8]| -> Result<(), String> {
            let weights = Weights::from_bytes(bytes, Path::new(name)).map_err(|error| error.to_string())?;
            let network =
                Network::of_weights(weights, &Assumptions::default()).map_err(|error| error.to_string())?;
            export_network(network, &ExportConfig::default()).map_err(|error| error.to_string())?;
            Ok(())
        };
        assert_eq!(export(&bytes), Ok(()));
        for at in 0..bytes.len() {
            assert!(export(&bytes[..at]).is_err(), "{name} of {at} bytes");
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let _ = export(&flipped);
        }
    }
}
