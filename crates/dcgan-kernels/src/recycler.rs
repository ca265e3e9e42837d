//! A memory allocator that reuses large blocks.
//!
//! A training step frees the maps of a pass and soon allocates others of the same sizes, some hundred megabytes. The
//! system's allocator returns such blocks to the operating system and maps new ones, whose pages fault and are zeroed
//! one by one. [`Recycler`] holds on to them, and asks for huge pages, because the kernels stride through the maps.
//! Where the system has no more memory, it returns the unused ones.
//!
//! A program opts in with `#[global_allocator]`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;

/// Size in bytes from which a block is reused.
const LARGE: usize = 1 << 20;
/// The strictest alignment of a large block, a page.
const PAGE: usize = 4096;
/// The most blocks held, in use or free; more than a training run has at once.
const SLOTS: usize = 512;

/// The system's allocator, except that freed blocks of a megabyte and more are reused.
///
/// ```
/// use dcgan_kernels::recycler::Recycler;
///
/// #[global_allocator]
/// static ALLOCATOR: Recycler = Recycler::new();
///
/// let first = vec![1.0f32; 1 << 20];
/// let place = first.as_ptr();
/// drop(first);
/// assert_eq!(Vec::<f32>::with_capacity(1 << 20).as_ptr(), place);
/// ```
pub struct Recycler {
    blocks: Mutex<[Option<Block>; SLOTS]>,
}

/// A block of memory that this allocator holds.
#[derive(Clone, Copy)]
struct Block {
    address: usize,
    layout: Layout,
    used: bool,
}

impl Recycler {
    /// An allocator that holds no blocks yet.
    pub const fn new() -> Self {
        Self { blocks: Mutex::new([None; SLOTS]) }
    }

    /// Takes the smallest free block of at least `size` and less than `2 * size` bytes.
    fn reuse(&self, size: usize) -> Option<usize> {
        let mut blocks = self.blocks.lock().ok()?;
        let fits = |block: &Block| !block.used && (size..2 * size).contains(&block.layout.size());
        let block = blocks
            .iter_mut()
            .flatten()
            .filter(|block| fits(block))
            .min_by_key(|block| block.layout.size())?;
        block.used = true;
        Some(block.address)
    }

    /// A zeroed block from the system, held from now on.
    fn new_block(&self, layout: Layout) -> *mut u8 {
        // SAFETY: a large block is not empty.
        let mut block = unsafe { pages::zeroed(layout) };
        if block.is_null() && self.return_unused() {
            // SAFETY: as above.
            block = unsafe { pages::zeroed(layout) };
        }
        if !block.is_null() && self.hold(block as usize, layout) {
            // SAFETY: the block is ours, and this long.
            unsafe { pages::make_huge(block, layout.size()) };
        }
        block
    }

    /// Returns all unused blocks to the system; `false` if there are none.
    fn return_unused(&self) -> bool {
        let Ok(mut blocks) = self.blocks.lock() else { return false };
        let mut found = false;
        for slot in blocks.iter_mut() {
            if let Some(Block { address, layout, .. }) = slot.take_if(|block| !block.used) {
                // SAFETY: the block came from `zeroed` with this layout, and nobody uses it.
                unsafe { pages::free(address as *mut u8, layout) };
                found = true;
            }
        }
        found
    }

    /// Records a new block; `false` if all slots are taken.
    fn hold(&self, address: usize, layout: Layout) -> bool {
        let Ok(mut blocks) = self.blocks.lock() else { return false };
        let Some(slot) = blocks.iter_mut().find(|slot| slot.is_none()) else { return false };
        *slot = Some(Block { address, layout, used: true });
        true
    }

    /// Marks a block as free; `false` if it is not held.
    fn release(&self, address: usize) -> bool {
        let Ok(mut blocks) = self.blocks.lock() else { return false };
        let block = blocks.iter_mut().flatten().find(|block| block.address == address);
        block.map(|block| block.used = false).is_some()
    }
}

