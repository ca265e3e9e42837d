//! What the engine keeps of parameters from one use to the next.

use std::cell::OnceCell;
use std::rc::Rc;

use dfdx::prelude::*;

use super::memory::Factor;
use super::{Floats, Fused, Machine, MachineResult};
use crate::buffer;
use crate::engine::Parameter;

/// What is kept of a parameter: its floats, copied out of its tensor when they are first needed.
pub struct Kept<M: Machine> {
    floats: OnceCell<Rc<Floats<M>>>,
    /// The same as a factor of convolutions.
    factor: OnceCell<Rc<Factor<Rc<Floats<M>>, M>>>,
}

impl<M: Machine> Default for Kept<M> {
    fn default() -> Self {
        Self { floats: OnceCell::new(), factor: OnceCell::new() }
    }
}

/// A parameter's floats, as every kernel that needs them has them.
pub(super) type Shared<M> = Rc<Floats<M>>;

/// A parameter's floats, copied out of its tensor once until it changes.
pub(super) fn floats<M: Machine, S: Shape>(
    parameter: &Parameter<S, Fused<M>>,
) -> MachineResult<Shared<M>, M> {
    once(&parameter.kept().floats, || buffer::floats(parameter.values()))
}

/// A convolution's weight as a factor of products.
pub(super) fn factor<M: Machine, S: Shape>(
    filter: &Parameter<S, Fused<M>>,
) -> MachineResult<Rc<Factor<Shared<M>, M>>, M> {
    once(&filter.kept().factor, || Factor::new(filter.values().device(), floats(filter)?))
}

/// What a cell has, or gets now.
fn once<X, Error>(cell: &OnceCell<Rc<X>>, make: impl FnOnce() -> Result<X, Error>) -> Result<Rc<X>, Error> {
    if let Some(made) = cell.get() {
        return Ok(Rc::clone(made));
    }
    let made = Rc::new(make()?);
    Ok(Rc::clone(cell.get_or_init(|| made)))
}
