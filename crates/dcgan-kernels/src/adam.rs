//! Adam (Kingma and Ba, 2014) over one parameter, in one pass.

use rayon::prelude::*;

use crate::simd::{Kernel, LANES, Level, Simd, Vector, load, store};

/// Floats a task.
const TASK: usize = 16 * 1024;

/// One step of Adam: the settings that every parameter shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// The learning rate.
    pub learning_rate: f64,
    /// Decay rates of the first and the second moment.
    pub betas: [f64; 2],
    /// Added to the square root of the second moment.
    pub eps: f64,
    /// Number of the step, counted from 1.
    pub time: i32,
}

/// Updates a parameter and its moments from its gradient, all of one length.
///
/// PyTorch equivalent: a step of `torch.optim.Adam` without weight decay.
///
/// # Panics
/// If the lengths differ.
pub fn update(
    step: AdamStep,
    parameter: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
) {
    assert_eq!([first.len(), second.len(), gradient.len()], [parameter.len(); 3]);
    let (level, constants) = (Level::current(), Constants::new(step));
    parameter
        .par_chunks_mut(TASK)
        .zip(first.par_chunks_mut(TASK))
        .zip(second.par_chunks_mut(TASK).zip(gradient.par_chunks(TASK)))
        .for_each(|((parameter, first), (second, gradient))| {
            level.run(Update { constants, parameter, first, second, gradient });
        });
}

/// Per-step constants of Adam.
#[derive(Clone, Copy)]
struct Constants {
    keep: [f32; 2],
    take: [f32; 2],
    /// The learning rate, divided by the first moment's bias correction.
    rate: f32,
    /// One over the second moment's bias correction.
    unbias: f32,
    eps: f32,
}

impl Constants {
    fn new(step: AdamStep) -> Self {
        let [correction1, correction2] = step.betas.map(|beta| 1.0 - beta.powi(step.time));
        Self {
            keep: step.betas.map(|beta| beta as f32),
            take: step.betas.map(|beta| (1.0 - beta) as f32),
            rate: (step.learning_rate / correction1) as f32,
            unbias: correction2.recip() as f32,
            eps: step.eps as f32,
        }
    }
}

struct Update<'a> {
    constants: Constants,
    parameter: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    gradient: &'a [f32],
}

impl Kernel for Update<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Constants { keep, take, rate, unbias, eps } = self.constants;
        let moments = self.first.chunks_mut(LANES).zip(self.second.chunks_mut(LANES));
        let values = self.parameter.chunks_mut(LANES).zip(self.gradient.chunks(LANES));
        for ((parameter, gradient), (first, second)) in values.zip(moments) {
            let g = load(simd, gradient);
            let m = simd.splat(keep[0]) * load(simd, first) + simd.splat(take[0]) * g;
            let v = simd.splat(keep[1]) * load(simd, second) + simd.splat(take[1]) * g * g;
            let scale = (v * simd.splat(unbias)).sqrt() + simd.splat(eps);
            store(load(simd, parameter) - simd.splat(rate) * m / scale, parameter);
            store(m, first);
            store(v, second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_are_the_definition_at_every_level() {
        let gradients = [0.5f32, -2.0, 1e-3];
        for level in Level::available() {
            let (mut p, mut m, mut v) = ([1.0f32; 21], [0.0; 21], [0.0; 21]);
            let mut expected = [[1.0f64, 0.0, 0.0]; 21];
            for time in 1..=2 {
                let step = AdamStep { learning_rate: 0.1, betas: [0.5, 0.999], eps: 1e-8, time };
                let g: [f32; 21] = std::array::from_fn(|i| gradients[i % 3] * time as f32);
                level.force(|| update(step, &mut p, &mut m, &mut v, &g));
                for ([p, m, v], g) in expected.iter_mut().zip(g.map(f64::from)) {
                    (*m, *v) = (0.5 * *m + 0.5 * g, 0.999 * *v + 0.001 * g * g);
                    let unbiased = [*m / (1.0 - 0.5f64.powi(time)), *v / (1.0 - 0.999f64.powi(time))];
                    *p -= 0.1 * unbiased[0] / (unbiased[1].sqrt() + 1e-8);
                }
            }
            for (found, [expected, ..]) in p.iter().zip(expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-6, "{level:?}: {found}, not {expected}");
            }
        }
    }
}
