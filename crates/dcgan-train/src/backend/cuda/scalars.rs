//! The numbers of steps in device memory: kernels add to them, and many are copied to the host at once.

use dfdx::prelude::*;

use super::gpu::ViewMut;
use super::gpu::{Floats, Gpu, GpuResult};
use super::launch;
use super::operations::CudaBackend;
use super::outputs;
use crate::backend::buffer;
use crate::backend::operations::{Array, Buffer, DeviceResult, DeviceScalars, FeatureShape, RecordedLoss};
use crate::backend::scalars::{ScalarId, ScalarValues};
use crate::backend::types::Target;

/// Floats of a page: what dozens of steps have to say.
const PAGE: usize = 16384;

/// Pages of floats that are 0 where nothing has been written.
pub struct ScalarPages<M: Gpu> {
    pages: Vec<Floats<M>>,
    /// Floats of the last page that are taken.
    taken: usize,
}

impl<M: Gpu> Default for ScalarPages<M> {
    fn default() -> Self {
        Self { pages: Vec::new(), taken: PAGE }
    }
}

impl<M: Gpu> ScalarPages<M> {
    /// Takes so many zeros that lie side by side, and no more than a page has.
    fn take(&mut self, device: &M::Device, count: usize) -> GpuResult<ScalarId, M> {
        if self.taken + count > PAGE {
            self.pages.push(Storage::<f32>::try_alloc_len(device, PAGE)?);
            self.taken = 0;
        }
        let start = (self.pages.len() - 1) * PAGE + self.taken;
        self.taken += count;
        Ok(ScalarId(start..start + count))
    }

    fn place(&mut self, device: &M::Device, ScalarId(at): &ScalarId) -> ViewMut<'_> {
        ViewMut::of::<M>(device, &mut self.pages[at.start / PAGE]).part(at.start % PAGE, at.len())
    }
}

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
