//! BatchNorm in evaluation mode as part of the transposed convolution before it.
//!
//! With running statistics BatchNorm multiplies each channel by a constant and adds another, which the
//! convolution's weight and a bias can do at no cost. PyTorch equivalent:
//! `torch.nn.utils.fusion.fuse_conv_bn_eval(tconv, bn, transpose=True)`.

use dcgan_core::Checkpoint;
use dcgan_core::spec::BATCH_NORM_EPS;

use crate::error::ExportError;

/// `y = scale * x + shift` for each channel: in f64, so that folding rounds once.
pub(crate) struct BatchNorm {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl BatchNorm {
    /// The BatchNorm called `name` of a checkpoint that has it.
    ///
    /// # Errors
    /// [`ExportError::Variance`] if a channel's variance is negative or not finite.
    pub(crate) fn of(checkpoint: &Checkpoint, name: &str) -> Result<Self, ExportError> {
        let part = |part: &str| checkpoint.f32(&format!("{name}.{part}")).iter().copied();
        let (mut scale, mut shift) = (Vec::new(), Vec::new());
        let statistics = part("running_mean").zip(part("running_var"));
        let affine = part("weight").zip(part("bias"));
        for (channel, ((mean, variance), (weight, bias))) in statistics.zip(affine).enumerate() {
            // Asked before the epsilon is added, which could make a negative variance look sound.
            if !variance.is_finite() || variance < 0.0 {
                let tensor = format!("{name}.running_var");
                return Err(ExportError::Variance { tensor, channel, found: variance });
            }
            let deviation = (f64::from(variance) + f64::from(BATCH_NORM_EPS)).sqrt();
            let factor = f64::from(weight) / deviation;
            scale.push(factor);
            shift.push(f64::from(bias) - f64::from(mean) * factor);
        }
        Ok(Self { scale, shift })
    }

    /// The weight `[in, out, k, k]` of the transposed convolution before it, scaled by output channel.
    pub(crate) fn weight(&self, values: impl Iterator<Item = f32>, kernel_area: usize) -> Vec<f32> {
        let channel = |index: usize| index / kernel_area % self.scale.len();
        values
            .enumerate()
            .map(|(index, value)| (f64::from(value) * self.scale[channel(index)]) as f32)
            .collect()
    }

    /// The bias `[out]` that the transposed convolution gets.
    pub(crate) fn bias(&self) -> Vec<f32> {
        self.shift.iter().map(|shift| *shift as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dcgan_core::{GeneratorSpec, NetworkSpec, TensorData, TrainingRecord};

    use super::*;

    /// By hand: `2 / sqrt(0 + 1e-5) = 632.4555` and `1 - 0.001 * 632.4555 = 0.3675445`, where the epsilon
    /// is all there is; `3 / sqrt(4 + 1e-5) = 1.4999981` and `-1 - 0.5 * 1.4999981 = -1.7499991`.
    #[test]
    fn scale_and_shift_are_those_calculated_by_hand() {
        let spec = GeneratorSpec { arch: "tiny".into(), latent: 1, widths: vec![1, 2], channels: 1 };
        let parts = [
            ("bn1.weight", [2.0, 3.0]),
            ("bn1.bias", [1.0, -1.0]),
            ("bn1.running_mean", [0.001, 0.5]),
            ("bn1.running_var", [0.0, 4.0]),
        ];
        let tensors = parts.map(|(name, values)| (name.into(), TensorData::from_values(&[2], values.into())));
        let checkpoint = Checkpoint {
            spec: NetworkSpec::Generator(spec),
            record: TrainingRecord::default(),
            tensors: BTreeMap::from(tensors),
        };
        let batch_norm = BatchNorm::of(&checkpoint, "bn1").unwrap();
        let found = batch_norm.scale.iter().chain(&batch_norm.shift);
        for (found, expected) in found.zip([632.4555, 1.4999981, 0.3675445, -1.7499991_f64]) {
            assert!((found - expected).abs() < 1e-7 * expected.abs().max(1.0), "{found}, not {expected}");
        }
    }

    #[test]
    fn each_output_channel_gets_its_own_factor_and_bias() {
        let batch_norm = BatchNorm { scale: vec![2.0, -0.5], shift: vec![0.25, 3.0] };
        // [in 2, out 2, 1, 2]
        let weight = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let folded = batch_norm.weight(weight.into_iter(), 2);
        assert_eq!(folded, [2.0, 4.0, -1.5, -2.0, 10.0, 12.0, -3.5, -4.0]);
        assert_eq!(batch_norm.bias(), [0.25, 3.0]);
    }
}
