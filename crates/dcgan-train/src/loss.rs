//! The losses of both networks, from logits.

use dfdx::prelude::*;

use crate::engine::{Array, DeviceResult, Engine, FeatureShape};

/// What the generator minimises (Goodfellow et al., 2014).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum GeneratorLoss {
    /// -log D(G(z)), towards the label of real images
    #[default]
    NonSaturating,
    /// log(1 - D(G(z))), the paper's game; its gradient vanishes where D is sure
    Minimax,
}

impl GeneratorLoss {
    /// Its name, such as `minimax`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NonSaturating => "non-saturating",
            Self::Minimax => "minimax",
        }
    }

    /// What it asks of the logits of generated images; `real_label` is the target of the non-saturating one, and nothing
    /// to the other.
    pub fn goal(self, real_label: f64) -> Goal {
        match self {
            Self::NonSaturating => Goal::towards(real_label),
            // Against label 0, the cross-entropy is -log(1 - D).
            Self::Minimax => Goal { label: 0.0, factor: -1.0 },
        }
    }
}

/// A loss of logits: so many times their mean cross-entropy against one target probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    /// The target, from 0 to 1.
    pub label: f64,
    /// What the cross-entropy is multiplied with.
    pub factor: f64,
}

impl Goal {
    /// The cross-entropy itself.
    pub fn towards(label: f64) -> Self {
        Self { label, factor: 1.0 }
    }

    /// The loss of logits `[1, N]` in dfdx's operations.
    ///
    /// # Errors
    /// If the device fails.
    pub fn loss<E: Engine, T: Tape<f32, E::Device>>(
        self,
        logits: Array<FeatureShape<1>, E, T>,
    ) -> DeviceResult<Array<Rank0, E, T>, E> {
        let loss = bce_with_logits::<E, T>(logits, self.label)?;
        if self.factor == 1.0 { Ok(loss) } else { loss.try_mul(self.factor as f32) }
    }
}

/// The mean binary cross-entropy of logits `[1, N]` against one target probability, computed so that large
/// logits neither overflow nor lose the gradient.
///
/// PyTorch equivalent: `torch.nn.BCEWithLogitsLoss()` with a full tensor of `label`; equal to `BCELoss` of
/// the sigmoid.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Native;

    /// Loss and gradient of one logit.
    fn loss(logit: f32, label: f64) -> (f32, f32) {
        let x = Cpu::default().tensor_from_vec(vec![logit], (Const, 1));
        let loss = bce_with_logits::<Native, _>(x.leaky_trace(), label).unwrap();
        let value = scalar::<Native, _>(&loss);
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

    /// `log(1 - p)` and its slope `-p`, where the sigmoid is 0 or 1 in f32, too.
    #[test]
    fn minimax_is_the_logarithm_of_one_minus_the_probability() {
        let minimax = |logit: f32| {
            let x = Cpu::default().tensor_from_vec(vec![logit], (Const, 1));
            let loss = GeneratorLoss::Minimax.goal(0.9).loss::<Native, _>(x.leaky_trace()).unwrap();
            let value = scalar::<Native, _>(&loss);
            (value, loss.backward().get(&x).as_vec()[0])
        };
        for logit in [-5.0, -0.3, 0.0, 2.0, 7.0] {
            let p = (1.0 + f64::from(-logit).exp()).recip();
            let (value, slope) = minimax(logit);
            assert!((f64::from(value) - (1.0 - p).ln()).abs() < 1e-5, "{logit}: {value}");
            assert!((f64::from(slope) + p).abs() < 1e-6, "{logit}: {slope}");
        }
        assert_eq!(minimax(1000.0), (-1000.0, -1.0));
        assert_eq!(minimax(-1000.0), (0.0, 0.0));
    }

    #[test]
    fn the_means_are_over_the_batch() {
        let x = Cpu::default().tensor_from_vec(vec![0.0, 3f32.ln()], (Const, 2));
        assert!((mean_probability::<Native>(&x) - 0.625).abs() < 1e-6);
        let both = scalar::<Native, _>(&bce_with_logits::<Native, _>(x, 1.0).unwrap());
        assert!((both - (2f32.ln() + (4f32 / 3.0).ln()) / 2.0).abs() < 1e-6, "{both}");
    }
}
