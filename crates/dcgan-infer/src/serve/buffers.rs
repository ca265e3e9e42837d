//! The memory of request bodies and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;
use prometheus::IntGauge;

use super::error::ApiError;

/// Bounds the bytes of request bodies and answers that are in memory at once.
///
/// Half of the capacity is divided equally among the connections: what fits in such a share is never refused, because
/// a connection holds one body or one answer at a time. The other half holds what is larger. A single body or answer
/// of more than that half is accepted while nothing else is in it.
#[derive(Debug)]
pub(super) struct Buffers {
    /// Bytes for what is larger than a share.
    capacity: usize,
    share: usize,
    large: AtomicUsize,
    /// All bytes, for the metrics.
    gauge: IntGauge,
}

impl Buffers {
    pub(super) fn new(bytes: usize, connections: usize, gauge: IntGauge) -> Self {
        let capacity = bytes / 2;
        Self { capacity, share: capacity / connections.max(1), large: AtomicUsize::new(0), gauge }
    }

    /// Reserves memory until the result is dropped.
    ///
    /// # Errors
    /// [`ApiError::Buffers`] if there is not so much left.
    pub(super) fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reserved, ApiError> {
        if bytes > self.share {
            let add = |large: usize| {
                let sum = large.checked_add(bytes)?;
                (large == 0 || sum <= self.capacity).then_some(sum)
            };
            let added = self.large.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
            added.map_err(|_| ApiError::Buffers)?;
        }
        self.gauge.add(bytes.cast_signed() as i64);
        Ok(Reserved { buffers: self.clone(), bytes })
    }
}

/// Memory of [`Buffers`].
#[derive(Debug)]
pub(super) struct Reserved {
    buffers: Arc<Buffers>,
    bytes: usize,
}

impl Reserved {
    /// The body of an answer. Its memory counts until it is written to the connection, or dropped.
    pub(super) fn body(mut self, mut bytes: Vec<u8>) -> Bytes {
        bytes.shrink_to_fit();
        self.shrink(bytes.len());
        Bytes::from_owner(Body { bytes, _reserved: self })
    }

    /// Gives back what is beyond `bytes`.
    fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        let left = if bytes > self.buffers.share { bytes } else { 0 };
        if self.bytes > self.buffers.share {
            self.buffers.large.fetch_sub(self.bytes - left, Ordering::Relaxed);
        }
        self.buffers.gauge.sub((self.bytes - bytes).cast_signed() as i64);
        self.bytes = bytes;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

struct Body {
    bytes: Vec<u8>,
    _reserved: Reserved,
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 200 bytes for 10 connections: shares of 10, and 100 for what is larger.
    fn buffers() -> (Arc<Buffers>, IntGauge) {
        let gauge = IntGauge::new("bytes", "bytes").unwrap();
        (Arc::new(Buffers::new(200, 10, gauge.clone())), gauge)
    }

    #[test]
    fn large_answers_are_refused_beyond_the_capacity_and_small_ones_never() {
        let (buffers, gauge) = buffers();
        let first = buffers.reserve(60).unwrap();
        assert_eq!(buffers.reserve(41).unwrap_err(), ApiError::Buffers);
        let second = buffers.reserve(40).unwrap();
        assert_eq!(buffers.reserve(11).unwrap_err(), ApiError::Buffers);
        let small: Vec<_> = (0..10).map(|_| buffers.reserve(10).unwrap()).collect();
        assert_eq!(gauge.get(), 200);
        drop(second);
        assert_eq!(buffers.reserve(40).unwrap().bytes, 40);
        drop((first, small));
        assert_eq!((buffers.large.load(Ordering::Relaxed), gauge.get()), (0, 0));
    }

    #[test]
    fn an_answer_larger_than_the_capacity_is_accepted_alone() {
        let (buffers, _) = buffers();
        let large = buffers.reserve(1000).unwrap();
        assert_eq!(buffers.reserve(11).unwrap_err(), ApiError::Buffers);
        drop(large);
        let _some = buffers.reserve(11).unwrap();
        assert_eq!(buffers.reserve(1000).unwrap_err(), ApiError::Buffers);
    }

    #[test]
    fn a_body_counts_with_its_own_size_until_its_last_copy_is_dropped() {
        let (buffers, gauge) = buffers();
        let mut body = buffers.reserve(90).unwrap().body(vec![7; 30]);
        assert_eq!((buffers.large.load(Ordering::Relaxed), gauge.get()), (30, 30));
        let part = body.split_to(10);
        drop(body);
        assert_eq!((gauge.get(), &part[..]), (30, &[7; 10][..]));
        drop(part);
        assert_eq!((buffers.large.load(Ordering::Relaxed), gauge.get()), (0, 0));
        let small = buffers.reserve(90).unwrap().body(vec![7; 5]);
        assert_eq!((buffers.large.load(Ordering::Relaxed), gauge.get()), (0, 5), "it fits in a share");
        drop(small);
        assert_eq!(gauge.get(), 0);
    }
}
