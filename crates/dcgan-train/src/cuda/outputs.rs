//! The floats of the last tensor that the engine made on this thread.
//!
//! Networks are chains: what a block puts out mostly is what the next one takes in, and to copy it out of dfdx's tensor
//! would be nine more passes over it. Tensors are told apart by dfdx's ids, which a tensor shares with its clones alone;
//! nothing changes what a block has put out.

use std::any::Any;
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use dfdx::prelude::*;

use super::{Floats, Machine, MachineResult};
use crate::buffer;

/// A tensor's id and its floats.
type Last = RefCell<Option<(UniqueId, Rc<dyn Any>)>>;

thread_local! {
    /// Not dropped at the thread's end: there may be no driver any more to free it.
    static LAST: ManuallyDrop<Last> = const { ManuallyDrop::new(RefCell::new(None)) };
}

/// A tensor, and its floats.
type Output<S, M> = (Tensor<S, f32, <M as Machine>::Device>, Rc<Floats<M>>);

/// A tensor of floats, which stay at hand as those of the last one.
pub(super) fn make<M: Machine, S: Shape>(
    device: &M::Device,
    shape: S,
    mut floats: Floats<M>,
) -> MachineResult<Output<S, M>, M> {
    let tensor = buffer::tensor(device, shape, &mut floats)?;
    let floats = Rc::new(floats);
    let output = id(&tensor).map(|id| (id, Rc::clone(&floats) as Rc<dyn Any>));
    LAST.with(|last| last.replace(output));
    Ok((tensor, floats))
}

/// The floats of a tensor: those at hand, or a copy.
pub(super) fn floats<M: Machine, S: Shape>(
    tensor: &Tensor<S, f32, M::Device>,
) -> MachineResult<Rc<Floats<M>>, M> {
    let last = LAST.with(|last| match &*last.borrow() {
        Some((of, floats)) if Some(*of) == id(tensor) => Rc::clone(floats).downcast().ok(),
        _ => None,
    });
    match last {
        Some(floats) => Ok(floats),
        None => Ok(Rc::new(buffer::floats(tensor)?)),
    }
}

/// dfdx tells ids only so.
fn id<S: Shape, D: Storage<f32>>(tensor: &Tensor<S, f32, D>) -> Option<UniqueId> {
    let mut list = UnusedTensors::default();
    list.add(tensor);
    list.ids.pop()
}
