//! Operators that move elements and compute none.

use super::array::{self, Array, Budget};
use super::attributes::Attributes;

/// To a target in which 0 is the input's dimension, and -1 what is left.
pub(super) fn reshape(
    x: &Array,
    target: &Array,
    attributes: &Attributes,
    budget: &mut Budget,
) -> Result<Array, String> {
    let dims = target.integers.as_slice();
    let error = || format!("{:?} cannot become {dims:?}", x.shape);
    let keeps = attributes.int("allowzero", 0)? == 0;
    let dim = |(axis, dim): (usize, &i64)| match dim {
        0 if keeps => x.shape.get(axis).copied(),
        dim => usize::try_from(*dim).ok(),
    };
    let mut known = dims.iter().enumerate().filter(|(_, dim)| **dim != -1).map(dim);
    let known = known.try_fold(1_usize, |product, dim| product.checked_mul(dim?)).ok_or_else(error)?;
    let rest = x.len().checked_div(known).unwrap_or(0);
    let shape = dims.iter().enumerate();
    let shape = shape.map(|(axis, value)| if *value == -1 { Some(rest) } else { dim((axis, value)) });
    let shape: Vec<usize> = shape.collect::<Option<_>>().ok_or_else(error)?;
    if dims.iter().filter(|dim| **dim == -1).count() > 1 || budget.elements(&shape)? != x.len() {
        return Err(error());
    }
    Ok(x.with_shape(shape))
}

/// To two dimensions, those before an axis and those from it on.
pub(super) fn flatten(x: &Array, attributes: &Attributes, budget: &mut Budget) -> Result<Array, String> {
    let axis = position(attributes.int("axis", 1)?, x.shape.len(), x.shape.len() + 1)?;
    let (before, after) = x.shape.split_at(axis);
    let shape = vec![before.iter().product(), after.iter().product()];
    budget.elements(&shape)?;
    Ok(x.with_shape(shape))
}

/// Dimensions of length 1 taken out, or put in.
pub(super) fn squeeze(
    operator: &str,
    x: &Array,
    axes: Option<&Array>,
    attributes: &Attributes,
    budget: &mut Budget,
) -> Result<Array, String> {
    budget.elements(&x.shape)?;
    // An attribute before opset 13, an input since.
    let axes = axes.map(|axes| axes.integers.as_slice()).or(attributes.ints("axes"));
    let axes = axes.ok_or("its axes are missing")?;
    let put_in = operator == "Unsqueeze";
    let rank = if put_in { x.shape.len() + axes.len() } else { x.shape.len() };
    array::rank(rank.max(axes.len()))?;
    let axes: Vec<usize> = axes.iter().map(|axis| position(*axis, rank, rank)).collect::<Result<_, _>>()?;
    if (1..axes.len()).any(|index| axes[..index].contains(&axes[index])) {
        return Err(format!("its axes {axes:?} name one twice"));
    }
    let mut old = x.shape.iter().copied();
    let shape: Vec<usize> = match put_in {
        true => {
            (0..rank).filter_map(|axis| if axes.contains(&axis) { Some(1) } else { old.next() }).collect()
        }
        false => old.enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, dim)| dim).collect(),
    };
    match shape.iter().product::<usize>() == x.len() {
        true => Ok(x.with_shape(shape)),
        false => Err(format!("axes {axes:?} of {:?} are not of length 1", x.shape)),
    }
}

/// Axes in another order, by default the reverse.
pub(super) fn transpose(x: &Array, attributes: &Attributes, budget: &mut Budget) -> Result<Array, String> {
    let rank = x.shape.len();
    let order: Vec<usize> = match attributes.ints("perm") {
        None => (0..rank).rev().collect(),
        Some(order) => order.iter().map(|axis| position(*axis, rank, rank)).collect::<Result<_, _>>()?,
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(format!("perm is {order:?}, expected each axis of {:?} once", x.shape));
    }
    budget.elements(&x.shape)?;
    let step = |axis: usize| x.shape[axis + 1..].iter().product::<usize>();
    let dims: Vec<(usize, usize)> = order.iter().map(|axis| (x.shape[*axis], step(*axis))).collect();
    let source = |index: usize| {
        let (mut rest, mut at) = (index, 0);
        for (dim, step) in dims.iter().rev() {
            at += rest % dim * step;
            rest /= dim;
        }
        at
    };
    Ok(Array {
        shape: dims.iter().map(|(dim, _)| *dim).collect(),
        element: x.element,
        values: (0..x.values.len()).map(|index| x.values[source(index)]).collect(),
        integers: (0..x.integers.len()).map(|index| x.integers[source(index)]).collect(),
    })
}

/// An axis that may count from the end, below `limit`.
fn position(axis: i64, rank: usize, limit: usize) -> Result<usize, String> {
    let found = if axis < 0 { axis.checked_add_unsigned(rank as u64) } else { Some(axis) };
    let found = found.and_then(|axis| usize::try_from(axis).ok()).filter(|axis| *axis < limit);
    found.ok_or_else(|| format!("axis {axis} is none of {rank} dimensions"))
}
