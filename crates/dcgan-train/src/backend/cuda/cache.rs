//! What is cached of a parameter from one use to the next.

use std::cell::OnceCell;
use std::rc::Rc;

use dfdx::prelude::*;

use super::gpu::{Floats, Gpu, GpuResult};
use super::memory::Factor;
use crate::backend::buffer;

/// The cache of a parameter: its floats, copied out of its tensor when they are first needed.
pub struct Cache<M: Gpu> {
    floats: OnceCell<Rc<Floats<M>>>,
    /// The same as a factor of convolutions.
    factor: OnceCell<Rc<Factor<Rc<Floats<M>>, M>>>,
}

impl<M: Gpu> Default for Cache<M> {
    fn default() -> Self {
        Self { floats: OnceCell::new(), factor: OnceCell::new() }
    }
}

/// A parameter's floats, as every kernel that needs them has them.
pub(super) type Shared<M> = Rc<Floats<M>>;

impl<M: Gpu> Cache<M> {
    /// The parameter's floats, copied out of its tensor once until it changes.
    pub(super) fn floats<S: Shape>(&self, values: &Tensor<S, f32, M::Device>) -> GpuResult<Shared<M>, M> {
        once(&self.floats, || buffer::floats(values))
    }

    /// A convolution's weight as a factor of products.
    pub(super) fn factor<S: Shape>(
        &self,
        values: &Tensor<S, f32, M::Device>,
    ) -> GpuResult<Rc<Factor<Shared<M>, M>>, M> {
        once(&self.factor, || Factor::new(values.device(), self.floats(values)?))
    }
}

/// What a cell has, or gets now.
fn once<X, Error>(cell: &OnceCell<Rc<X>>, make: impl FnOnce() -> Result<X, Error>) -> Result<Rc<X>, Error> {
    if let Some(made) = cell.get() {
        return Ok(Rc::clone(made));
    }
    let made = Rc::new(make()?);
    Ok(Rc::clone(cell.get_or_init(|| made)))
}
