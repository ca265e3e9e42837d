//! The whole pipeline with ONNX Runtime.

use std::sync::LazyLock;

use dcgan_infer::Engine;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| dcgan_tests::onnxruntime(env!("CARGO_TARGET_TMPDIR")));

#[test]
fn every_architecture_is_dfdxs() {
    dcgan_tests::every_architecture_is_dfdxs(&ENGINE);
}

#[test]
fn every_form_is_drawn_alike() {
    dcgan_tests::every_form_is_drawn_alike(&ENGINE, |_| false);
}

#[test]
fn from_training_to_samples() {
    dcgan_tests::from_training_to_samples(&ENGINE);
}
