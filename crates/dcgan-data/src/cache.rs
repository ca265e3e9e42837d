//! Fitted images kept in memory.

use std::rc::Rc;

/// Keeps the first images it is given, up to a number of bytes.
///
/// Nothing is ever evicted: an epoch uses each image once, so any image kept is worth as much as any other.
pub(crate) struct Cache {
    images: Vec<Option<Rc<[u8]>>>,
    free_bytes: usize,
}

impl Cache {
    pub(crate) fn new(len: usize, bytes: usize) -> Self {
        Self { images: vec![None; len], free_bytes: bytes }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Rc<[u8]>> {
        self.images[index].clone()
    }

    pub(crate) fn offer(&mut self, index: usize, image: &Rc<[u8]>) {
        if let Some(rest) = self.free_bytes.checked_sub(image.len()) {
            self.free_bytes = rest;
            self.images[index] = Some(Rc::clone(image));
        }
    }
}
