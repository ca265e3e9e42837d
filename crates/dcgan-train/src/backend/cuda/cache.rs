//! What the engine keeps of parameters from one use to the next.

use std::cell::OnceCell;
use std::rc::Rc;

use dfdx::prelude::*;

use super::gpu::{Floats, Gpu, GpuResult};
use super::memory::Factor;
use super::operations::CudaBackend;
use crate::backend::buffer;
use crate::backend::operations::Parameter;

/// What is kept of a parameter: its floats, copied out of its tensor when they are first needed.
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

/// A parameter's floats, copied out of its tensor once until it changes.
pub(super) fn floats<M: Gpu, S: Shape>(parameter: &Parameter<S, CudaBackend<M>>) -> GpuResult<Shared<M>, M> {
    once(&parameter.cache().floats, || buffer::floats(parameter.values()))
}

/// A convolution's weight as a factor of products.
pub(super) fn factor<M: Gpu, S: Shape>(
    filter: &Parameter<S, CudaBackend<M>>,
) -> GpuResult<Rc<Factor<Shared<M>, M>>, M> {
    once(&filter.cache().factor, || Factor::new(filter.values().device(), floats(filter)?))
}

/// What a cell has, or gets now.
fn once<X, Error>(cell: &OnceCell<Rc<X>>, make: impl FnOnce() -> Result<X, Error>) -> Result<Rc<X>, Error> {
    if let Some(made) = cell.get() {
        return Ok(Rc::clone(made));
    }
    let made = Rc::new(make()?);
    Ok(Rc::clone(cell.get_or_init(|| made)))
}
