//! The loss of both networks, from logits.

use dfdx::prelude::*;

use crate::engine::{Array, DeviceResult, Engine, FeatureShape};

/// The mean binary cross-entropy of logits `[1, N]` against one target probability, computed so that large
/// logits neither overflow nor lose the gradient.
///
/// PyTorch equivalent: `torch.nn.BCEWithLogitsLoss()` with a full tensor of `label`; equal to `BCELoss` of
/// the sigmoid. The generator's loss with the label of real images is the non-saturating one.
///
/// # Errors
/// If the device fails.
pub fn bce_with_logits<E: Engine, T: Tape<f32, E::Device>>(
    logits: Array<FeatureShape<1>, E, T>,
    label: f64,
) -> DeviceResult<Array<Rank0, E, T>, E> {
    let shape = *logits.shape();
    let labels = logits.device().try_tensor_from_vec(vec![label as f32; shape.1], shape)?;
    logits.try_bce_with_logits(labels)?.try_mean::<_, Axes2<0, 1>>()
}

/// The mean of the probabilities that logits `[1, N]` stand for.
pub fn mean_probability<E: Engine>(logits: &Array<FeatureShape<1>, E>) -> f32 {
    let mut values = vec![0.0; logits.shape().1];
    E::read(logits, &mut values);
    values.iter().map(|logit| (1.0 + (-logit).exp()).recip()).sum::<f32>() / values.len() as f32
}

/// A tensor's only value.
pub fn scalar<E: Engine, T: Tape<f32, E::Device>>(tensor: &Array<Rank0, E, T>) -> f32 {
    let mut value = [0.0];
    E::read(&tensor.retaped::<NoneTape>(), &mut value);
    value[0]
}
