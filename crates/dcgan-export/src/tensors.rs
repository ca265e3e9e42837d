//! The tensors of a state dict by name, taken one by one by the layers that they belong to.

use std::collections::BTreeMap;

use dcgan_core::spec::BATCH_NORM_EPS;
use dcgan_core::{Checkpoint, StateDict, TensorData};
use ndarray::{Array, Dimension, Ix1};

use crate::error::ExportError;
use crate::network::{BatchNorm, Convolution, Linear};

/// How the name of a weight ends that is to be divided by its spectral norm.
const ORIGINAL: &str = ".weight_orig";

/// What is left of a state dict.
pub(crate) struct Tensors {
    /// What stands before every name, such as the `module.` of `nn.DataParallel`.
    prefix: String,
    tensors: BTreeMap<String, TensorData>,
}

impl Tensors {
    /// A copy of a checkpoint's.
    pub(crate) fn of(checkpoint: &Checkpoint) -> Self {
        Self { prefix: String::new(), tensors: checkpoint.tensors.clone() }
    }

    /// A state dict's, where a module's name begins behind `prefix`.
    pub(crate) fn with_prefix(prefix: &str, state: StateDict) -> Self {
        Self { prefix: prefix.to_owned(), tensors: state.tensors }
    }

    /// The highest `i` for which there is a tensor `{before}{i}{after}`.
    pub(crate) fn highest(&self, before: &str, after: &str) -> Option<usize> {
        let index = |name: &String| {
            let rest = name.strip_prefix(&self.prefix)?.strip_prefix(before)?;
            rest.strip_suffix(after)?.parse::<usize>().ok()
        };
        self.tensors.keys().filter_map(index).max()
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(&self.name(name))
    }

    /// The shape of a tensor of so many dimensions, none of them 0; `expected` says what they mean.
    pub(crate) fn shape<const R: usize>(
        &self,
        name: &str,
        expected: &str,
    ) -> Result<[usize; R], ExportError> {
        let data = self.tensors.get(&self.name(name));
        match data.map(shape_of).map(<[usize; R]>::try_from) {
            Some(Ok(shape)) if !shape.contains(&0) => Ok(shape),
            _ => Err(self.error(name, expected.to_owned(), data)),
        }
    }

