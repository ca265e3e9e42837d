//! Numbers in device memory: whose they are, how they are stored, and how kernels get at them.

use std::borrow::Borrow;
use std::marker::PhantomData;

use dfdx::prelude::*;

use super::{Floats, Machine, MachineResult, launch};

/// How a number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As an `f32`.
    F32,
    /// As the upper half of an `f32`, to the nearest one.
    Bf16,
}

impl Kind {
    /// Bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// Numbers that a kernel or a product reads.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Where they are.
    pub address: u64,
    /// How many.
    pub count: usize,
    /// How they are stored.
    pub kind: Kind,
    borrowed: PhantomData<&'a ()>,
}

impl<'a> View<'a> {
    /// All of them.
    pub fn of<M: Machine>(device: &M::Device, floats: &'a Floats<M>) -> Self {
        let count = Storage::<f32>::len(device, floats);
        Self { address: M::address(floats), count, kind: Kind::F32, borrowed: PhantomData }
    }
}

/// Numbers that a kernel or a product writes.
#[derive(Debug)]
pub struct ViewMut<'a> {
    /// Where they are.
    pub address: u64,
    /// How many.
    pub count: usize,
    /// How they are stored.
    pub kind: Kind,
    borrowed: PhantomData<&'a mut ()>,
}

impl<'a> ViewMut<'a> {
    /// All of them.
    pub fn of<M: Machine>(device: &M::Device, floats: &'a mut Floats<M>) -> Self {
        let count = Storage::<f32>::len(device, floats);
        Self { address: M::address_mut(floats), count, kind: Kind::F32, borrowed: PhantomData }
    }

    /// `count` of them, from `first` on.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn part(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.count, "{count} from {first} on of {self:?}");
        Self { address: self.address + (first * self.kind.bytes()) as u64, count, ..self }
    }
}

/// Numbers that only kernels and products see. dfdx would zero their memory first.
pub struct Scratch<M: Machine> {
    memory: M::Memory,
    count: usize,
    kind: Kind,
}

impl<M: Machine> Scratch<M> {
    /// Room for numbers, which are any so far.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn new(device: &M::Device, count: usize, kind: Kind) -> MachineResult<Self, M> {
        Ok(Self { memory: M::allocate(device, count * kind.bytes())?, count, kind })
    }

    /// To read them.
    pub fn view(&self) -> View<'_> {
        let address = M::memory_address(&self.memory);
        View { address, count: self.count, kind: self.kind, borrowed: PhantomData }
    }

    /// To write them.
    pub fn view_mut(&mut self) -> ViewMut<'_> {
        let address = M::memory_address(&self.memory);
        ViewMut { address, count: self.count, kind: self.kind, borrowed: PhantomData }
    }
}

/// A factor of products, stored as the machine wants factors to be.
pub enum Factor<F, M: Machine> {
    /// The floats themselves.
    Same(F),
    /// Rounded ones.
    Rounded(Scratch<M>),
}

impl<F: Borrow<Floats<M>>, M: Machine> Factor<F, M> {
    /// Rounds floats where that is wanted.
    ///
    /// # Errors
    /// If the machine fails.
    pub fn new(device: &M::Device, floats: F) -> MachineResult<Self, M> {
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
