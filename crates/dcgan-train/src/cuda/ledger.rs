//! The numbers of steps in device memory: kernels add to them, and many are copied to the host at once.

use dfdx::prelude::*;

use super::engine::Fused;
use super::launch;
use super::memory::ViewMut;
use super::{Floats, Machine, MachineResult, outputs};
use crate::buffer;
use crate::engine::{Array, Buffer, DeviceResult, FeatureShape};
use crate::ledger::{Entry, Judged, Ledger, Numbers};
use crate::loss::Goal;

/// Floats of a page: what dozens of steps have to say.
const PAGE: usize = 16384;

/// Pages of floats that are 0 where nothing has been written.
pub struct Pages<M: Machine> {
    pages: Vec<Floats<M>>,
    /// Floats of the last page that are taken.
    taken: usize,
}

impl<M: Machine> Default for Pages<M> {
    fn default() -> Self {
        Self { pages: Vec::new(), taken: PAGE }
    }
}

impl<M: Machine> Pages<M> {
    /// Takes so many zeros that lie side by side, and no more than a page has.
    fn take(&mut self, device: &M::Device, count: usize) -> MachineResult<Entry, M> {
        if self.taken + count > PAGE {
            self.pages.push(Storage::<f32>::try_alloc_len(device, PAGE)?);
            self.taken = 0;
        }
        let start = (self.pages.len() - 1) * PAGE + self.taken;
        self.taken += count;
        Ok(Entry(start..start + count))
    }

    fn place(&mut self, device: &M::Device, Entry(at): &Entry) -> ViewMut<'_> {
        ViewMut::of::<M>(device, &mut self.pages[at.start / PAGE]).part(at.start % PAGE, at.len())
    }
}

impl<M: Machine> Ledger<Fused<M>> for Pages<M> {
    fn judge<T: Tape<f32, M::Device>>(
        &mut self,
        logits: Array<FeatureShape<1>, Fused<M>, T>,
        goal: Goal,
    ) -> DeviceResult<Judged<Fused<M>, T>, Fused<M>> {
        let (x, mut tape) = logits.split_tape();
        let device = x.device().clone();
        let input = outputs::floats::<M, _>(&x)?;
        let Entry(both) = self.take(&device, 2)?;
        let [value, probability] = [both.start, both.start + 1].map(|at| Entry(at..at + 1));
        let numbers = self.place(&device, &Entry(both));
        let [mut loss, gradient] = launch::cross_entropy::<M>(&device, &input, goal, numbers)?;
        let loss = outputs::tensor::<M, _>(&device, (), &mut loss)?;
        // Nothing comes after a loss, so that its own gradient is 1.
        tape.add_backward_op(move |grads| {
            *grads.get_or_alloc_mut(&x)? = gradient;
            Ok(())
        });
        Ok(Judged { loss: loss.put_tape(tape), value, probability })
    }

    fn begin_sum(&mut self, device: &M::Device) -> DeviceResult<Entry, Fused<M>> {
        self.take(device, launch::PARTS)
    }

    fn add_squares(
        &mut self,
        device: &M::Device,
        sum: &Entry,
        buffer: &mut Buffer<Fused<M>>,
    ) -> DeviceResult<(), Fused<M>> {
        launch::add_squares::<M>(device, buffer, self.place(device, sum))
    }

    fn read(&mut self, device: &M::Device) -> DeviceResult<Numbers, Fused<M>> {
        let mut numbers = Vec::new();
        for page in &mut std::mem::take(self).pages {
            numbers.extend(buffer::values::<Fused<M>>(device, page)?);
        }
        Ok(numbers.into_iter().collect())
    }
}
