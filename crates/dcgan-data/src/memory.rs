//! Memory for decoding, asked for before it is needed: an allocation that fails inside a decoder ends the program.

use std::sync::{Condvar, Mutex, PoisonError};

use dcgan_core::memory::address_space;

/// What pictures that are decoded at the same time may take together; one that takes more is decoded alone.
const AT_ONCE: u64 = 512 << 20;

/// Pictures below are decoded without asking: every program has so much.
const SMALL: u64 = 16 << 20;

/// What the decoders of several threads take.
#[derive(Debug)]
pub(crate) struct DecodeMemory {
    used: Mutex<u64>,
    freed: Condvar,
    address_space: Option<u64>,
}

impl DecodeMemory {
    pub(crate) fn new() -> Self {
        Self { used: Mutex::new(0), freed: Condvar::new(), address_space: address_space() }
    }

    /// The process's limit of address space in bytes (`ulimit -v`), where there is one.
    pub(crate) fn address_space(&self) -> Option<u64> {
        self.address_space
    }

    /// Waits until a picture that takes these blocks may be decoded beside others, and asks the system whether they
    /// can be had.
    ///
    /// # Errors
    /// The sum of the blocks, if the system does not give them to a picture that is decoded alone.
    pub(crate) fn reserve(&self, blocks: &[u64]) -> Result<Reserved<'_>, u64> {
        let bytes = blocks.iter().fold(0_u64, |sum, block| sum.saturating_add(*block));
        // Where memory is scarce, a picture must not fail because of another one.
        let at_once = if self.address_space.is_some() { 0 } else { AT_ONCE };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let fits = *used == 0 || used.saturating_add(bytes) <= at_once;
            if fits && (bytes <= SMALL || can_be_had(blocks)) {
                *used += bytes;
                return Ok(Reserved { memory: self, bytes });
            }
            if *used == 0 {
                return Err(bytes);
            }
            used = self.freed.wait(used).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A picture's part of the memory, until it is dropped.
pub(crate) struct Reserved<'a> {
    memory: &'a DecodeMemory,
    bytes: u64,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        *self.memory.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.memory.freed.notify_all();
    }
}

/// Whether the allocator gives all of these blocks at once. They are not written to, so that this takes no time; an
/// allocator that keeps them gives the same ones to the decoder.
fn can_be_had(blocks: &[u64]) -> bool {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    blocks.iter().all(|size| {
        let mut block = Vec::new();
        let is_there = usize::try_from(*size).is_ok_and(|size| block.try_reserve_exact(size).is_ok());
        taken.push(block);
        is_there
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn pictures_that_are_decoded_at_once_take_no_more_than_the_bound() {
        let memory = DecodeMemory { used: Mutex::new(0), freed: Condvar::new(), address_space: None };
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let bytes = AT_ONCE / 3;
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let reserved = memory.reserve(&[bytes]).unwrap();
                        let taken = now.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        most.fetch_max(taken, Ordering::SeqCst);
                        thread::yield_now();
                        now.fetch_sub(bytes, Ordering::SeqCst);
                        drop(reserved);
                    }
                });
            }
        });
        assert!((2 * bytes..=AT_ONCE).contains(&most.into_inner()));
        assert_eq!(*memory.used.lock().unwrap(), 0);
    }

    #[test]
    fn what_no_system_has_is_refused_with_its_size() {
        let memory = DecodeMemory { used: Mutex::new(0), freed: Condvar::new(), address_space: None };
        assert_eq!(memory.reserve(&[u64::MAX / 2, 5]).err(), Some(u64::MAX / 2 + 5));
        assert!(memory.reserve(&[2 * AT_ONCE]).is_ok(), "more than the bound, but alone");
    }
}
