//! The whole pipeline with the embedded tract.

use std::sync::LazyLock;

use dcgan_export::config::Precision;
use dcgan_infer::Engine;

static ENGINE: LazyLock<Engine> = LazyLock::new(dcgan_tests::tract);

#[test]
fn every_architecture_is_dfdxs() {
    dcgan_tests::every_architecture_is_dfdxs(&ENGINE);
}

/// Its Gemm takes no f16.
#[test]
fn every_form_is_drawn_alike() {
    dcgan_tests::every_form_is_drawn_alike(&ENGINE, |config| config.precision == Precision::F16);
}

#[test]
fn from_training_to_samples() {
    dcgan_tests::from_training_to_samples(&ENGINE);
}
