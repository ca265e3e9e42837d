//! Notices that a GAN has collapsed: that nothing more is to be learned from its steps.

use std::fmt::{self, Display, Formatter};

use ndarray::{ArrayView4, Axis};
use serde::{Deserialize, Serialize};

use crate::gan::StepStats;
use crate::report::moving_average::MovingAverage;

/// What a run does when it has collapsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OnCollapse {
    /// End with an error; the last good state is kept
    Stop,
    /// Go back to the last good state, with other random numbers and half the learning rate, up to five times
    Rollback,
    /// Say so and go on; losses that are not finite end the run all the same
    Continue,
}

/// When a run counts as collapsed. The defaults are far from what healthy runs come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CollapseConfig {
    /// Steps in a row in which the discriminator has to be certain while the generator's gradient is gone: 500.
    pub certain_steps: u64,
    /// How far from its targets (or both probabilities from 0, or both from 1) a certain discriminator may be: 0.05.
    pub margin: f32,
    /// Below this part of the largest mean norm over 100 steps the generator's gradient is gone: 0.001.
    pub vanished: f64,
    /// Steps between two looks at the variety of the fixed samples: 100.
    pub look_every: u64,
    /// Looks in a row with too little variety: 3.
    pub looks: u32,
    /// Too little: the samples' variance is below this part of the real images', after it was twice that: 0.02.
    pub variety: f64,
    /// Steps between the states that a run goes back to, besides that of step 0: 1000. They are counted in steps, not in
    /// minutes, so that such a run can be repeated.
    pub state_every: u64,
    /// Times that a run goes back before it gives up: 5.
    pub rollbacks: usize,
}

impl Default for CollapseConfig {
    fn default() -> Self {
        Self {
            certain_steps: 500,
            margin: 0.05,
            vanished: 1e-3,
            look_every: 100,
            looks: 3,
            variety: 0.02,
            state_every: 1000,
            rollbacks: 5,
        }
    }
}

/// How a run has collapsed; as text, what a person needs to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Collapse {
    /// Losses or gradients are infinite or no numbers.
    NotFinite {
        /// The discriminator's loss.
        loss_d: f32,
        /// The generator's loss.
        loss_g: f32,
    },
    /// The discriminator is certain, and the generator learns nothing from it.
    Certain {
        /// For how many steps.
        steps: u64,
        /// The mean probability that real images are real.
        d_x: f32,
        /// The same of generated images.
        d_g_z: f32,
        /// The norm of the generator's gradient.
        grad_norm_g: f32,
    },
    /// The samples are nearly the same.
    Alike {
        /// Their variance, in parts of the real images'.
        variety: f64,
    },
}

impl Display for Collapse {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::NotFinite { loss_d, loss_g } => {
                write!(f, "losses or gradients are no longer finite (loss D {loss_d}, loss G {loss_g})")
            }
            Self::Certain { steps, d_x, d_g_z, grad_norm_g } => write!(
                f,
                "the discriminator has been certain for {steps} steps and teaches the generator nothing \
                 (D(x) {d_x:.3}, D(G(z)) {d_g_z:.3}, gradient of G {grad_norm_g:.1e})"
            ),
            Self::Alike { variety } => write!(
                f,
                "the samples have lost their variety: their variance is {:.2} % of the real images'",
                100.0 * variety
            ),
        }
    }
}

/// Watches the steps of a run. It is part of a run's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    /// Steps in a row that were suspicious so far.
    certain: u64,
    gradient: Option<MovingAverage>,
    largest_gradient: f64,
    /// Looks in a row that were suspicious so far, and the step of the first.
    alike: u32,
    alike_since: u64,
    had_variety: bool,
    /// The variance of real images.
    real_variance: f64,
}

impl Guard {
    /// Learns what real images look like: `[N, C, S, S]`.
    pub fn see_real(&mut self, images: ArrayView4<f32>) {
        self.real_variance = variance(images);
    }