impl Default for Recycler {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a block is taken from the system in whole pages.
fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE && layout.align() <= PAGE
}

// SAFETY: memory comes from the system, as large as asked for and aligned; a block is handed out to one owner
// at a time (`used`, under a lock), and one that is not held returns to the system.
unsafe impl GlobalAlloc for Recycler {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_large(layout) {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        }
        if let Some(address) = self.reuse(layout.size()) {
            return address as *mut u8;
        }
        self.new_block(layout)
    }

    /// Zeroing a held block is one pass over memory, cheaper than the faults of new pages.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !is_large(layout) {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        }
        if let Some(address) = self.reuse(layout.size()) {
            let block = address as *mut u8;
            // SAFETY: a held block is at least this long, and the caller's alone from now on.
            unsafe { block.write_bytes(0, layout.size()) };
            return block;
        }
        self.new_block(layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !is_large(layout) {
            // SAFETY: a small block came from the system's allocator with this layout.
            unsafe { System.dealloc(block, layout) };
        } else if !self.release(block as usize) {
            // SAFETY: a large block that is not held came from `zeroed` with this layout.
            unsafe { pages::free(block, layout) };
        }
    }
}

/// Whole pages from Linux; pages never written take no memory.
#[cfg(target_os = "linux")]
mod pages {
    use super::Layout;

    pub(super) unsafe fn zeroed(layout: Layout) -> *mut u8 {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping of memory that is not backed by a file touches nothing that exists.
        let block = unsafe { libc::mmap(std::ptr::null_mut(), layout.size(), access, kind, -1, 0) };
        if block == libc::MAP_FAILED { std::ptr::null_mut() } else { block.cast() }
    }

    pub(super) unsafe fn free(block: *mut u8, layout: Layout) {
        // SAFETY: the caller's block, mapped by `zeroed` with this size, is used no more.
        unsafe { libc::munmap(block.cast(), layout.size()) };
    }

    pub(super) unsafe fn make_huge(block: *mut u8, size: usize) {
        // SAFETY: advice changes no content; where it cannot be followed, nothing happens.
        unsafe { libc::madvise(block.cast(), size, libc::MADV_HUGEPAGE) };
    }
}

/// The system's allocator, on other systems.
#[cfg(not(target_os = "linux"))]
mod pages {
    use super::{GlobalAlloc, Layout, System};

    pub(super) unsafe fn zeroed(layout: Layout) -> *mut u8 {
        // SAFETY: the caller's block is not empty.
        unsafe { System.alloc_zeroed(layout) }
    }

    pub(super) unsafe fn free(block: *mut u8, layout: Layout) {
        // SAFETY: the caller's block came from `zeroed` with this layout.
        unsafe { System.dealloc(block, layout) };
    }

    pub(super) unsafe fn make_huge(_: *mut u8, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addresses of the blocks that are kept.
    fn kept(recycler: &Recycler) -> Vec<usize> {
        recycler.blocks.lock().unwrap().iter().flatten().map(|block| block.address).collect()
    }

    #[test]
    fn unused_blocks_go_back_to_the_system_when_it_has_no_more() {
        let recycler = Recycler::new();
        let layout = |size| Layout::from_size_align(size, 8).unwrap();
        // SAFETY: none of the layouts is empty, and each block goes back with the layout that it came with.
        unsafe {
            let [used, free] = [(); 2].map(|()| recycler.alloc(layout(4 * LARGE)));
            recycler.dealloc(free, layout(4 * LARGE));
            assert_eq!(kept(&recycler), [used as usize, free as usize]);
            assert!(recycler.alloc(layout(1 << 60)).is_null());
            assert_eq!(kept(&recycler), [used as usize]);
            used.add(4 * LARGE - 1).write(7);
            recycler.dealloc(used, layout(4 * LARGE));
            assert!(recycler.return_unused() && !recycler.return_unused());
        }
    }
}
