//! Whether a JPEG file is all there.

const END_OF_IMAGE: u8 = 0xd9;

/// Whether the first image of a JPEG file reaches its end marker.
///
/// The `image` crate fills what a truncated file lacks with gray instead of refusing it, which would teach the
/// networks gray bars; Pillow refuses such files, too.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let mut position = 2;
    while let Some((marker, after)) = next_marker(bytes, position) {
        if marker == END_OF_IMAGE {
            return true;
        }
        // A segment (which may hold a thumbnail with an end marker of its own) is skipped by its length. The
        // coded pixels that follow a scan's header are searched: only true markers look like one there.
        let Some(&[high, low]) = bytes.get(after..after + 2) else { return false };
        position = after + usize::from(u16::from_be_bytes([high, low]));
    }
    false
}

/// The first marker from `start` on, and the position after it; stuffing, fill bytes and restarts are none.
fn next_marker(bytes: &[u8], start: usize) -> Option<(u8, usize)> {
    let rest = bytes.get(start..)?;
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0x01 | 0xd0..=0xd7 | 0xff);
    let found = rest.windows(2).position(is_marker)?;
    Some((rest[found + 1], start + found + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THUMBNAIL: [u8; 8] = [0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9];
    const SCAN: [u8; 8] = [0xff, 0xda, 0, 3, 1, 0xff, 0x00, 0xff];

    fn file(parts: &[&[u8]]) -> Vec<u8> {
        [&[0xff, 0xd8], parts.concat().as_slice()].concat()
    }

    #[test]
    fn only_the_end_marker_of_the_image_itself_counts() {
        assert!(is_whole(&file(&[&SCAN, &[0xd0, 0x12], &[0xff, 0xd9]])));
        assert!(is_whole(&file(&[&THUMBNAIL, &SCAN, &[0xff, 0xd9]])));
        assert!(!is_whole(&file(&[&THUMBNAIL, &SCAN])));
        assert!(!is_whole(&file(&[&THUMBNAIL])));
    }

    #[test]
    fn what_follows_the_image_does_not_matter() {
        assert!(is_whole(&file(&[&SCAN, &[0xff, 0xd9, 0xff, 0xda, 1, 2, 3]])));
    }

    #[test]
    fn no_bytes_are_no_image() {
        for len in 0..4 {
            assert!(!is_whole(&[0xff, 0xd8, 0xff, 0xe1][..len]));
        }
    }
}
