//! The samples of tract, the embedded engine.

#![cfg(feature = "tract")]
mod common;

use std::sync::LazyLock;

use dcgan_infer::{Engine, EngineChoice, EngineConfig, EngineError};

use common::{samples, strangers};

/// What it cannot run: sizes without a name, and weights that are inputs too.
const REFUSED: [&str; 3] = ["unnamed_batch", "unknown_latent", "initializers_as_inputs"];

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    samples::start(&EngineConfig { choice: EngineChoice::Tract, ..EngineConfig::default() })
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
fn are_the_same_in_several_sessions() {
    samples::are_the_same_in_several_sessions(&ENGINE);
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
fn do_not_come_from_a_batch_that_only_the_graph_holds() {
    samples::do_not_come_from_a_batch_that_only_the_graph_holds(&ENGINE);
}

#[test]
fn tell_what_else_they_depend_on() {
    samples::tell_what_else_they_depend_on(&ENGINE, &["noise.onnx", "training.onnx", "strangers/half.onnx"]);
}

#[test]
fn are_finite() {
    samples::are_finite(&ENGINE);
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
fn of_strangers_are_what_pytorch_draws() {
    strangers::draw_what_pytorch_draws(&ENGINE, &REFUSED);
}

#[test]
fn of_strangers_are_asked_what_they_leave_open() {
    strangers::are_asked_what_they_leave_open(&ENGINE);
}

#[test]
fn of_strangers_have_the_layout_and_the_range_that_is_said() {
    strangers::have_the_layout_that_is_said(&ENGINE);
    strangers::have_the_range_that_is_said(&ENGINE);
}

#[test]
fn one_process_has_one_engine() {
    assert_eq!(ENGINE.description(), "tract (embedded)");
    let error = Engine::start(&EngineConfig { choice: EngineChoice::Tract, ..EngineConfig::default() });
    assert!(matches!(error, Err(EngineError::AlreadyStarted)), "{error:?}");
}
