//! The cross-entropy by one kernel, whose scalars stay on the device.

use dfdx::prelude::*;

use super::gpu::Gpu;
use super::operations::CudaBackend;
use super::scalars::ScalarPages;
use super::{launch, outputs};
use crate::backend::buffer;
use crate::backend::operations::{Array, Buffer, DeviceResult, DeviceScalars, FeatureShape, RecordedLoss};
use crate::backend::scalars::{ScalarId, ScalarValues};
use crate::backend::types::Target;

impl<M: Gpu> DeviceScalars<CudaBackend<M>> for ScalarPages<M> {
    fn cross_entropy<T: Tape<f32, M::Device>>(
        &mut self,
        logits: Array<FeatureShape<1>, CudaBackend<M>, T>,
        target: Target,
    ) -> DeviceResult<RecordedLoss<CudaBackend<M>, T>, CudaBackend<M>> {
        let (x, mut tape) = logits.split_tape();
        let device = x.device().clone();
        let input = outputs::floats::<M, _>(&x)?;
        let ScalarId(both) = self.take(&device, 2)?;
        let [value, probability] = [both.start, both.start + 1].map(|at| ScalarId(at..at + 1));
        let numbers = self.place(&device, &ScalarId(both));
        let [mut loss, gradient] = launch::cross_entropy::<M>(&device, &input, target, numbers)?;
        let loss = outputs::tensor::<M, _>(&device, (), &mut loss)?;
        // Nothing comes after a loss, so that its own gradient is 1.
        tape.add_backward_op(move |grads| {
            *grads.get_or_alloc_mut(&x)? = gradient;
            Ok(())
        });
        Ok(RecordedLoss { loss: loss.put_tape(tape), value, probability })
    }

    fn begin_sum(&mut self, device: &M::Device) -> DeviceResult<ScalarId, CudaBackend<M>> {
        self.take(device, launch::PARTS)
    }

    fn add_squares(
        &mut self,
        device: &M::Device,
        sum: &ScalarId,
        buffer: &mut Buffer<CudaBackend<M>>,
    ) -> DeviceResult<(), CudaBackend<M>> {
        launch::add_squares::<M>(device, buffer, self.place(device, sum))
    }

    fn read(&mut self, device: &M::Device) -> DeviceResult<ScalarValues, CudaBackend<M>> {
        let mut numbers = Vec::new();
        for page in &mut std::mem::take(self).pages {
            numbers.extend(buffer::values(device, page)?);
        }
        Ok(numbers.into_iter().collect())
    }
}
