//! Memory for a kernel to fill.

/// `len` floats of arbitrary content, for a kernel that overwrites all of them.
///
/// Zeros would cost a pass over memory before the kernel's own.
pub fn fresh(len: usize) -> Vec<f32> {
    let mut floats = Vec::with_capacity(len);
    // SAFETY: the capacity is there, any bits are a float, and this crate's kernels write these before
    // anything reads them.
    #[allow(clippy::uninit_vec)]
    unsafe {
        floats.set_len(len);
    }
    floats
}
