//! A device's storage and its floats, in dfdx's public operations: a gradient is the one storage that dfdx hands out.

use std::mem;

use dfdx::optim::{Momentum, SgdConfig, WeightDecay};
use dfdx::prelude::*;

/// The storage of a device.
type Floats<D> = <D as Storage<f32>>::Vec;

/// The floats of a buffer.
pub(crate) fn values<D: Device<f32>>(device: &D, buffer: &mut Floats<D>) -> Result<Vec<f32>, D::Err> {
    let tensor = tensor(device, (Storage::<f32>::len(device, buffer),), buffer)?;
    let mut values = vec![0.0; tensor.shape().num_elements()];
    tensor.copy_into(&mut values);
    Ok(values)
}

/// The sum of a buffer's squares, computed on its device in `f32`: one number travels. It is infinite where a
/// square is beyond `f32`, which is that of 1.8e19.
pub(crate) fn sum_of_squares<D: Device<f32>>(device: &D, buffer: &mut Floats<D>) -> Result<f64, D::Err> {
    let count = Storage::<f32>::len(device, buffer);
    if count == 0 {
        return Ok(0.0);
    }
    // Sums of sums: a sum of millions one after the other would lose its last digits.
    let row = 1 << count.trailing_zeros().min(10);
    let squares = tensor(device, (count / row, row), buffer)?.try_square()?;
    let sum = squares.try_sum::<(usize,), Axis<1>>()?.try_sum::<Rank0, Axis<0>>()?;
    let mut total = [0.0];
    sum.copy_into(&mut total);
    Ok(total[0].into())
}

/// A tensor of a shape with the floats of a buffer, which is the same afterwards.
pub(crate) fn tensor<S: Shape, D: Device<f32>>(
    device: &D,
    shape: S,
    buffer: &mut Floats<D>,
) -> Result<Tensor<S, f32, D>, D::Err> {
    let holder: Tensor<S, f32, D> = device.try_zeros_like(&shape)?;
    let mut grads = Gradients::leaky();
    mem::swap(grads.get_or_alloc_mut(&holder)?, buffer);
    let tensor = grads.get(&holder);
    mem::swap(grads.get_or_alloc_mut(&holder)?, buffer);
    Ok(tensor)
}

/// A copy of a tensor's floats, as the velocity of one step of gradient descent whose gradient is nothing but the
/// tensor's own decay.
///
/// The tensor has to be contiguous, as all are that the engines make.
pub(crate) fn floats<S: Shape, D: Device<f32>>(tensor: &Tensor<S, f32, D>) -> Result<Floats<D>, D::Err> {
    let (device, count) = (tensor.device(), tensor.shape().num_elements());
    let none = Storage::<f32>::try_alloc_len(device, count)?;
    let mut floats = Storage::<f32>::try_alloc_len(device, count)?;
    let weight_decay = Some(WeightDecay::L2(1.0));
    let copy = SgdConfig { lr: 0.0, momentum: Some(Momentum::Classic(0.0)), weight_decay };
    // dfdx panics where its copy finds no memory. After this, there is some.
    drop(Storage::<f32>::try_alloc_len(device, count)?);
    // The tensor's twin gets a storage of its own to take the step in.
    copy.try_update(&mut tensor.clone(), &mut floats, &none)?;
    Ok(floats)
}

/// A buffer of these floats.
pub(crate) fn from_values<D: Device<f32>>(device: &D, values: Vec<f32>) -> Result<Floats<D>, D::Err> {
    let shape = (values.len(),);
    floats(&device.try_tensor_from_vec(values, shape)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::CpuBackend;
    use crate::backend::operations::Backend;
    use crate::backend::reference::ReferenceBackend;

    fn round_trip<B: Backend<Device = Cpu>>(expected: &[f32]) {
        let device = Cpu::default();
        let mut buffer = B::buffer(&device, expected.to_vec()).unwrap();
        for _ in 0..2 {
            assert_eq!(B::buffer_values(&device, &mut buffer).unwrap(), expected);
        }
    }

    fn squares<B: Backend<Device = Cpu>>(values: &[f32]) {
        let device = Cpu::default();
        let mut buffer = B::buffer(&device, values.to_vec()).unwrap();
        let found = B::sum_of_squares(&device, &mut buffer).unwrap();
        let expected: f64 = values.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        assert!((found - expected).abs() <= 1e-5 * expected, "{found}, not {expected}");
        assert_eq!(B::buffer_values(&device, &mut buffer).unwrap(), values, "the buffer stays as it is");
    }

    #[test]
    fn floats_come_back_as_they_went_in() {
        for values in [&[1.5, -2.25, 0.0, 1e-40, 3e38][..], &[7.0], &[]] {
            round_trip::<CpuBackend>(values);
            round_trip::<ReferenceBackend<Cpu>>(values);
        }
    }

    /// Lengths of weights, and others; summed one after the other in `f32`, the longest would be off by 6e-4.
    #[test]
    fn squares_are_summed_to_the_last_digits() {
        for count in [0, 1, 7, 3072, 1_234_560, 1 << 21] {
            let values: Vec<f32> =
                (0..count as u64).map(|at| 0.1 + (at * 7919 % 1000) as f32 * 1e-3).collect();
            squares::<CpuBackend>(&values);
            squares::<ReferenceBackend<Cpu>>(&values);
        }
    }
}
