//! Bytes of images as floats.

use dcgan_core::pixels;
use rayon::prelude::*;

/// Bytes `[N, ...]` as values `[..., N]` in [-1, 1].
pub(crate) fn floats_from_bytes(bytes: &[u8], batch: usize) -> Vec<f32> {
    let (batch, size) = (batch.max(1), bytes.len() / batch.max(1));
    let values: [f32; 256] = std::array::from_fn(|byte| pixels::from_u8(byte as u8));
    let mut floats = vec![0.0; bytes.len()];
    floats.par_chunks_mut(batch).enumerate().for_each(|(pixel, images)| {
        let column = bytes[pixel..].iter().step_by(size);
        images.iter_mut().zip(column).for_each(|(float, byte)| *float = values[usize::from(*byte)]);
    });
    floats
}
