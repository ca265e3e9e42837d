//! BatchNorm in evaluation mode as part of the layer before it.
//!
//! With running statistics BatchNorm multiplies each channel by a constant and adds another, which the
//! convolution's weight and a bias can do at no cost. PyTorch equivalent:
//! `torch.nn.utils.fusion.fuse_conv_bn_eval(conv, bn)`, and its `transpose=True`.

use ndarray::{Array4, Axis};

use crate::network::{BatchNorm, Convolution, Layer, Network, Operation};

/// `y = scale * x + shift` for each channel: in f64, so that folding rounds once.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

/// The same network without the BatchNorms that follow a convolution, transposed or not.
pub(crate) fn fold(network: Network) -> Network {
    let mut layers: Vec<Layer> = Vec::with_capacity(network.layers.len());
    for layer in network.layers {
        match (&layer.operation, layers.last_mut().map(|before| &mut before.operation)) {
            (Operation::BatchNorm(norm), Some(Operation::ConvTranspose(conv))) => {
                Affine::of(norm).fold_into(conv, Axis(1));
            }
            (Operation::BatchNorm(norm), Some(Operation::Conv(conv))) => {
                Affine::of(norm).fold_into(conv, Axis(0));
            }
            _ => layers.push(layer),
        }
    }
    Network { layers, ..network }
}

impl Affine {
    fn of(norm: &BatchNorm) -> Self {
        let (mut scale, mut shift) = (Vec::new(), Vec::new());
        let statistics = norm.mean.iter().zip(&norm.variance);
        for ((mean, variance), (weight, bias)) in statistics.zip(norm.weight.iter().zip(&norm.bias)) {
            let factor = f64::from(*weight) / (f64::from(*variance) + f64::from(norm.eps)).sqrt();
            scale.push(factor);
            shift.push(f64::from(*bias) - f64::from(*mean) * factor);
        }
        Self { scale, shift }
    }

    /// Scales the weight along the axis of its output channels, and the bias.
    fn fold_into(&self, conv: &mut Convolution, outputs: Axis) {
        scale_along(&mut conv.weight, outputs, &self.scale);
        let before = conv.bias.take().unwrap_or_else(|| vec![0.0; self.shift.len()]);
        let channels = before.iter().zip(self.scale.iter().zip(&self.shift));
        let after = channels.map(|(before, (scale, shift))| (f64::from(*before) * scale + shift) as f32);
        conv.bias = Some(after.collect());
    }
}

fn scale_along(weight: &mut Array4<f32>, axis: Axis, scale: &[f64]) {
    for (mut channel, scale) in weight.axis_iter_mut(axis).zip(scale) {
        channel.mapv_inplace(|value| (f64::from(value) * scale) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: `2 / sqrt(0 + 1e-5) = 632.4555` and `1 - 0.001 * 632.4555 = 0.3675445`, where the epsilon
    /// is all there is; `3 / sqrt(4 + 1e-5) = 1.4999981` and `-1 - 0.5 * 1.4999981 = -1.7499991`.
    #[test]
    fn scale_and_shift_are_those_calculated_by_hand() {
        let norm = BatchNorm {
            weight: vec![2.0, 3.0],
            bias: vec![1.0, -1.0],
            mean: vec![0.001, 0.5],
            variance: vec![0.0, 4.0],
            eps: 1e-5,
        };
        let affine = Affine::of(&norm);
        let found = affine.scale.iter().chain(&affine.shift);
        for (found, expected) in found.zip([632.4555, 1.4999981, 0.3675445, -1.7499991_f64]) {
            assert!((found - expected).abs() < 1e-7 * expected.abs().max(1.0), "{found}, not {expected}");
        }
    }

    #[test]
    fn each_output_channel_gets_its_own_factor_and_bias() {
        let affine = Affine { scale: vec![2.0, -0.5], shift: vec![0.25, 3.0] };
        let values = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let weight = Array4::from_shape_vec((2, 2, 1, 2), values).unwrap();
        let folded = |axis, bias: Option<Vec<f32>>| {
            let mut conv = Convolution { weight: weight.clone(), bias, stride: 2, padding: 1 };
            affine.fold_into(&mut conv, axis);
            (conv.weight.into_iter().collect::<Vec<_>>(), conv.bias.unwrap())
        };
        let (transposed, bias) = folded(Axis(1), None);
        assert_eq!(transposed, [2.0, 4.0, -1.5, -2.0, 10.0, 12.0, -3.5, -4.0]);
        assert_eq!(bias, [0.25, 3.0]);
        let (plain, bias) = folded(Axis(0), Some(vec![1.0, 2.0]));
        assert_eq!(plain, [2.0, 4.0, 6.0, 8.0, -2.5, -3.0, -3.5, -4.0]);
        assert_eq!(bias, [2.25, 2.0]);
    }
}
