//! Generators whose outputs use the whole range: small outputs and trivial statistics would hide faults.

use dcgan_core::rng::Rng;
use dcgan_core::spec::{NetworkSpec, TensorSpec};
use dcgan_core::{Checkpoint, GeneratorSpec, TensorData, TrainingRecord};

/// A generator of this spec with random weights that keep every layer's values near a standard deviation of 1
/// and statistics that BatchNorm has something to do with.
pub fn checkpoint(spec: GeneratorSpec) -> Checkpoint {
    let mut rng = Rng::new(spec.widths.iter().sum::<usize>() as u64);
    let spec = NetworkSpec::Generator(spec);
    let tensors = spec.tensors().into_iter().map(|tensor| {
        let data = values(&tensor, &mut rng);
        (tensor.name, data)
    });
    Checkpoint { tensors: tensors.collect(), spec, record: TrainingRecord::default() }
}

fn values(tensor: &TensorSpec, rng: &mut Rng) -> TensorData {
    let TensorSpec { name, shape } = tensor;
    if shape.is_empty() {
        return TensorData::Count(1);
    }
    let mut draw = |mean: f64, deviation: f64| {
        let count = shape.iter().product();
        TensorData::from_values(shape, (0..count).map(|_| (mean + deviation * rng.normal()) as f32).collect())
    };
    match name.as_str() {
        // Each output of a layer is a sum over its inputs; a transposed convolution's pixel has 4 of each channel.
        "fc.weight" => draw(0.0, (shape[1] as f64).sqrt().recip()),
        name if name.starts_with("tconv") => draw(0.0, 1.2 * (4.0 * shape[0] as f64).sqrt().recip()),
        name if name.ends_with("running_var") => match draw(1.0, 0.3) {
            TensorData::F32(values) => TensorData::F32(values.mapv(|value| value.abs() + 0.05)),
            count => count,
        },
        name if name.starts_with("bn") && name.ends_with(".weight") => draw(1.0, 0.3),
        _ => draw(0.0, 0.3),
    }
}
