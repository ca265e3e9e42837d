//! Against the definition in `f64`.

use dcgan_core::rng::Rng;

use super::*;

const SCALE: [f32; 3] = [0.9, 1.3, -0.4];
const BIAS: [f32; 3] = [0.1, -0.2, 0.3];
const EPS: f32 = 1e-5;

fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.normal() as f32 * 2.0 + 5.0).collect()
}

fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu(slope) => x.max(x * f64::from(slope)),
        Activation::Tanh => x.tanh(),
    }
}

/// Channel `c` of [`train`] as defined, in `f64`.
fn defined(row: &[f64], c: usize, activation: Activation) -> Vec<f64> {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
    let deviation = (variance + f64::from(EPS)).sqrt();
    let (scale, bias) = (f64::from(SCALE[c]), f64::from(BIAS[c]));
    row.iter().map(|x| activate(activation, (x - mean) / deviation * scale + bias)).collect()
}

#[test]
fn values_and_gradients_are_the_definition_at_every_level() {
    let norm = Norm { scale: &SCALE, bias: &BIAS, eps: EPS };
    for (row, activation) in
        [(7, Activation::Tanh), (33, Activation::Relu), (1500, Activation::LeakyRelu(0.2))]
    {
        let (maps, direction) = (random(3 * row, 1), random(3 * row, 2));
        for level in Level::available() {
            let (out, moments) = level.force(|| train(&maps, norm, activation));
            let mut found = direction.clone();
            let (for_scale, _) = level.force(|| gradient(&maps, norm, &moments, activation, &mut found));
            for c in 0..3 {
                let at = c * row..(c + 1) * row;
                let x: Vec<f64> = maps[at.clone()].iter().map(|x| f64::from(*x)).collect();
                let expected = defined(&x, c, activation);
                for (found, expected) in out[at.clone()].iter().zip(&expected) {
                    assert!((f64::from(*found) - expected).abs() < 3e-6, "{activation:?}, {level:?}");
                }
                check_gradient(&x, c, activation, &direction[at.clone()], &found[at]);
            }
            assert!(for_scale.iter().all(|gradient| gradient.is_finite()));
        }
    }
}

/// Against central differences of the definition, in a few places.
fn check_gradient(x: &[f64], c: usize, activation: Activation, direction: &[f32], found: &[f32]) {
    const STEP: f64 = 1e-6;
    let loss = |x: &[f64]| -> f64 {
        defined(x, c, activation).iter().zip(direction).map(|(y, d)| y * f64::from(*d)).sum()
    };
    for at in [0, x.len() / 2, x.len() - 1] {
        let mut moved = [x.to_vec(), x.to_vec()];
        moved[0][at] += STEP;
        moved[1][at] -= STEP;
        let expected = (loss(&moved[0]) - loss(&moved[1])) / (2.0 * STEP);
        let error = (f64::from(found[at]) - expected).abs();
        assert!(error < 1e-4, "{activation:?}, place {at}: {} and not {expected}", found[at]);
    }
}
