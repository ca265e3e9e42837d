//! The exported graph, run by the interpreter, against PyTorch's layers written out from their
//! definitions. Neither shares code with the exporter.

mod common;

use common::{decoded, generator, spec};
use dcgan_core::rng::Rng;
use dcgan_core::{Checkpoint, GeneratorSpec};
use dcgan_export::interpreter::{self, Array, Limits};
use dcgan_export::{ExportConfig, export};

/// One image of the generator that a checkpoint describes: linear, transposed convolution, BatchNorm with
/// running statistics, ReLU, tanh, all in f64.
fn reference(spec: &GeneratorSpec, checkpoint: &Checkpoint, z: &[f64]) -> Vec<f64> {
    let values = |name: &str| -> Vec<f64> { checkpoint.f32(name).iter().map(|v| f64::from(*v)).collect() };
    let (weight, bias) = (values("fc.weight"), values("fc.bias"));
    let row = |o: usize| weight[o * z.len()..][..z.len()].iter().zip(z).map(|(w, z)| w * z).sum::<f64>();
    let mut maps: Vec<f64> = bias.iter().enumerate().map(|(o, bias)| row(o) + bias).collect();
    let mut side = 4;
    for (stage, (inputs, outputs)) in (1..).zip(spec.stages()) {
        maps = transposed_conv(&maps, &values(&format!("tconv{stage}.weight")), inputs, outputs, side);
        side *= 2;
        if stage < spec.widths.len() {
            let part = |part: &str| values(&format!("bn{stage}.{part}"));
            let (mean, variance) = (part("running_mean"), part("running_var"));
            let (weight, bias) = (part("weight"), part("bias"));
            for (c, map) in maps.chunks_mut(side * side).enumerate() {
                let normal = |x: f64| (x - mean[c]) / (variance[c] + 1e-5).sqrt() * weight[c] + bias[c];
                map.iter_mut().for_each(|x| *x = normal(*x).max(0.0));
            }
        }
    }
    maps.into_iter().map(f64::tanh).collect()
}

/// `ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)`: each input pixel adds its
/// multiple of the kernel to the output.
fn transposed_conv(x: &[f64], weight: &[f64], inputs: usize, outputs: usize, side: usize) -> Vec<f64> {
    let mut y = vec![0.0; outputs * 4 * side * side];
    for (c, o) in (0..inputs).flat_map(|c| (0..outputs).map(move |o| (c, o))) {
        for (pixel, tap) in (0..side * side).flat_map(|pixel| (0..16).map(move |tap| (pixel, tap))) {
            let (row, column) = (2 * (pixel / side) + tap / 4, 2 * (pixel % side) + tap % 4);
            if (1..=2 * side).contains(&row) && (1..=2 * side).contains(&column) {
                let at = (o * 2 * side + row - 1) * 2 * side + column - 1;
                y[at] += x[c * side * side + pixel] * weight[(c * outputs + o) * 16 + tap];
            }
        }
    }
    y
}

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
