//! The tensors of a state dict by name, taken one by one by the layers that they belong to.

use std::collections::BTreeMap;

use dcgan_core::{Checkpoint, TensorData};
use ndarray::{Array2, Array4, ArrayD};

use crate::error::ExportError;
use crate::network::{BatchNorm, Convolution, Linear};
use dcgan_core::spec::BATCH_NORM_EPS;

/// What is left of a state dict.
pub(crate) struct Tensors(BTreeMap<String, TensorData>);

impl Tensors {
    /// A copy of a checkpoint's.
    pub(crate) fn of(checkpoint: &Checkpoint) -> Self {
        Self(checkpoint.tensors.clone())
    }

    /// `{name}.weight [outputs, inputs]` and `{name}.bias [outputs]`.
    pub(crate) fn linear(
        &mut self,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<Linear, ExportError> {
        let weight: Array2<f32> = self.take(&format!("{name}.weight"), [outputs, inputs])?;
        let bias = self.vector(&format!("{name}.bias"), outputs)?;
        Ok(Linear { weight, bias })
    }

    /// `{name}.weight` of four dimensions.
    pub(crate) fn convolution(
        &mut self,
        name: &str,
        shape: [usize; 4],
        stride: usize,
        padding: usize,
    ) -> Result<Convolution, ExportError> {
        let weight: Array4<f32> = self.take(&format!("{name}.weight"), shape)?;
        Ok(Convolution { weight, bias: None, stride, padding })
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
            let tensor = format!("{name}.running_var");
            return Err(ExportError::Variance { tensor, channel, found: variance[channel] });
        }
        Ok(BatchNorm { weight, bias, mean, variance, eps: BATCH_NORM_EPS })
    }

    fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, ExportError> {
        Ok(self.take::<_, ndarray::Ix1>(name, [length])?.to_vec())
    }

    fn take<S, D>(&mut self, name: &str, shape: S) -> Result<ndarray::Array<f32, D>, ExportError>
    where
        S: AsRef<[usize]>,
        D: ndarray::Dimension,
    {
        let expected = shape.as_ref();
        let found = match self.0.remove(name) {
            Some(TensorData::F32(values)) => match fit(values, expected) {
                Ok(values) => return Ok(values),
                Err(found) => found,
            },
            Some(TensorData::Count(_)) => "a counter".to_owned(),
            None => "missing".to_owned(),
        };
        Err(ExportError::Tensor { tensor: name.to_owned(), expected: format!("F32 {expected:?}"), found })
    }
}

fn fit<D: ndarray::Dimension>(
    values: ArrayD<f32>,
    expected: &[usize],
) -> Result<ndarray::Array<f32, D>, String> {
    let found = format!("F32 {:?}", values.shape());
    if values.shape() != expected {
        return Err(found);
    }
    values.into_dimensionality().map_err(|_| found)
}
