//! TFRecord, the form of TensorBoard's files: records of any bytes, with checksums.

/// Added to a checksum, so that data that holds checksums does not have a simple one.
const MASK: u32 = 0xa282_ead8;

/// A record: the length of the data (8 bytes, little endian), its checksum, the data, its checksum.
pub(super) fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &checksum(&length).to_le_bytes(), data, &checksum(data).to_le_bytes()].concat()
}

/// TensorFlow's masked CRC-32C.
fn checksum(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(MASK)
}
