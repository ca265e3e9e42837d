//! The samples of ONNX Runtime.

mod common;

use std::sync::LazyLock;

use dcgan_infer::{Engine, EngineConfig, Generator};

use common::samples;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    samples::start(&EngineConfig {
        library: Some(common::onnxruntime().to_owned()),
        ..EngineConfig::default()
    })
});

#[test]
fn are_the_known_ones() {
    samples::are_the_known_ones(&ENGINE);
}

#[test]
fn depend_on_nothing_but_their_latent() {
    samples::depend_on_nothing_but_their_latent(&ENGINE);
}

#[test]
fn need_latents_of_the_models_length() {
    samples::need_latents_of_the_models_length(&ENGINE);
}

#[test]
fn come_from_a_fixed_batch_too() {
    samples::come_from_a_fixed_batch_too(&ENGINE);
}

#[test]
fn come_from_generators_alone() {
    samples::come_from_generators_alone(&ENGINE);
}

#[test]
fn do_not_come_from_a_truncated_model() {
    samples::do_not_come_from_a_truncated_model(&ENGINE);
}

#[test]
fn come_from_a_generator_in_the_range_of_tanh() {
    let error = Generator::open(&ENGINE, &common::fixture("unit_range.onnx")).unwrap_err();
    assert!(error.to_string().contains("expected values in [-1, 1], found dcgan.value_range 0,1"), "{error}");
}
