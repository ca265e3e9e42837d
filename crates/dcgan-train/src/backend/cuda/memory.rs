//! Numbers in device memory: whose they are, how they are stored, and how kernels get at them.

use std::borrow::Borrow;

use super::gpu::{Floats, Gpu, GpuResult, Kind, View, ViewMut};
use super::launch;

/// Numbers that only kernels and products see. dfdx would zero their memory first.
pub struct Scratch<M: Gpu> {
    memory: M::Memory,
    count: usize,
    kind: Kind,
}

impl<M: Gpu> Scratch<M> {
    /// Room for numbers, which are any so far.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(device: &M::Device, count: usize, kind: Kind) -> GpuResult<Self, M> {
        Ok(Self { memory: M::allocate(device, count * kind.bytes())?, count, kind })
    }

    /// To read them.
    pub fn view(&self) -> View<'_> {
        View::at(M::memory_address(&self.memory), self.count, self.kind)
    }

    /// To write them.
    pub fn view_mut(&mut self) -> ViewMut<'_> {
        ViewMut::at(M::memory_address(&self.memory), self.count, self.kind)
    }
}

/// A factor of products, stored as the device wants factors to be.
pub enum Factor<F, M: Gpu> {
    /// The floats themselves.
    Same(F),
    /// Rounded ones.
    Rounded(Scratch<M>),
}

impl<F: Borrow<Floats<M>>, M: Gpu> Factor<F, M> {
    /// Rounds floats where that is wanted.
    ///
    /// # Errors
    /// If the device fails.
    pub fn new(device: &M::Device, floats: F) -> GpuResult<Self, M> {
        match M::factors() {
            Kind::F32 => Ok(Self::Same(floats)),
            kind => {
                let values = View::of::<M>(device, floats.borrow());
                let mut rounded = Scratch::new(device, values.count, kind)?;
                launch::round::<M>(device, values, rounded.view_mut())?;
                Ok(Self::Rounded(rounded))
            }
        }
    }

    /// To read it.
    pub fn view(&self, device: &M::Device) -> View<'_> {
        match self {
            Self::Same(floats) => View::of::<M>(device, floats.borrow()),
            Self::Rounded(scratch) => scratch.view(),
        }
    }
}
