//! PyTorch's layers written out from their definitions.

use dcgan_core::{Checkpoint, GeneratorSpec};

/// One image of the generator that a checkpoint describes: linear, transposed convolution, BatchNorm with
/// running statistics, ReLU, tanh, all in f64.
pub fn reference(spec: &GeneratorSpec, checkpoint: &Checkpoint, z: &[f64]) -> Vec<f64> {
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
