//! A device's storage and its floats, in dfdx's public operations: a gradient is the one storage that dfdx hands out.

use std::mem;

use dfdx::prelude::*;

use crate::engine::{Array, Buffer, DeviceResult, Engine, Grads};

/// The floats of a buffer.
pub(crate) fn values<E: Engine>(device: &E::Device, buffer: &mut Buffer<E>) -> DeviceResult<Vec<f32>, E> {
    let count = Storage::<f32>::len(device, buffer);
    let holder: Array<(usize,), E> = device.try_zeros_like(&(count,))?;
    let mut grads = Grads::<E>::leaky();
    mem::swap(grads.get_or_alloc_mut(&holder)?, buffer);
    let tensor = grads.get(&holder);
    mem::swap(grads.get_or_alloc_mut(&holder)?, buffer);
    let mut values = vec![0.0; count];
    E::read(&tensor, &mut values);
    Ok(values)
}

/// A buffer of these floats: the gradient of their product with a tensor.
pub(crate) fn from_values<E: Engine>(device: &E::Device, values: Vec<f32>) -> DeviceResult<Buffer<E>, E> {
    let shape = (values.len(),);
    let mut buffer = Storage::<f32>::try_alloc_len(device, values.len())?;
    if values.is_empty() {
        return Ok(buffer);
    }
    let holder: Array<(usize,), E> = device.try_zeros_like(&shape)?;
    let factors = device.try_tensor_from_vec(values, shape)?;
    let product = holder.clone().traced(Grads::<E>::leaky()).try_mul(factors)?;
    let mut grads = product.try_sum::<Rank0, Axis<0>>()?.try_backward()?;
    mem::swap(grads.get_or_alloc_mut(&holder)?, &mut buffer);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Native;
    use crate::portable::Portable;

    fn round_trip<E: Engine<Device = Cpu>>(expected: &[f32]) {
        let device = Cpu::default();
        let mut buffer = E::buffer(&device, expected.to_vec()).unwrap();
        for _ in 0..2 {
            assert_eq!(E::buffer_values(&device, &mut buffer).unwrap(), expected);
        }
        let squares: f64 = expected.iter().map(|value| f64::from(*value) * f64::from(*value)).sum();
        assert_eq!(E::sum_of_squares(&device, &mut buffer).unwrap(), squares);
    }

    #[test]
    fn floats_come_back_as_they_went_in() {
        for values in [&[1.5, -2.25, 0.0, 1e-40, 3e38][..], &[7.0], &[]] {
            round_trip::<Native>(values);
            round_trip::<Portable<Cpu>>(values);
        }
    }
}
