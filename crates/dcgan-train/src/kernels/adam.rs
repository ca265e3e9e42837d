//! Adam (Kingma and Ba, 2014) over one parameter, in one pass.

use rayon::prelude::*;

/// Floats that a task takes.
const TASK: usize = 16 * 1024;

/// One step of Adam, the same for every parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// The learning rate.
    pub learning_rate: f64,
    /// Decay of the first and of the second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Number of the step, from 1.
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
    let [correction1, correction2] = step.betas.map(|beta| 1.0 - beta.powi(step.time));
    let [keep1, keep2] = step.betas.map(|beta| beta as f32);
    let [take1, take2] = step.betas.map(|beta| (1.0 - beta) as f32);
    let rate = (step.learning_rate / correction1) as f32;
    let (unbias2, eps) = (correction2.recip() as f32, step.eps as f32);
    parameter
        .par_chunks_mut(TASK)
        .zip(first.par_chunks_mut(TASK))
        .zip(second.par_chunks_mut(TASK).zip(gradient.par_chunks(TASK)))
        .for_each(|((p, m), (v, g))| {
            for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
                *m = keep1 * *m + take1 * *g;
                *v = keep2 * *v + take2 * *g * *g;
                *p -= rate * *m / ((*v * unbias2).sqrt() + eps);
            }
        });
}
