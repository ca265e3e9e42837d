//! A checksum inside the file that it covers.
//!
//! The file is made with [`BLANK`] in the checksum's place, hashed, and then given the checksum there. So it needs no
//! second file beside it, and every other bit of it counts. ONNX has no checksum of its own: of a flipped bit in a
//! weight no runtime says a word.

use sha2::{Digest, Sha256};

/// What stands in the place of a checksum while it is computed.
pub const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The checksum for a file's content that has [`BLANK`] in its place: SHA-256 in lower-case hexadecimal, as long as
/// [`BLANK`].
pub fn checksum(content: &[u8]) -> String {
    hex(Sha256::new_with_prefix(content))
}

/// Whether a file's content is the one that got the checksum `found`, which it has in it, nearer to its end than any
/// copy of it.
///
/// ```
/// use dcgan_core::checksum::{BLANK, checksum, is_intact};
/// let blank = format!("weights, sha256: {BLANK}.");
/// let sealed = blank.replace(BLANK, &checksum(blank.as_bytes()));
/// let found = &sealed[sealed.len() - 65..sealed.len() - 1];
/// assert!(is_intact(sealed.as_bytes(), found));
/// assert!(!is_intact(sealed.replace("weights", "Weights").as_bytes(), found));
/// ```
pub fn is_intact(content: &[u8], found: &str) -> bool {
    let length = BLANK.len();
    if found.len() != length {
        return false;
    }
    let Some(place) = content.windows(length).rposition(|window| window == found.as_bytes()) else {
        return false;
    };
    let mut hash = Sha256::new_with_prefix(&content[..place]);
    hash.update(BLANK);
    hash.update(&content[place + length..]);
    hex(hash) == found
}

/// A finished hash in lower-case hexadecimal.
pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf abc | sha256sum`
    #[test]
    fn the_checksum_is_sha256() {
        assert_eq!(checksum(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn every_flipped_bit_shows() {
        let blank = [b"before".as_slice(), BLANK.as_bytes(), b"after"].concat();
        let found = checksum(&blank);
        let sealed = [b"before".as_slice(), found.as_bytes(), b"after"].concat();
        assert!(is_intact(&sealed, &found));
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_intact(&damaged, &found), "bit {bit}");
        }
        assert!(!is_intact(&sealed, "") && !is_intact(&sealed, &found[1..]) && !is_intact(b"", &found));
    }
}
