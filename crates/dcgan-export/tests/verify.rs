//! Exported files pass, and files that compute another network do not.

mod common;

use common::{dcgan64, generator, spec};
use dcgan_core::{Checkpoint, TensorData};
use dcgan_export::verify::{Tolerance, VerifyError, images, verify};
use dcgan_export::{ExportConfig, ModelProto, Network, export};
use dcgan_onnx::Message;

fn tiny() -> Checkpoint {
    generator(&spec("tiny", 3, &[4, 2], 1), 1)
}

fn network(checkpoint: &Checkpoint) -> Network {
    Network::of_checkpoint(checkpoint).unwrap()
}

/// What [`verify`] says of the tiny model after a change to its file.
fn fault(change: impl FnOnce(&mut ModelProto)) -> VerifyError {
    let mut model = export(&tiny(), &ExportConfig::default()).unwrap();
    change(&mut model);
    verify(&model.encode_to_vec(), &network(&tiny()), &Tolerance::default())
        .expect_err("the change is a fault")
}

#[test]
fn the_default_architecture_differs_by_rounding_alone() {
    let checkpoint = generator(&dcgan64(), 5);
    let bytes = export(&checkpoint, &ExportConfig::default()).unwrap().encode_to_vec();
    let found = verify(&bytes, &network(&checkpoint), &Tolerance::default()).unwrap();
    assert!(found.value > 0.0 && found.value < 2e-5, "{found:?}");
    assert!((found.limit, found.bytes) == (1e-4, false), "{found:?}");
}

#[test]
fn one_wrong_weight_is_found() {
    // The sign of one value of the first transposed convolution.
    let error = fault(|model| {
        let graph = model.graph.as_mut().unwrap();
        let weight = graph.initializer.iter_mut().find(|tensor| tensor.name() == "tconv1.weight").unwrap();
        weight.raw_data.as_mut().unwrap()[3] ^= 0x80;
    });
    let VerifyError::Difference { output, batch, found, limit } = error else { panic!("{error}") };
    assert_eq!((output.as_str(), batch, limit), ("image", 1, 1e-4));
    assert!(found > 1e-3, "{found}");
}

#[test]
fn a_weight_that_is_no_number_is_an_infinite_difference() {
    let error = fault(|model| {
        let graph = model.graph.as_mut().unwrap();
        let bias = graph.initializer.iter_mut().find(|tensor| tensor.name() == "tconv1.bias").unwrap();
        bias.raw_data.as_mut().unwrap()[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert!(matches!(error, VerifyError::Difference { found: f64::INFINITY, .. }), "{error}");
}

#[test]
fn a_file_that_does_not_run_is_an_error() {
    let message = |change: fn(&mut ModelProto)| match fault(change) {
        VerifyError::Run(error) => error.to_string(),
        other => other.to_string(),
    };
    assert!(message(|model| model.graph = None).contains("it has no graph"));
    let surplus = message(|model| model.graph.as_mut().unwrap().node[1].input[0] = "none".into());
    assert!(surplus.contains("node reshape (Reshape): it uses none"), "{surplus}");
    let name = message(|model| {
        let graph = model.graph.as_mut().unwrap();
        graph.node.last_mut().unwrap().output[0] = "picture".into();
        graph.output[0].name = Some("picture".into());
    });
    assert!(name.contains("output picture is F32 [1, 1, 16, 16] at batch 1, expected an output"), "{name}");
    let truncated = verify(b"\x3a\x7fgraph", &network(&tiny()), &Tolerance::default()).unwrap_err();
    assert!(matches!(truncated, VerifyError::Decode(_)), "{truncated}");
}

#[test]
fn another_checkpoint_is_not_the_one_that_was_exported() {
    let mut other = tiny();
    let values = other.f32("bn1.running_mean").mapv(|mean| mean + 0.01);
    other.tensors.insert("bn1.running_mean".to_owned(), TensorData::F32(values));
    let bytes = export(&tiny(), &ExportConfig::default()).unwrap().encode_to_vec();
    verify(&bytes, &network(&tiny()), &Tolerance::default()).unwrap();
    let error = verify(&bytes, &network(&other), &Tolerance::default()).unwrap_err().to_string();
    assert!(error.contains("output image differs from the checkpoint's own arithmetic by 0.0"), "{error}");
}

#[test]
fn images_are_those_of_consecutive_seeds() {
    let network = network(&tiny());
    let (both, second) = (images(&network, 7, 2), images(&network, 8, 1));
    assert_eq!(both.len(), 2 * 16 * 16);
    assert_eq!(both[256..], second);
}
