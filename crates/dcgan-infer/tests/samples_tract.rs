//! The samples of tract, the embedded engine.

#![cfg(feature = "tract")]
mod common;

use std::sync::LazyLock;

use dcgan_infer::{Engine, EngineChoice, EngineConfig, EngineError};

use common::samples;

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
fn one_process_has_one_engine() {
    assert_eq!(ENGINE.description(), "tract (embedded)");
    let error = Engine::start(&EngineConfig { choice: EngineChoice::Tract, ..EngineConfig::default() });
    assert!(matches!(error, Err(EngineError::AlreadyStarted)), "{error:?}");
}
