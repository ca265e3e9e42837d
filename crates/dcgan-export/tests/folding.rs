//! The exported graph, run by the interpreter, against PyTorch's layers written out from their
//! definitions. Neither shares code with the exporter.

mod common;
mod reference;

use common::{decoded, generator, spec};
use dcgan_core::GeneratorSpec;
use dcgan_core::rng::Rng;
use dcgan_export::interpreter::{self, Array, Limits};
use dcgan_export::{ExportConfig, export};
use reference::reference;

/// Exports a network, runs a batch and compares each image; the lowest and highest pixel.
fn compare(spec: &GeneratorSpec, seed: u64) -> (f64, f64) {
    const BATCH: usize = 3;
    let checkpoint = generator(spec, seed);
    let model = decoded(&export(&checkpoint, &ExportConfig::default()).unwrap());
    let mut rng = Rng::new(seed + 1);
    let z: Vec<f64> = (0..BATCH * spec.latent).map(|_| f64::from(rng.normal() as f32)).collect();
    let input = Array::floats(&[BATCH, spec.latent], z.iter().map(|z| *z as f32).collect());
    let images = interpreter::run(&model, &[input], Limits::default()).unwrap().remove(0);
    assert_eq!(images.shape, [BATCH, spec.channels, spec.image_size(), spec.image_size()]);
    let expected = z.chunks(spec.latent).flat_map(|z| reference(spec, &checkpoint, z));
    let pixels: Vec<f64> = images.values.iter().map(|pixel| f64::from(*pixel)).collect();
    let errors = pixels.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    let worst = errors.fold(0.0, f64::max);
    assert!(worst < 1e-5, "{spec:?}: the largest difference is {worst}");
    pixels.iter().fold((1.0, -1.0), |(low, high), x| (x.min(low), x.max(high)))
}

#[test]
fn the_folded_graph_computes_the_network_over_the_whole_range() {
    let (low, high) = compare(&spec("tiny", 5, &[8, 6, 4], 3), 11);
    assert!(low < -0.99 && high > 0.99, "pixels from {low} to {high}");
}

#[test]
fn any_number_of_stages_and_channels_is_exported() {
    compare(&spec("one stage, no BatchNorm", 3, &[5], 2), 21);
    compare(&spec("gray", 7, &[6, 3], 1), 22);
    compare(&spec("one channel everywhere", 1, &[1, 1, 1], 1), 23);
    compare(&spec("widening", 4, &[2, 3, 4, 5], 3), 24);
}