    /// Judges step `step`; `targets` are those of the discriminator for real and for generated images.
    pub fn judge(
        &mut self,
        config: &CollapseConfig,
        targets: [f32; 2],
        stats: &StepStats,
    ) -> Option<Collapse> {
        let StepStats { loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g } = *stats;
        if ![loss_d, loss_g, grad_norm_d, grad_norm_g].iter().all(|value| value.is_finite()) {
            return Some(Collapse::NotFinite { loss_d, loss_g });
        }
        let mean = self.gradient.get_or_insert(MovingAverage::over(100)).add(grad_norm_g);
        self.largest_gradient = self.largest_gradient.max(mean);
        let is_gone = f64::from(grad_norm_g) < config.vanished * self.largest_gradient;
        self.certain =
            if is_gone && is_certain(d_x, d_g_z, targets, config.margin) { self.certain + 1 } else { 0 };
        if self.certain < config.certain_steps {
            return None;
        }
        let steps = std::mem::take(&mut self.certain);
        Some(Collapse::Certain { steps, d_x, d_g_z, grad_norm_g })
    }

    /// Judges the samples `[N, C, S, S]` that the generator makes of the same latents each time, after step `step`.
    pub fn look(&mut self, config: &CollapseConfig, step: u64, samples: ArrayView4<f32>) -> Option<Collapse> {
        // One real image, or the same one again and again, have no variety that samples could lack.
        if self.real_variance <= 0.0 {
            return None;
        }
        let variety = variance(samples) / self.real_variance;
        self.had_variety |= variety >= 2.0 * config.variety;
        if !self.had_variety || variety >= config.variety {
            self.alike = 0;
            return None;
        }
        if self.alike == 0 {
            self.alike_since = step;
        }
        self.alike += 1;
        if self.alike < config.looks {
            return None;
        }
        self.alike = 0;
        Some(Collapse::Alike { variety })
    }

    /// The last step that nothing spoke against when a collapse was noticed at `step`: good states are not newer.
    pub fn last_good(&self, config: &CollapseConfig, step: u64, collapse: &Collapse) -> u64 {
        match collapse {
            Collapse::NotFinite { .. } => step - 1,
            Collapse::Certain { steps, .. } => step.saturating_sub(*steps),
            Collapse::Alike { .. } => self.alike_since.saturating_sub(config.look_every),
        }
    }

    /// Whether something speaks against the present state.
    pub fn suspects(&self) -> bool {
        self.certain > 0 || self.alike > 0
    }
}

/// Whether both probabilities are at their targets or beyond, or say the same of every image.
fn is_certain(d_x: f32, d_g_z: f32, [real, fake]: [f32; 2], margin: f32) -> bool {
    let tells_apart = d_x >= real - margin && d_g_z <= fake + margin;
    let says_real = d_x.min(d_g_z) >= 1.0 - margin;
    let says_generated = d_x.max(d_g_z) <= margin;
    tells_apart || says_real || says_generated
}

