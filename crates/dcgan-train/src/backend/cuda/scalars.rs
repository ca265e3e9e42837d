//! The scalars of steps in device memory: kernels add to them, and many are copied to the host at once.

use dfdx::prelude::*;

use super::gpu::{Floats, Gpu, GpuResult, ViewMut};
use crate::backend::scalars::ScalarId;

/// Floats of a page: what dozens of steps have to say.
const PAGE: usize = 16384;

/// Pages of floats that are 0 where nothing has been written.
pub struct ScalarPages<M: Gpu> {
    pub(super) pages: Vec<Floats<M>>,
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
    pub(super) fn take(&mut self, device: &M::Device, count: usize) -> GpuResult<ScalarId, M> {
        if self.taken + count > PAGE {
            self.pages.push(Storage::<f32>::try_alloc_len(device, PAGE)?);
            self.taken = 0;
        }
        let start = (self.pages.len() - 1) * PAGE + self.taken;
        self.taken += count;
        Ok(ScalarId(start..start + count))
    }

    pub(super) fn place(&mut self, device: &M::Device, ScalarId(at): &ScalarId) -> ViewMut<'_> {
        ViewMut::of::<M>(device, &mut self.pages[at.start / PAGE]).part(at.start % PAGE, at.len())
    }
}
