//! The statistics of a training step, and its scalars until they are read.

use crate::backend::scalars::{ScalarId, ScalarValues};

/// What a step says of itself: of the discriminator, means over its updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct StepStats {
    /// The discriminator's loss: on real and on generated images, added.
    pub loss_d: f32,
    /// The generator's loss.
    pub loss_g: f32,
    /// The discriminator's mean probability that real images are real.
    pub d_x: f32,
    /// The same of generated images, in the discriminator's update.
    pub d_g_z: f32,
    /// The Euclidean norm of the gradient of the discriminator's loss.
    pub grad_norm_d: f32,
    /// The same of the generator's.
    pub grad_norm_g: f32,
}

/// The scalars of a step that is computed and not read.
#[derive(Clone, Debug)]
pub struct PendingStep {
    pub(super) discriminator: Vec<UpdateScalars>,
    pub(super) loss_g: ScalarId,
    pub(super) squares_g: ScalarId,
}

/// Where those of an update of the discriminator stand.
#[derive(Clone, Debug)]
pub struct UpdateScalars {
    pub(super) of_loss: LossScalars,
    pub(super) squares: ScalarId,
}

/// Where the numbers of the discriminator's loss stand.
#[derive(Clone, Debug)]
pub struct LossScalars {
    /// On real and on generated images.
    pub(super) losses: [ScalarId; 2],
    /// The mean probabilities of the same.
    pub(super) probabilities: [ScalarId; 2],
}

impl PendingStep {
    /// The statistics of the step, once its scalars are read.
    pub(super) fn stats(&self, numbers: &ScalarValues) -> StepStats {
        let (mut sums, count) = ([0.0; 4], self.discriminator.len() as f32);
        for UpdateScalars { of_loss: LossScalars { losses, probabilities: [d_x, d_g_z] }, squares } in
            &self.discriminator
        {
            let loss: f64 = losses.iter().map(|loss| numbers.get(loss)).sum();
            let values = [loss, numbers.get(d_x), numbers.get(d_g_z), numbers.get(squares).sqrt()];
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value as f32);
        }
        let [loss_d, d_x, d_g_z, grad_norm_d] = sums.map(|sum| sum / count);
        let (loss_g, squares) = (numbers.get(&self.loss_g) as f32, numbers.get(&self.squares_g));
        StepStats { loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g: squares.sqrt() as f32 }
    }
}
