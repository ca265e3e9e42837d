//! Between networks and checkpoints: PyTorch's state dict.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::{self, Debug, Display, Formatter};

use dcgan_core::TensorData;
use dfdx::prelude::*;

use crate::backend::operations::{Array, Backend, DeviceError, DeviceResult, Grads};
use crate::networks::layers::{FIRST_CONVOLUTION, Layer, Visitor};

/// The names and values of PyTorch's `state_dict()`.
pub type StateDict = BTreeMap<String, TensorData>;

/// A network's state dict.
///
/// PyTorch equivalent: `module.state_dict()`.
pub fn state_dict<B: Backend, L: Layer<B>>(layer: &mut L) -> StateDict {
    let mut save = Save(StateDict::new());
    let Ok(()) = Layer::<B>::visit(layer, FIRST_CONVOLUTION, &mut save);
    save.0
}

/// A network with the values of a state dict, spectrally normalised where they are those of such a network.
///
/// PyTorch equivalent: `module.load_state_dict(state)`.
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If a tensor is missing or of another shape: a checkpoint that was loaded has all of them.
pub fn from_state_dict<B: Backend, L: Layer<B>>(device: &B::Device, state: &StateDict) -> DeviceResult<L, B> {
    let mut layer = L::build(device)?;
    if state.keys().any(|name| name.ends_with(".weight_orig")) {
        layer.add_spectral_norm()?;
    }
    match load::<B, L>(&mut layer, state) {
        Ok(()) => Ok(layer),
        Err(LoadError::Device(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// Gives a network the values of a state dict.
///
/// # Errors
/// If a tensor is missing or of another shape, or the device fails: some values may be the new ones then.
pub fn load<B: Backend, L: Layer<B>>(
    layer: &mut L,
    state: &StateDict,
) -> Result<(), LoadError<DeviceError<B>>> {
    layer.visit(FIRST_CONVOLUTION, &mut Load(state))
}

/// A state dict cannot be loaded.
#[derive(Clone, Debug, PartialEq)]
pub enum LoadError<D> {
    /// There is no such tensor.
    Missing(String),
    /// A tensor has another shape.
    Shape {
        /// Its name.
        name: String,
        /// The shape that is needed.
        expected: Vec<usize>,
        /// The shape that is there.
        found: Vec<usize>,
    },
    /// The device failed.
    Device(D),
}

impl<D: Debug> Display for LoadError<D> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "there is no tensor {name}"),
            Self::Shape { name, expected, found } => {
                write!(f, "tensor {name} has the shape {found:?}, expected {expected:?}")
            }
            Self::Device(error) => write!(f, "the device failed: {error:?}"),
        }
    }
}

/// The values of a tensor of a state dict.
pub(crate) fn values_of<S: Shape, D>(
    state: &StateDict,
    name: &str,
    shape: &S,
) -> Result<Vec<f32>, LoadError<D>> {
    let Some(TensorData::F32(values)) = state.get(name) else {
        return Err(LoadError::Missing(name.to_owned()));
    };
    let expected: Vec<usize> = shape.concrete().into();
    if values.shape() != expected {
        return Err(LoadError::Shape { name: name.to_owned(), expected, found: values.shape().to_vec() });
    }
    Ok(values.iter().copied().collect())
}

/// The gradients of a network's parameters, by PyTorch's names; zeros where there is none.
pub fn gradients<B: Backend, L: Layer<B>>(layer: &mut L, grads: &mut Grads<B>) -> DeviceResult<StateDict, B> {
    let mut save = SaveGradients { grads, state: StateDict::new() };
    layer.visit(FIRST_CONVOLUTION, &mut save)?;
    Ok(save.state)
}

struct SaveGradients<'a, B: Backend> {
    grads: &'a mut Grads<B>,
    state: StateDict,
}

impl<B: Backend> Visitor<B> for SaveGradients<'_, B> {
    type Error = DeviceError<B>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> DeviceResult<(), B> {
        self.grads.get_or_alloc_mut(tensor)?;
        self.state.insert(name.to_owned(), tensor_data::<S, B>(&self.grads.get(tensor)));
        Ok(())
    }
}

fn tensor_data<S: Shape, B: Backend>(tensor: &Array<S, B>) -> TensorData {
    let mut values = vec![0.0; tensor.shape().num_elements()];
    B::read(tensor, &mut values);
    let shape: Vec<usize> = tensor.shape().concrete().into();
    TensorData::from_values(&shape, values)
}

struct Save(StateDict);

impl<B: Backend> Visitor<B> for Save {
    type Error = Infallible;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> Result<(), Infallible> {
        self.0.insert(name.to_owned(), tensor_data::<S, B>(tensor));
        Ok(())
    }

    fn statistic<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> Result<(), Infallible> {
        self.0.insert(name.to_owned(), tensor_data::<S, B>(tensor));
        Ok(())
    }

    fn count(&mut self, name: &str, count: &mut u64) -> Result<(), Infallible> {
        self.0.insert(name.to_owned(), TensorData::Count(*count as i64));
        Ok(())
    }
}

struct Load<'a>(&'a StateDict);

impl Load<'_> {
    fn fill<S: Shape, B: Backend>(
        &self,
        name: &str,
        tensor: &mut Array<S, B>,
    ) -> Result<(), LoadError<DeviceError<B>>> {
        let values = values_of(self.0, name, tensor.shape())?;
        let filled = tensor.device().try_tensor_from_vec(values, *tensor.shape());
        *tensor = filled.map_err(LoadError::Device)?;
        Ok(())
    }
}

impl<B: Backend> Visitor<B> for Load<'_> {
    type Error = LoadError<DeviceError<B>>;

    fn parameter<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> Result<(), Self::Error> {
        self.fill::<S, B>(name, tensor)
    }

    fn statistic<S: Shape>(&mut self, name: &str, tensor: &mut Array<S, B>) -> Result<(), Self::Error> {
        self.fill::<S, B>(name, tensor)
    }

    fn count(&mut self, name: &str, count: &mut u64) -> Result<(), Self::Error> {
        let Some(TensorData::Count(value)) = self.0.get(name) else {
            return Err(LoadError::Missing(name.to_owned()));
        };
        *count = (*value).try_into().unwrap_or(0);
        Ok(())
    }
}
