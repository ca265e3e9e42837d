//! Operators that compute each element on its own.

use dcgan_onnx::tensor_proto::DataType;

use super::array::{Array, Budget, Element, round};
use super::attributes::Attributes;

/// Operators of one input and the same shape.
pub(super) fn unary(
    operator: &str,
    x: &Array,
    attributes: &Attributes,
    budget: &mut Budget,
) -> Result<Array, String> {
    budget.elements(&x.shape)?;
    if operator == "Identity" {
        return Ok(x.clone());
    }
    let map = |f: &dyn Fn(f32) -> f32| {
        let values = x.as_float()?.values.iter().map(|value| f(*value)).collect();
        Ok(x.like(x.shape.clone(), values))
    };
    match operator {
        // Written so that NaN stays one, which `max` would hide.
        "Relu" => map(&|x| if x < 0.0 { 0.0 } else { x }),
        "LeakyRelu" => {
            let slope = attributes.float("alpha", 0.01)?;
            map(&|x| if x < 0.0 { slope * x } else { x })
        }
        "Tanh" => map(&f32::tanh),
        "Sigmoid" => map(&|x| 1.0 / (1.0 + (-x).exp())),
        "Floor" => map(&f32::floor),
        "Ceil" => map(&f32::ceil),
        "Round" => map(&f32::round_ties_even),
        "Neg" => map(&|x| -x),
        _ => Err("this operator is not known here".to_owned()),
    }
}

/// Arithmetic of two inputs, broadcast as NumPy does it.
pub(super) fn binary(operator: &str, a: &Array, b: &Array, budget: &mut Budget) -> Result<Array, String> {
    let operation: fn(f32, f32) -> f32 = match operator {
        "Add" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        "Div" => |a, b| a / b,
        "Min" => |a, b| if a.is_nan() || a < b { a } else { b },
        _ => |a, b| if a.is_nan() || a > b { a } else { b },
    };
    if a.as_float()?.element != b.as_float()?.element {
        return Err(format!("its inputs are {:?} and {:?}, expected one type", a.element, b.element));
    }
    let shape = common_shape(&a.shape, &b.shape)?;
    budget.elements(&shape)?;
    let values = broadcast(a, &shape)?.zip(broadcast(b, &shape)?).map(|(a, b)| operation(a, b)).collect();
    Ok(a.like(shape, values))
}

fn common_shape(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(axis) => shape[axis],
        None => 1,
    };
    let common = |axis| match (dim(a, axis), dim(b, axis)) {
        (a, b) if a == b || b == 1 => Ok(a),
        (1, b) => Ok(b),
        _ => Err(format!("shapes {a:?} and {b:?} do not go together")),
    };
    (0..rank).map(common).collect()
}

/// The values of an array repeated to a larger shape, in row-major order.
pub(super) fn broadcast<'a>(
    array: &'a Array,
    shape: &[usize],
) -> Result<impl Iterator<Item = f32> + use<'a>, String> {
    let mut steps = vec![0; shape.len()];
    let mut step = 1;
    let lead = shape.len().checked_sub(array.shape.len()).ok_or("a shape has too many dimensions")?;
    for axis in (lead..shape.len()).rev() {
        let dim = array.shape[axis - lead];
        match dim {
            1 => {}
            dim if dim == shape[axis] => steps[axis] = step,
            _ => return Err(format!("a value of {:?} does not stretch to {shape:?}", array.shape)),
        }
        step *= dim;
    }
    let shape = shape.to_vec();
    let count: usize = shape.iter().product();
    Ok((0..count).map(move |index| {
        let (mut rest, mut at) = (index, 0);
        for (dim, step) in shape.iter().zip(&steps).rev() {
            at += rest % dim * step;
            rest /= dim;
        }
        array.values[at]
    }))
}

/// Bounds are attributes before opset 11, and inputs since.
pub(super) fn clip(
    x: &Array,
    bounds: &[Option<&Array>],
    attributes: &Attributes,
    budget: &mut Budget,
) -> Result<Array, String> {
    budget.elements(&x.shape)?;
    let bound = |index: usize, name: &str, default: f32| match bounds.get(index).copied().flatten() {
        Some(bound) => match bound.values.as_slice() {
            [value] => Ok(*value),
            _ => Err(format!("its {name} is {:?}, expected one value", bound.shape)),
        },
        None if attributes.opset < 11 => attributes.float(name, default),
        None => Ok(default),
    };
    let (low, high) = (bound(0, "min", f32::MIN)?, bound(1, "max", f32::MAX)?);
    // Not `clamp`, which panics where the bounds are in the wrong order; NaN stays one.
    let clamp = |x: f32| {
        let x = if x < low { low } else { x };
        if x > high { high } else { x }
    };
    let values = x.as_float()?.values.iter().map(|value| clamp(*value)).collect();
    Ok(x.like(x.shape.clone(), values))
}

/// To another type; a float becomes a byte by dropping its fraction.
pub(super) fn cast(x: &Array, attributes: &Attributes, budget: &mut Budget) -> Result<Array, String> {
    budget.elements(&x.shape)?;
    let to = attributes.int("to", 0)?;
    let element = match i32::try_from(to).ok().and_then(|to| DataType::try_from(to).ok()) {
        Some(DataType::Float) => Element::F32,
        Some(DataType::Float16) => Element::F16,
        Some(DataType::Uint8) => Element::U8,
        _ => return Err(format!("a cast to data type {to} is not known here")),
    };
    let values = match (x.element, element) {
        (Element::I64, _) => x.integers.iter().map(|value| *value as f32).collect(),
        (Element::F32 | Element::F16, Element::U8) => {
            x.values.iter().map(|value| f32::from(*value as u8)).collect()
        }
        _ => x.values.clone(),
    };
    Ok(Array::of(x.shape.clone(), element, round(element, values)))
}

/// BatchNorm with running statistics; `parts` are scale, bias, mean and variance, one value a channel.
pub(super) fn batch_norm(
    x: &Array,
    parts: [&Array; 4],
    attributes: &Attributes,
    budget: &mut Budget,
) -> Result<Array, String> {
    budget.elements(&x.as_float()?.shape)?;
    if attributes.int("training_mode", 0)? != 0 {
        return Err("training_mode is not known here".to_owned());
    }
    let [_, channels, ..] = *x.shape.as_slice() else {
        return Err(format!("its input is {:?}, expected 2 dimensions or more", x.shape));
    };
    if let Some(part) = parts.iter().find(|part| part.values.len() != channels) {
        return Err(format!("a statistic is {:?}, expected [{channels}]", part.shape));
    }
    let epsilon = attributes.float("epsilon", 1e-5)?;
    let [scale, bias, mean, variance] = parts.map(|part| part.values.as_slice());
    let area: usize = x.shape[2..].iter().product();
    let mut values = x.values.clone();
    for (index, plane) in values.chunks_exact_mut(area.max(1)).enumerate() {
        let c = index % channels;
        let deviation = (variance[c] + epsilon).sqrt();
        plane.iter_mut().for_each(|x| *x = (*x - mean[c]) / deviation * scale[c] + bias[c]);
    }
    Ok(x.like(x.shape.clone(), values))
}
