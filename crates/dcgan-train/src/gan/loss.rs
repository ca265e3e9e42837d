//! The losses of both networks, from logits.

use crate::backend::types::Target;

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
    pub fn target(self, real_label: f64) -> Target {
        match self {
            Self::NonSaturating => Target::towards(real_label),
            // Against label 0, the cross-entropy is -log(1 - D).
            Self::Minimax => Target { label: 0.0, factor: -1.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::*;

    use super::*;
    use crate::backend::cpu::CpuBackend;
    use crate::backend::cross_entropy;

    /// `log(1 - p)` and its slope `-p`, where the sigmoid is 0 or 1 in f32, too.
    #[test]
    fn minimax_is_the_logarithm_of_one_minus_the_probability() {
        let minimax = |logit: f32| {
            let x = Cpu::default().tensor_from_vec(vec![logit], (Const, 1));
            let loss =
                cross_entropy::loss::<CpuBackend, _>(GeneratorLoss::Minimax.target(0.9), x.leaky_trace())
                    .unwrap();
            let value = cross_entropy::scalar::<CpuBackend, _>(&loss);
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
}
