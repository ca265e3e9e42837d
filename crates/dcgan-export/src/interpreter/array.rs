//! Values of a run, and what they may cost.

use dcgan_onnx::TensorProto;
use dcgan_onnx::tensor_proto::{DataLocation, DataType};
use half::f16;

use super::Limits;

/// The most dimensions that a value may have, as in NumPy: what walks over a shape is not charged for its length.
const MAX_RANK: usize = 64;

/// The type of an array's elements, as far as they are needed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `FLOAT`.
    F32,
    /// `FLOAT16`: every value is one that has 11 bits of precision.
    F16,
    /// `UINT8`: every value is a whole number from 0 to 255.
    U8,
    /// `INT64`: values of an [`Array`] of it are in [`Array::integers`].
    I64,
}

/// A tensor in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The length of each dimension.
    pub shape: Vec<usize>,
    /// What `values` stand for.
    pub element: Element,
    /// One value an element; empty for [`Element::I64`].
    pub values: Vec<f32>,
    /// One value an element of [`Element::I64`]; empty for all others.
    pub integers: Vec<i64>,
}

impl Array {
    /// Floats of a shape.
    ///
    /// # Panics
    /// If the number of values is not the product of the shape.
    pub fn floats(shape: &[usize], values: Vec<f32>) -> Self {
        Self::of(shape.to_vec(), Element::F32, values)
    }

    /// Values of a type other than [`Element::I64`].
    pub(super) fn of(shape: Vec<usize>, element: Element, values: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "one value for each element of {shape:?}");
        Self { shape, element, values, integers: Vec::new() }
    }

    /// The number of elements.
    pub(super) fn len(&self) -> usize {
        self.values.len().max(self.integers.len())
    }

    /// The same elements in another shape.
    pub(super) fn with_shape(&self, shape: Vec<usize>) -> Self {
        Self { shape, ..self.clone() }
    }

    /// Values computed as `f32`, as this operator's output: rounded where its type is the smaller one.
    pub(super) fn like(&self, shape: Vec<usize>, values: Vec<f32>) -> Self {
        Self::of(shape, self.element, round(self.element, values))
    }

    /// Refuses all but floats.
    pub(super) fn as_float(&self) -> Result<&Self, String> {
        match self.element {
            Element::F32 | Element::F16 => Ok(self),
            other => Err(format!("an input is {other:?}, expected floats")),
        }
    }

    /// The shape, if it has `R` dimensions.
    pub(super) fn rank<const R: usize>(&self, what: &str) -> Result<[usize; R], String> {
        let shape = self.shape.as_slice();
        shape.try_into().map_err(|_| format!("{what} is {shape:?}, expected {R} dimensions"))
    }
}

/// Rounds to the nearest values of a type.
pub(super) fn round(element: Element, mut values: Vec<f32>) -> Vec<f32> {
    if element == Element::F16 {
        values.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32());
    }
    values
}

/// What is left of the [`Limits`].
pub(super) struct Budget {
    elements: usize,
    products: u64,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { elements: limits.elements, products: limits.products }
    }

    /// Takes an array of this shape from the budget; the number of its elements.
    pub(super) fn elements(&mut self, shape: &[usize]) -> Result<usize, String> {
        rank(shape.len())?;
        // As if no dimension were 0, so that the product of any of them is bounded too.
        let bound = shape.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim.max(&1)));
        let left = bound.and_then(|bound| self.elements.checked_sub(bound));
        self.elements =
            left.ok_or_else(|| format!("a value of {shape:?} is beyond the limit of this run"))?;
        Ok(shape.iter().product())
    }

    /// Takes work from the budget: the product of the factors.
    pub(super) fn products(&mut self, factors: &[usize]) -> Result<(), String> {
        let count = factors.iter().try_fold(1_u64, |count, factor| count.checked_mul(*factor as u64));
        let left = count.and_then(|count| self.products.checked_sub(count));
        self.products = left.ok_or("it needs more operations than the limit of this run")?;
        Ok(())
    }
}

/// Refuses a value of too many dimensions.
pub(super) fn rank(found: usize) -> Result<(), String> {
    if found <= MAX_RANK { Ok(()) } else { Err(format!("{found} dimensions, expected at most {MAX_RANK}")) }
}

/// The array of a constant.
pub(super) fn decode(tensor: &TensorProto, budget: &mut Budget) -> Result<Array, String> {
    if tensor.data_location() == DataLocation::External {
        return Err("its data is in another file, which is not read here".to_owned());
    }
    let dims: Result<Vec<usize>, _> = tensor.dims.iter().map(|dim| usize::try_from(*dim)).collect();
    let shape = dims.map_err(|_| format!("its shape {:?} has negative dimensions", tensor.dims))?;
    let count = budget.elements(&shape)?;
    let element = match DataType::try_from(tensor.data_type()) {
        Ok(DataType::Float) => Element::F32,
        Ok(DataType::Float16) => Element::F16,
        Ok(DataType::Uint8) => Element::U8,
        Ok(DataType::Int64) => Element::I64,
        _ => return Err(format!("data type {} is not known here", tensor.data_type())),
    };
    let (values, integers) = match element {
        Element::I64 => (Vec::new(), tensor.integers()),
        element => (floats(tensor, element), Vec::new()),
    };
    match values.len().max(integers.len()) {
        found if found == count => Ok(Array { shape, element, values, integers }),
        found => Err(format!("{found} elements, its shape {shape:?} needs {count}")),
    }
}

fn floats(tensor: &TensorProto, element: Element) -> Vec<f32> {
    let raw = tensor.raw_data();
    let packed = tensor.int32_data.iter();
    match element {
        Element::F32 if raw.is_empty() => tensor.float_data.clone(),
        Element::F32 => raw.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        // ONNX keeps the bits of a small type in a field of larger numbers.
        Element::F16 if raw.is_empty() => packed.map(|bits| f16::from_bits(*bits as u16).to_f32()).collect(),
        Element::F16 => {
            raw.as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
        }
        _ if raw.is_empty() => packed.map(|byte| f32::from(*byte as u8)).collect(),
        _ => raw.iter().map(|byte| f32::from(*byte)).collect(),
    }
}
