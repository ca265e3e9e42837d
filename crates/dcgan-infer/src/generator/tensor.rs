//! Tensors of the element types that generators take and give, as `f32` and back.

use dcgan_core::memory;
use half::f16;
use ndarray::CowArray;
use ndarray::{ArrayView2, IxDyn};
use ort::value::{DynValue, Tensor, TensorElementType};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F32,
    F16,
    U8,
}

impl Element {
    /// The type if it is one of these.
    pub(crate) fn of(ty: TensorElementType) -> Option<Self> {
        match ty {
            TensorElementType::Float32 => Some(Self::F32),
            TensorElementType::Float16 => Some(Self::F16),
            TensorElementType::Uint8 => Some(Self::U8),
            _ => None,
        }
    }
}

/// Latents as a tensor of `shape`, whose first dimension may be larger than their number: zeros fill it up.
pub(crate) fn from_latents(z: ArrayView2<f32>, element: Element, shape: Vec<usize>) -> ort::Result<DynValue> {
    let length = shape.iter().try_fold(1usize, |length, side| length.checked_mul(*side));
    let values = memory::try_zeroed::<f32>("the latents of a batch", length);
    let mut values = values.map_err(|error| ort::Error::new(error.to_string()))?;
    values.iter_mut().zip(z).for_each(|(value, z)| *value = *z);
    Ok(match element {
        Element::F16 => {
            let values: Vec<f16> = values.into_iter().map(f16::from_f32).collect();
            Tensor::from_array((shape, values))?.into_dyn()
        }
        _ => Tensor::from_array((shape, values))?.into_dyn(),
    })
}

/// A tensor's values, as they are.
pub(crate) fn to_f32(value: &DynValue, element: Element) -> ort::Result<CowArray<'_, f32, IxDyn>> {
    Ok(match element {
        Element::F32 => value.try_extract_array::<f32>()?.into(),
        Element::F16 => value.try_extract_array::<f16>()?.mapv(f16::to_f32).into(),
        Element::U8 => value.try_extract_array::<u8>()?.mapv(f32::from).into(),
    })
}
