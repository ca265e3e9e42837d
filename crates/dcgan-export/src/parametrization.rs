//! Weights that PyTorch computes from other tensors: spectral and weight normalisation, folded.

use dcgan_core::StateDict;
use ndarray::{ArrayD, ArrayViewMutD, Axis};

use crate::error::ExportError;
use crate::tensors::Tensors;

/// Names behind a layer's of the weight, `u` and `v` of `torch.nn.utils.spectral_norm` and of
/// `torch.nn.utils.parametrizations.spectral_norm`.
const SPECTRAL: [[&str; 3]; 2] = [
    ["weight_orig", "weight_u", "weight_v"],
    ["parametrizations.weight.original", "parametrizations.weight.0._u", "parametrizations.weight.0._v"],
];
/// Likewise of the magnitudes and directions of both kinds of `weight_norm`.
const WEIGHT: [[&str; 2]; 2] =
    [["weight_g", "weight_v"], ["parametrizations.weight.original0", "parametrizations.weight.original1"]];
/// What the name of a tensor of `torch.nn.utils.parametrize` contains.
const PARAMETRIZED: &str = "parametrizations.";
/// How the name of a tensor ends that belongs to a parametrisation without a namespace: a pruned weight's mask, and the
/// weight in an implementation of spectral normalisation that many repositories copied.
const FOREIGN: [&str; 2] = [".weight_mask", ".weight_bar"];

/// Names behind a layer's of the tensor from which its weight is computed.
pub(crate) fn weight_names() -> impl Iterator<Item = &'static str> {
    ["weight"].into_iter().chain(SPECTRAL.map(|[weight, ..]| weight)).chain(WEIGHT.map(|[_, v]| v))
}

/// Refuses parametrisations other than spectral and weight normalisation.
///
/// # Errors
/// [`ExportError::Parametrization`] names the first tensor of one.
pub(crate) fn refuse_foreign(state: &StateDict) -> Result<(), ExportError> {
    let known = SPECTRAL.iter().flatten().chain(WEIGHT.iter().flatten());
    let is_foreign = |name: &str| {
        FOREIGN.iter().any(|end| name.ends_with(end))
            || (name.contains(PARAMETRIZED) && !known.clone().any(|known| name.ends_with(known)))
    };
    match state.tensors.keys().find(|name| is_foreign(name)) {
        Some(tensor) => Err(unknown(tensor.clone())),
        None => Ok(()),
    }
}

fn unknown(tensor: String) -> ExportError {
    ExportError::Parametrization { tensor, reason: "expected spectral_norm or weight_norm".to_owned() }
}

impl Tensors {
    /// Replaces the tensors of spectral and of weight normalisation by the `{layer}.weight` that PyTorch computes from
    /// them in `eval()`. `outputs` is the axis of a convolution's output channels: 0, or 1 if it is transposed.
    ///
    /// PyTorch equivalent: `remove_spectral_norm`, `remove_weight_norm` or `remove_parametrizations` of each module.
    ///
    /// # Errors
    /// [`ExportError`] names the tensor that is missing, of another shape, or of another parametrisation.
    pub(crate) fn fold_parametrizations(&mut self, outputs: Axis) -> Result<(), ExportError> {
        for names in SPECTRAL {
            for layer in self.layers(names[0]) {
                let tensors = names.map(|name| format!("{layer}.{name}"));
                let weight = self.spectrally_normalised(&tensors, outputs)?;
                self.set_weight(&layer, weight)?;
            }
        }
        for names in WEIGHT {
            for layer in self.layers(names[0]) {
                let tensors = names.map(|name| format!("{layer}.{name}"));
                let weight = self.weight_normalised(&tensors)?;
                self.set_weight(&layer, weight)?;
            }
        }
        Ok(())
    }

    /// The weight divided by `u^T W v`, where `W` is the weight as a matrix with a row for each output channel.
    fn spectrally_normalised(
        &mut self,
        [original, u, v]: &[String; 3],
        outputs: Axis,
    ) -> Result<ArrayD<f32>, ExportError> {
        if !self.has(u) && !self.has(v) {
            return Err(unknown(self.name(original)));
        }
        let mut weight = self.array(original, "F32 [rows, ...]", is_matrix)?;
        let rows = if weight.ndim() == 4 { outputs } else { Axis(0) };
        let (u, v) =
            (self.vector(u, weight.len_of(rows))?, self.vector(v, weight.len() / weight.len_of(rows))?);
        let mut matrix = weight.view();
        matrix.swap_axes(0, rows.index()); // [rows, ...]
        let sigma = bilinear(&u, matrix.iter(), &v);
        self.check_norm(original, sigma)?;
        weight.mapv_inplace(|value| (f64::from(value) / sigma) as f32);
        Ok(weight)
    }

    /// `g v / ||v||`, with a norm for each element of `g`: for each index of one axis of `v`, or for the whole of it.
    fn weight_normalised(&mut self, [g, v]: &[String; 2]) -> Result<ArrayD<f32>, ExportError> {
        if !self.has(v) {
            return Err(unknown(self.name(g)));
        }
        let mut weight = self.array(v, "F32 [rows, ...]", is_matrix)?;
        let shape = weight.shape().to_vec();
        let expected = format!("F32 [], or {shape:?} with all dimensions but one replaced by 1");
        let magnitudes = self.array(g, &expected, |found| is_magnitude(found, &shape))?;
        let axis = magnitudes.shape().iter().position(|length| *length != 1).map(Axis);
        let parts: Vec<ArrayViewMutD<f32>> = match axis {
            Some(axis) => weight.axis_iter_mut(axis).collect(),
            None => vec![weight.view_mut()],
        };
        for (mut part, magnitude) in parts.into_iter().zip(&magnitudes) {
            let norm = part.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            self.check_norm(v, norm)?;
            part.mapv_inplace(|value| (f64::from(value) * f64::from(*magnitude) / norm) as f32);
        }
        Ok(weight)
    }

    fn check_norm(&self, tensor: &str, norm: f64) -> Result<(), ExportError> {
        if norm != 0.0 && norm.is_finite() {
            return Ok(());
        }
        let reason = format!("its norm is {norm}, expected a finite number other than 0");
        Err(ExportError::Parametrization { tensor: self.name(tensor), reason })
    }
}

fn is_matrix(shape: &[usize]) -> bool {
    shape.len() >= 2 && !shape.contains(&0)
}

/// Whether weight normalisation of a weight of shape `weight` can have magnitudes of shape `found`.
fn is_magnitude(found: &[usize], weight: &[usize]) -> bool {
    let lengths = || found.iter().zip(weight);
    let fits = found.len() == weight.len() && lengths().all(|(found, weight)| *found == 1 || found == weight);
    found.is_empty() || (fits && found.iter().filter(|length| **length != 1).count() <= 1)
}

/// `u^T W v`, where the values of `W` come row by row.
fn bilinear<'a>(u: &[f32], matrix: impl Iterator<Item = &'a f32>, v: &[f32]) -> f64 {
    let factors = u.iter().flat_map(|u| v.iter().map(move |v| f64::from(*u) * f64::from(*v)));
    factors.zip(matrix).map(|(factor, value)| factor * f64::from(*value)).sum()
}