/// The mean over all pixels of their variance from image to image; 0 for fewer than two images.
fn variance(images: ArrayView4<f32>) -> f64 {
    let count = images.len_of(Axis(0));
    if count < 2 {
        return 0.0;
    }
    let pixels = images.len() / count;
    let (mut sums, mut squares) = (vec![0.0; pixels], vec![0.0; pixels]);
    for image in images.outer_iter() {
        for ((value, sum), square) in image.iter().zip(&mut sums).zip(&mut squares) {
            let value = f64::from(*value);
            *sum += value;
            *square += value * value;
        }
    }
    let n = count as f64;
    let of_pixel = |(sum, square): (&f64, &f64)| (square / n - (sum / n) * (sum / n)).max(0.0);
    sums.iter().zip(&squares).map(of_pixel).sum::<f64>() / pixels as f64
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    const TARGETS: [f32; 2] = [0.9, 0.1];

    fn config() -> CollapseConfig {
        CollapseConfig { certain_steps: 3, ..CollapseConfig::default() }
    }

    fn stats(d_x: f32, d_g_z: f32, grad_norm_g: f32) -> StepStats {
        StepStats { loss_d: 0.7, loss_g: 1.0, d_x, d_g_z, grad_norm_d: 1.0, grad_norm_g }
    }

    /// Which of the steps is reported, from 1.
    fn reported(steps: &[StepStats]) -> Vec<usize> {
        let mut guard = Guard::default();
        let judged = steps.iter().map(|step| guard.judge(&config(), TARGETS, step).is_some());
        judged.zip(1..).filter_map(|(reported, step)| reported.then_some(step)).collect()
    }

    #[test]
    fn a_certain_discriminator_counts_only_where_the_gradient_is_gone_and_in_a_row() {
        let (healthy, gone) = (stats(0.7, 0.3, 1.0), stats(0.89, 0.11, 1e-4));
        let strong = stats(0.89, 0.11, 0.5);
        assert_eq!(reported(&[healthy, gone, gone, gone, healthy]), [4]);
        assert_eq!(reported(&[healthy, gone, gone, healthy, gone, gone]), [0; 0]);
        assert_eq!(reported(&[healthy, strong, strong, strong, strong]), [0; 0]);
        assert_eq!(reported(&[healthy, gone, gone, gone, gone, gone, gone]), [4, 7], "and again");
    }

    #[test]
    fn a_discriminator_that_says_the_same_of_all_images_is_certain() {
        for value in [0.001, 0.999] {
            let same = stats(value, value, 0.0);
            assert_eq!(reported(&[stats(0.7, 0.3, 1.0), same, same, same]), [4], "{value}");
        }
        let undecided = stats(0.5, 0.5, 0.0);
        assert_eq!(reported(&[stats(0.7, 0.3, 1.0), undecided, undecided, undecided]), [0; 0]);
    }

    #[test]
    fn losses_and_gradients_have_to_be_finite() {
        for change in [
            |stats: &mut StepStats| stats.loss_d = f32::NAN,
            |stats: &mut StepStats| stats.loss_g = f32::INFINITY,
            |stats: &mut StepStats| stats.grad_norm_d = f32::NAN,
            |stats: &mut StepStats| stats.grad_norm_g = f32::INFINITY,
        ] {
            let mut step = stats(0.7, 0.3, 1.0);
            change(&mut step);
            assert_eq!(reported(&[stats(0.7, 0.3, 1.0), step]), [2]);
        }
    }

    /// Images that differ by `spread` from one to the next.
    fn images(spread: f32) -> Array4<f32> {
        Array4::from_shape_fn((4, 3, 2, 2), |(n, ..)| spread * n as f32)
    }

    /// Of 0, 1, 2 and 3: (0 + 1 + 4 + 9) / 4 - 1.5^2.
    #[test]
    fn variance_is_from_image_to_image() {
        assert!((variance(images(1.0).view()) - 1.25).abs() < 1e-12);
        let same = Array4::from_shape_fn((4, 3, 2, 2), |(_, c, y, x)| (c + y + x) as f32);
        assert_eq!(variance(same.view()), 0.0);
    }

    #[test]
    fn variety_can_be_lost_only_after_it_was_there_and_for_several_looks() {
        let mut guard = Guard::default();
        guard.see_real(images(1.0).view());
        let mut look = |step: u64, spread: f32| guard.look(&config(), step, images(spread).view()).is_some();
        assert!((1..9).all(|i| !look(100 * i, 0.01)), "a new generator");
        assert!(!look(900, 0.5));
        assert_eq!(
            [1000, 1100, 1200].map(|step| look(step, 0.1)),
            [false, false, true],
            "1 % of the variance"
        );
        assert_eq!(
            [1300, 1400, 1500, 1600].map(|step| look(step, if step == 1500 { 0.5 } else { 0.1 })),
            [false; 4]
        );
        let found = Collapse::Alike { variety: 0.01 };
        guard.look(&config(), 1700, images(0.1).view());
        assert_eq!(guard.last_good(&config(), 1800, &found), 1500);
    }
}
