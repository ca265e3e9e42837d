//! The tensors of a state dict by name, taken one by one by the layers that they belong to.

use std::collections::BTreeMap;

use dcgan_core::spec::BATCH_NORM_EPS;
use dcgan_core::{Checkpoint, StateDict, TensorData};
use ndarray::{Array, ArrayD, Dimension, Ix1};

use crate::error::ExportError;
use crate::network::{BatchNorm, Convolution, Linear};

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

    /// `{name}.weight [outputs, inputs]` and, where there is one, `{name}.bias [outputs]`.
    pub(crate) fn linear(
        &mut self,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Linear, ExportError> {
        let weight = self.take(&format!("{name}.weight"), [outputs, inputs])?;
        let bias = self.bias(name, outputs)?.unwrap_or_else(|| vec![0.0; outputs]);
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
        let bias = self.bias(name, outputs)?;
        Ok(Convolution { weight, bias, stride, padding })
    }

    /// `{name}.bias [outputs]`, where there is one.
    fn bias(&mut self, name: &str, outputs: usize) -> Result<Option<Vec<f32>>, ExportError> {
        let bias = format!("{name}.bias");
        self.has(&bias).then(|| self.vector(&bias, outputs)).transpose()
    }

    /// `{name}.running_mean`, `.running_var` and, unless neither is there, `.weight` and `.bias`: all `[channels]`.
    ///
    /// # Errors
    /// Also [`ExportError::Statistics`] if there are no running statistics, and [`ExportError::Variance`] if a channel's
    /// variance is negative or not finite.
    pub(crate) fn batch_norm(&mut self, name: &str, channels: usize) -> Result<BatchNorm, ExportError> {
        let [has_mean, has_variance, has_weight, has_bias] =
            ["running_mean", "running_var", "weight", "bias"].map(|part| self.has(&format!("{name}.{part}")));
        if !has_mean && !has_variance {
            return Err(ExportError::Statistics { layer: self.name(name) });
        }
        let mut part = |part: &str| self.vector(&format!("{name}.{part}"), channels);
        // PyTorch's `affine=False` has neither.
        let (weight, bias) = match has_weight || has_bias {
            true => (part("weight")?, part("bias")?),
            false => (vec![1.0; channels], vec![0.0; channels]),
        };
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

    /// The layers of which there is a tensor `{layer}.{tensor}`.
    pub(crate) fn layers(&self, tensor: &str) -> Vec<String> {
        let layer = |name: &String| {
            let layer = name.strip_prefix(&self.prefix)?.strip_suffix(tensor)?.strip_suffix('.')?;
            Some(layer.to_owned())
        };
        self.tensors.keys().filter_map(layer).collect()
    }

    /// Adds `{layer}.weight`.
    ///
    /// # Errors
    /// [`ExportError::Surplus`] if there is one.
    pub(crate) fn set_weight(&mut self, layer: &str, weight: ArrayD<f32>) -> Result<(), ExportError> {
        let name = self.name(&format!("{layer}.weight"));
        match self.tensors.insert(name.clone(), TensorData::F32(weight)) {
            Some(data) => Err(ExportError::Surplus { tensor: name, found: describe(&data) }),
            None => Ok(()),
        }
    }

    /// Takes a tensor whose shape `fits`; `expected` says what fits.
    pub(crate) fn array(
        &mut self,
        name: &str,
        expected: &str,
        fits: impl Fn(&[usize]) -> bool,
    ) -> Result<ArrayD<f32>, ExportError> {
        match self.tensors.remove(&self.name(name)) {
            Some(TensorData::F32(values)) if fits(values.shape()) => Ok(values),
            data => Err(self.error(name, expected.to_owned(), data.as_ref())),
        }
    }

    /// Takes a tensor `[length]`.
    pub(crate) fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, ExportError> {
        Ok(self.take::<Ix1, 1>(name, [length])?.to_vec())
    }

    fn take<D: Dimension, const R: usize>(
        &mut self,
        name: &str,
        shape: [usize; R],
    ) -> Result<Array<f32, D>, ExportError> {
        let expected = format!("F32 {shape:?}");
        let values = self.array(name, &expected, |found| found == shape)?;
        values.into_dimensionality().map_err(|_| self.error(name, expected, None))
    }

    fn error(&self, name: &str, expected: String, found: Option<&TensorData>) -> ExportError {
        let found = found.map_or_else(|| "missing".to_owned(), describe);
        ExportError::Tensor { tensor: self.name(name), expected, found }
    }

    /// A name as the state dict has it.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
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
