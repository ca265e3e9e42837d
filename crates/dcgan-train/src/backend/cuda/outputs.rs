//! The tensors that the backend makes, and the floats of the last one of this thread.
//!
//! dfdx makes a tensor of a gradient, by copying it. Two more memories of that size would go with it, zeroed: those of the
//! tensor that the gradient is said to be of, and of the gradient. So a mould is kept for each shape: its tensor is gone
//! but for dfdx's ghost of it, and one float stands for its gradient until the floats of a new tensor take its place.
//!
//! Networks are chains: what a block puts out mostly is what the next one takes in, and to copy it out of dfdx's tensor
//! would be ten more passes over it. Tensors are told apart by dfdx's ids, which a tensor shares with its clones and
//! with itself in other shapes; nothing changes what a block has put out.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem::{self, ManuallyDrop};
use std::rc::Rc;

use dfdx::prelude::*;

use super::gpu::{Floats, Gpu, GpuResult};
use crate::backend::buffer;

/// A tensor's id and its floats.
type Last = RefCell<Option<(UniqueId, Rc<dyn Any>)>>;

/// The moulds of all shapes, by the types of machine and shape, and the sizes.
type Moulds = RefCell<HashMap<(TypeId, Vec<usize>), Box<dyn Any>>>;

/// Uses of a mould in more than the first two steps.
const FIRST_USES: usize = 32;

/// Makes a tensor of floats, which stay what they are.
type Mould<S, M> = Box<dyn FnMut(&mut Floats<M>) -> GpuResult<Tensor<S, f32, <M as Gpu>::Device>, M>>;

thread_local! {
    /// Neither is dropped at the thread's end: there may be no driver any more to free it.
    static LAST: ManuallyDrop<Last> = const { ManuallyDrop::new(RefCell::new(None)) };
    static MOULDS: ManuallyDrop<Moulds> = ManuallyDrop::new(RefCell::default());
}

/// A tensor, and its floats.
type Output<S, M> = (Tensor<S, f32, <M as Gpu>::Device>, Rc<Floats<M>>);

/// A tensor of floats, which stay at hand as those of the last one.
pub(super) fn make<M: Gpu, S: Shape>(
    device: &M::Device,
    shape: S,
    mut floats: Floats<M>,
) -> GpuResult<Output<S, M>, M> {
    let tensor = tensor::<M, S>(device, shape, &mut floats)?;
    let floats = Rc::new(floats);
    let output = id(&tensor).map(|id| (id, Rc::clone(&floats) as Rc<dyn Any>));
    LAST.with(|last| last.replace(output));
    Ok((tensor, floats))
}

/// A tensor of floats, which stay what they are.
pub(super) fn tensor<M: Gpu, S: Shape>(
    device: &M::Device,
    shape: S,
    floats: &mut Floats<M>,
) -> GpuResult<Tensor<S, f32, M::Device>, M> {
    MOULDS.with(|moulds| {
        let key = (TypeId::of::<Mould<S, M>>(), shape.concrete().into());
        let mut moulds = moulds.borrow_mut();
        let mould = match moulds.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Box::new(mould::<M, S>(device, shape)?)),
        };
        let mould = mould.downcast_mut::<Mould<S, M>>().expect("what its key says");
        mould(floats)
    })
}

fn mould<M: Gpu, S: Shape>(device: &M::Device, shape: S) -> GpuResult<Mould<S, M>, M> {
    let ghost = device.try_zeros_like(&shape)?.ghost();
    let mut gradients = Gradients::leaky();
    *gradients.get_or_alloc_mut(&ghost)? = nothing::<M>(device)?;
    let (device, mut uses) = (device.clone(), 0);
    Ok(Box::new(move |floats| {
        // dfdx panics where its copy finds no memory. After this, there is some; and in the steps that come after the
        // first ones, which take what these gave back.
        if uses < FIRST_USES {
            drop(M::allocate(&device, size_of::<f32>() * Storage::<f32>::len(&device, floats))?);
            uses += 1;
        }
        mem::swap(gradients.get_or_alloc_mut(&ghost)?, floats);
        let tensor = gradients.get(&ghost);
        mem::swap(gradients.get_or_alloc_mut(&ghost)?, floats);
        Ok(tensor)
    }))
}

/// What stands where nothing is needed: machines have no memory of no size.
pub(super) fn nothing<M: Gpu>(device: &M::Device) -> GpuResult<Floats<M>, M> {
    Storage::<f32>::try_alloc_len(device, 1)
}

/// The floats of a tensor: those at hand, or a copy.
pub(super) fn floats<M: Gpu, S: Shape>(tensor: &Tensor<S, f32, M::Device>) -> GpuResult<Rc<Floats<M>>, M> {
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
