//! The cross-entropy of logits in dfdx's operations, and the scalars of backends that compute on the host.

use dfdx::prelude::*;

use crate::backend::operations::{Array, Backend, Buffer, DeviceResult, DeviceScalars, RecordedLoss};
use crate::backend::scalars::{ScalarId, ScalarValues};
use crate::backend::types::{FeatureShape, Target};

/// The loss of logits `[1, N]` in dfdx's operations.
///
/// # Errors
/// If the device fails.
pub fn loss<B: Backend, T: Tape<f32, B::Device>>(
    target: Target,
    logits: Array<FeatureShape<1>, B, T>,
) -> DeviceResult<Array<Rank0, B, T>, B> {
    let loss = bce_with_logits::<B, T>(logits, target.label)?;
    if target.factor == 1.0 { Ok(loss) } else { loss.try_mul(target.factor as f32) }
}

/// The mean binary cross-entropy of logits `[1, N]` against one target probability, computed so that large
/// logits neither overflow nor lose the gradient.
///
/// PyTorch equivalent: `torch.nn.BCEWithLogitsLoss()` with a full tensor of `label`; equal to `BCELoss` of
/// the sigmoid.
///
/// # Errors
/// If the device fails.
pub fn bce_with_logits<B: Backend, T: Tape<f32, B::Device>>(
    logits: Array<FeatureShape<1>, B, T>,
    label: f64,
) -> DeviceResult<Array<Rank0, B, T>, B> {
    let shape = *logits.shape();
    let labels = logits.device().try_tensor_from_vec(vec![label as f32; shape.1], shape)?;
    logits.try_bce_with_logits(labels)?.try_mean::<_, Axes2<0, 1>>()
}

/// The mean of the probabilities that logits `[1, N]` stand for.
pub fn mean_probability<B: Backend>(logits: &Array<FeatureShape<1>, B>) -> f32 {
    let mut values = vec![0.0; logits.shape().1];
    B::read(logits, &mut values);
    values.iter().map(|logit| (1.0 + (-logit).exp()).recip()).sum::<f32>() / values.len() as f32
}

/// A tensor's only value.
pub fn scalar<B: Backend, T: Tape<f32, B::Device>>(tensor: &Array<Rank0, B, T>) -> f32 {
    let mut value = [0.0];
    B::read(&tensor.retaped::<NoneTape>(), &mut value);
    value[0]
}

/// Computes and reads each scalar at once.
impl<B: Backend> DeviceScalars<B> for ScalarValues {
    fn cross_entropy<T: Tape<f32, B::Device>>(
        &mut self,
        logits: Array<FeatureShape<1>, B, T>,
        target: Target,
    ) -> DeviceResult<RecordedLoss<B, T>, B> {
        let probability = self.push(mean_probability::<B>(&logits.retaped()).into());
        let loss = loss::<B, T>(target, logits)?;
        let value = self.push(scalar::<B, _>(&loss).into());
        Ok(RecordedLoss { loss, value, probability })
    }

    fn begin_sum(&mut self, _: &B::Device) -> DeviceResult<ScalarId, B> {
        Ok(self.push(0.0))
    }

    fn add_squares(
        &mut self,
        device: &B::Device,
        sum: &ScalarId,
        buffer: &mut Buffer<B>,
    ) -> DeviceResult<(), B> {
        self.add_to(sum, B::sum_of_squares(device, buffer)?);
        Ok(())
    }

    fn read(&mut self, _: &B::Device) -> DeviceResult<ScalarValues, B> {
        Ok(std::mem::take(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::CpuBackend;

    /// Loss and gradient of one logit.
    fn loss(logit: f32, label: f64) -> (f32, f32) {
        let x = Cpu::default().tensor_from_vec(vec![logit], (Const, 1));
        let loss = bce_with_logits::<CpuBackend, _>(x.leaky_trace(), label).unwrap();
        let value = scalar::<CpuBackend, _>(&loss);
        (value, loss.backward().get(&x).as_vec()[0])
    }

    #[test]
    fn it_is_the_cross_entropy_of_the_sigmoid() {
        for logit in [-5.0, -0.3, 0.0, 2.0, 7.0] {
            for label in [0.0, 0.1, 0.9, 1.0] {
                let p = (1.0 + f64::from(-logit).exp()).recip();
                let expected = (-(label * p.ln() + (1.0 - label) * (1.0 - p).ln()), p - label);
                let found = loss(logit, label);
                assert!(
                    (f64::from(found.0) - expected.0).abs() < 1e-5,
                    "{logit}, {label}: {found:?}, {expected:?}"
                );
                assert!(
                    (f64::from(found.1) - expected.1).abs() < 1e-6,
                    "{logit}, {label}: {found:?}, {expected:?}"
                );
            }
        }
    }

    /// Where the sigmoid is 0 or 1 in f32, its logarithm is lost: the loss grows with the logit all the same.
    #[test]
    fn large_logits_keep_loss_and_gradient() {
        assert_eq!(loss(1000.0, 0.0), (1000.0, 1.0));
        assert_eq!(loss(-1000.0, 1.0), (1000.0, -1.0));
        assert_eq!(loss(1000.0, 1.0), (0.0, 0.0));
        assert_eq!(loss(-1000.0, 0.0), (0.0, 0.0));
        let (value, gradient) = loss(100.0, 0.9);
        assert!((value - 10.0).abs() < 1e-4 && (gradient - 0.1).abs() < 1e-6, "{value}, {gradient}");
    }

    #[test]
    fn the_means_are_over_the_batch() {
        let x = Cpu::default().tensor_from_vec(vec![0.0, 3f32.ln()], (Const, 2));
        assert!((mean_probability::<CpuBackend>(&x) - 0.625).abs() < 1e-6);
        let both = scalar::<CpuBackend, _>(&bce_with_logits::<CpuBackend, _>(x, 1.0).unwrap());
        assert!((both - (2f32.ln() + (4f32 / 3.0).ln()) / 2.0).abs() < 1e-6, "{both}");
    }
}