    /// `{name}.weight [outputs, inputs]` and `{name}.bias [outputs]`.
    pub(crate) fn linear(
        &mut self,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Linear, ExportError> {
        let weight = self.take(&format!("{name}.weight"), [outputs, inputs])?;
        let bias = self.vector(&format!("{name}.bias"), outputs)?;
        Ok(Linear { weight, bias })
    }

    /// `{name}.weight` of this shape and, where there is one, `{name}.bias [outputs]`.
    pub(crate) fn convolution(
        &mut self,
        name: &str,
        shape: [usize; 4],
        outputs: usize,
        (stride, padding): (usize, usize),
    ) -> Result<Convolution, ExportError> {
        let weight = self.take(&format!("{name}.weight"), shape)?;
        let bias = format!("{name}.bias");
        let bias = self.has(&bias).then(|| self.vector(&bias, outputs)).transpose()?;
        Ok(Convolution { weight, bias, stride, padding })
    }

    /// `{name}.weight`, `.bias`, `.running_mean` and `.running_var`, all `[channels]`.
    ///
    /// # Errors
    /// Also [`ExportError::Variance`] if a channel's variance is negative or not finite.
    pub(crate) fn batch_norm(&mut self, name: &str, channels: usize) -> Result<BatchNorm, ExportError> {
        let mut part = |part: &str| self.vector(&format!("{name}.{part}"), channels);
        let (weight, bias) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        // Asked before the epsilon is added, which could make a negative variance look sound.
        let wrong = variance.iter().position(|variance| !variance.is_finite() || *variance < 0.0);
        if let Some(channel) = wrong {
            let tensor = self.name(&format!("{name}.running_var"));
            return Err(ExportError::Variance { tensor, channel, found: variance[channel] });
        }
        self.tensors.remove(&self.name(&format!("{name}.num_batches_tracked")));
        Ok(BatchNorm { weight, bias, mean, variance, eps: BATCH_NORM_EPS })
    }

    /// That nothing is left: a tensor that no layer took means another network than the one built.
    ///
    /// # Errors
    /// [`ExportError::Surplus`] names the first one.
    pub(crate) fn finish(&self) -> Result<(), ExportError> {
        match self.tensors.iter().next() {
            Some((name, data)) => Err(ExportError::Surplus { tensor: name.clone(), found: describe(data) }),
            None => Ok(()),
        }
    }

    /// Puts `{name}.weight` in the place of each `{name}.weight_orig [rows, ...]`, `{name}.weight_u [rows]` and
    /// `{name}.weight_v [the product of the rest]`: the first, divided by the `u^T weight v` that the vectors make
    /// of it as a matrix.
    ///
    /// PyTorch equivalent: `torch.nn.utils.remove_spectral_norm` of each module, in `eval()`. Not for transposed
    /// convolutions, of which PyTorch makes another matrix.
    pub(crate) fn divide_by_spectral_norms(&mut self) -> Result<(), ExportError> {
        let layer =
            |name: &String| name.strip_prefix(&self.prefix)?.strip_suffix(ORIGINAL).map(str::to_owned);
        let layers: Vec<_> = self.tensors.keys().filter_map(layer).collect();
        for layer in layers {
            let original = format!("{layer}{ORIGINAL}");
            let (mut weight, rows, columns) = match self.tensors.get(&self.name(&original)) {
                Some(TensorData::F32(weight)) if weight.ndim() >= 2 && !weight.is_empty() => {
                    (weight.clone(), weight.shape()[0], weight.shape()[1..].iter().product())
                }
                data => return Err(self.error(&original, "F32 [rows, ...]".to_owned(), data)),
            };
            let u = self.vector(&format!("{layer}.weight_u"), rows)?;
            let v = self.vector(&format!("{layer}.weight_v"), columns)?;
            let sigma = bilinear(&u, weight.iter(), &v);
            weight.mapv_inplace(|value| (f64::from(value) / sigma) as f32);
            self.tensors.remove(&self.name(&original));
            self.tensors.insert(self.name(&format!("{layer}.weight")), TensorData::F32(weight));
        }
        Ok(())
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, ExportError> {
        Ok(self.take::<Ix1, 1>(name, [length])?.to_vec())
    }

    fn take<D: Dimension, const R: usize>(
        &mut self,
        name: &str,
        shape: [usize; R],
    ) -> Result<Array<f32, D>, ExportError> {
        let data = self.tensors.remove(&self.name(name));
        let error = self.error(name, format!("F32 {shape:?}"), data.as_ref());
        match data {
            Some(TensorData::F32(values)) if values.shape() == shape => {
                values.into_dimensionality().map_err(|_| error)
            }
            _ => Err(error),
        }
    }

    fn error(&self, name: &str, expected: String, found: Option<&TensorData>) -> ExportError {
        let found = found.map_or_else(|| "missing".to_owned(), describe);
        ExportError::Tensor { tensor: self.name(name), expected, found }
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// `u^T weight v`, where the weight comes row by row.
fn bilinear<'a>(u: &[f32], weight: impl Iterator<Item = &'a f32>, v: &[f32]) -> f64 {
    let factors = u.iter().flat_map(|u| v.iter().map(move |v| f64::from(*u) * f64::from(*v)));
    factors.zip(weight).map(|(factor, weight)| factor * f64::from(*weight)).sum()
}

fn describe(data: &TensorData) -> String {
    match data {
        TensorData::F32(values) => format!("F32 {:?}", values.shape()),
        TensorData::Count(_) => "a counter".to_owned(),
    }
}

fn shape_of(data: &TensorData) -> &[usize] {
    match data {
        TensorData::F32(values) => values.shape(),
        TensorData::Count(_) => &[],
    }
}
