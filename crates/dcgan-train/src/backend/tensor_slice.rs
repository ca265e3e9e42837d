//! The floats of a CPU tensor as a slice, without a copy.
//!
//! dfdx lends no storage through a named call: `copy_into` copies a tensor that a kernel only reads, some
//! gigabytes a training step. But its tensors can be indexed, and a CPU tensor's storage is one `Vec`, so a
//! reference to its first element leads to all of them.
//!
//! Whether a reference to one element may be followed to its neighbours is not settled in Rust: the Tree Borrows
//! model allows it, the stricter Stacked Borrows does not. No compiler makes anything of it today; a call of
//! dfdx's that lends the storage would replace this file.

use dfdx::prelude::*;

/// All floats of a tensor in row-major order.
///
/// # Panics
/// If the tensor is a view that is not contiguous, which no operation of this crate makes.
pub(crate) fn lend<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> &[f32] {
    let shape = *tensor.shape();
    let Some(first) = corner(&shape) else { return &[] };
    check_contiguous(&shape, |index| &raw const tensor[index]);
    // SAFETY: element 0 of the storage's `Vec` is followed by the others, in order (checked above), and the
    // tensor, which owns them, stays borrowed as long as the slice lives.
    unsafe { std::slice::from_raw_parts(&raw const tensor[first], shape.num_elements()) }
}

/// As [`lend`], to write; a tensor that shares its storage gets one of its own first.
///
/// # Panics
/// As [`lend`].
pub(crate) fn lend_mut<S: Shape, T>(tensor: &mut Tensor<S, f32, Cpu, T>) -> &mut [f32] {
    let shape = *tensor.shape();
    let Some(first) = corner(&shape) else { return &mut [] };
    let start = &raw mut tensor[first];
    check_contiguous(&shape, |index| &raw const tensor[index]);
    // SAFETY: as in `lend`; indexing mutably has made the storage this tensor's own.
    unsafe { std::slice::from_raw_parts_mut(start, shape.num_elements()) }
}

/// The index of the first element, where there is one.
fn corner<S: Shape>(shape: &S) -> Option<S::Concrete> {
    (shape.num_elements() > 0).then(Default::default)
}

/// Checks that the second element along each axis lies where row-major order puts it.
fn check_contiguous<S: Shape>(shape: &S, address: impl Fn(S::Concrete) -> *const f32) {
    let Some(first) = corner(shape) else { return };
    let (sizes, strides) = (shape.concrete(), shape.strides());
    for axis in (0..S::NUM_DIMS).filter(|axis| sizes[*axis] > 1) {
        let mut second = first;
        second[axis] = 1;
        let expected = address(first).wrapping_add(strides[axis]);
        assert_eq!(address(second), expected, "a tensor that is not contiguous along axis {axis}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_is_lent_in_row_major_order() {
        let device = Cpu::default();
        let mut tensor = device.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let shared = tensor.clone();
        assert_eq!(lend(&tensor), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        lend_mut(&mut tensor)[5] = 7.0;
        assert_eq!(tensor.array(), [[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]);
        assert_eq!(shared[[1, 2]], 6.0, "a tensor that shared the storage keeps its values");
    }

    #[test]
    fn an_empty_tensor_is_an_empty_slice() {
        let tensor: Tensor<(Const<3>, usize), f32, Cpu> = Cpu::default().zeros_like(&(Const, 0));
        assert!(lend(&tensor).is_empty());
    }

    #[test]
    #[should_panic = "not contiguous along axis 0"]
    fn a_permuted_view_is_refused() {
        let tensor: Tensor<Rank2<2, 3>, f32, Cpu> = Cpu::default().zeros();
        lend(&tensor.permute::<Rank2<3, 2>, _>());
    }

    #[test]
    #[should_panic = "not contiguous along axis 0"]
    fn a_broadcast_view_is_refused() {
        let tensor: Tensor<Rank1<3>, f32, Cpu> = Cpu::default().zeros();
        lend(&tensor.broadcast::<Rank2<2, 3>, _>());
    }
}
