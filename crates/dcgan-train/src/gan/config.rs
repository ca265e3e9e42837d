//! The settings of a training step.

use crate::gan::adam::AdamConfig;
use crate::gan::loss::GeneratorLoss;

/// Settings of the losses and optimizers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GanConfig {
    /// The discriminator's target for real images, and the generator's for its own: 0.9.
    pub real_label: f64,
    /// The discriminator's target for generated images: 0.1.
    pub fake_label: f64,
    /// Whether a new discriminator's weights are normalised spectrally: no.
    pub spectral_norm: bool,
    /// What the generator minimises: the non-saturating loss.
    pub generator_loss: GeneratorLoss,
    /// The decay of the mean of the generator's weights, where there is one: none.
    pub ema: Option<f64>,
    /// The generator's optimizer.
    pub adam_g: AdamConfig,
    /// The discriminator's optimizer.
    pub adam_d: AdamConfig,
}

impl Default for GanConfig {
    fn default() -> Self {
        Self {
            real_label: 0.9,
            fake_label: 0.1,
            spectral_norm: false,
            generator_loss: GeneratorLoss::default(),
            ema: None,
            adam_g: AdamConfig::default(),
            adam_d: AdamConfig::default(),
        }
    }
}
