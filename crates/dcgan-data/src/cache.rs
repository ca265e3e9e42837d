//! Fitted images kept in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Keeps the first images it is given, up to a number of bytes. Threads and loaders of the same dataset can share it.
///
/// Nothing is ever evicted: an epoch uses each image once, so any image kept is worth as much as any other.
pub struct Cache {
    images: Vec<OnceLock<Arc<[u8]>>>,
    free_bytes: AtomicUsize,
}

impl Cache {
    /// An empty cache of so many bytes for the images of a dataset of length `len`.
    pub fn new(len: usize, bytes: usize) -> Self {
        Self { images: (0..len).map(|_| OnceLock::new()).collect(), free_bytes: AtomicUsize::new(bytes) }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Arc<[u8]>> {
        self.images[index].get().cloned()
    }

    pub(crate) fn offer(&self, index: usize, image: &Arc<[u8]>) {
        let rest = |free: usize| free.checked_sub(image.len());
        if self.free_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok() {
            // Whoever was first has put the same image there.
            let _ = self.images[index].set(Arc::clone(image));
        }
    }
}
