//! Working memory that a thread keeps from one kernel to the next.

use std::cell::RefCell;

thread_local! {
    static BUFFER: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Lends `len` floats of arbitrary content.
///
/// Large allocations go back to the operating system when freed and come again as pages that fault one by
/// one; a thread that keeps its buffer pays for it once.
pub(super) fn with<R>(len: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    // Taken out, not borrowed, so that a kernel that waits for others inside `work` may run one of them here.
    let mut buffer = BUFFER.take();
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    let result = work(&mut buffer[..len]);
    BUFFER.replace(buffer);
    result
}
