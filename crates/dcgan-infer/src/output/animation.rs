//! Pictures one after the other, for ever.

use std::time::Duration;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, Frame};

use super::picture::{self, check_size};
use super::{EncodeError, Format};

/// GIF's encoder searches a palette for each frame: 1 is its best and slowest search, 30 its fastest. Frames are small.
const GIF_SPEED: i32 = 1;

/// An animation that starts again at its end.
///
/// # Errors
/// [`EncodeError`] if the format is none of animations, or has none of this size.
///
/// # Panics
/// If there are no frames.
pub fn encode(frames: &[DynamicImage], each: Duration, format: Format) -> Result<Vec<u8>, EncodeError> {
    check_size(&frames[0], format)?;
    match format {
        Format::Gif => gif(frames, each).map_err(|error| EncodeError::encoder(format, error)),
        Format::WebP => webp(frames, each),
        _ => {
            let (format, what) = (format.extension(), "animations");
            Err(EncodeError::Kind { format, what, expected: "gif, webp" })
        }
    }
}

fn gif(frames: &[DynamicImage], each: Duration) -> image::ImageResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, GIF_SPEED);
    encoder.set_repeat(Repeat::Infinite)?;
    let delay = Delay::from_saturating_duration(each);
    for frame in frames {
        encoder.encode_frame(Frame::from_parts(frame.to_rgba8(), 0, 0, delay))?;
    }
    drop(encoder);
    Ok(bytes)
}

/// Lossless frames in WebP's container, each as it would be alone.
///
/// Source: WebP Container Specification, "Extended File Format" and "Animation".
fn webp(frames: &[DynamicImage], each: Duration) -> Result<Vec<u8>, EncodeError> {
    const ANIMATED: u8 = 0b10;
    const REPLACE_WHAT_WAS_THERE: u8 = 0b10;
    let size = [frames[0].width() - 1, frames[0].height() - 1];
    let mut body = b"WEBP".to_vec();
    let mut header = vec![ANIMATED, 0, 0, 0];
    size.iter().for_each(|side| push_u24(&mut header, *side));
    push_chunk(&mut body, b"VP8X", &header);
    // A transparent background, and no last repetition.
    push_chunk(&mut body, b"ANIM", &[0; 6]);
    let milliseconds = each.as_millis().clamp(1, (1 << 24) - 1) as u32;
    for frame in frames {
        let alone = picture::encode(frame, Format::WebP)?;
        let bits = chunk(&alone, b"VP8L")
            .ok_or_else(|| EncodeError::encoder(Format::WebP, "the encoder gave no lossless picture"))?;
        let mut content = vec![0; 6];
        size.iter().for_each(|side| push_u24(&mut content, *side));
        push_u24(&mut content, milliseconds);
        content.push(REPLACE_WHAT_WAS_THERE);
        push_chunk(&mut content, b"VP8L", bits);
        push_chunk(&mut body, b"ANMF", &content);
    }
    let mut file = Vec::with_capacity(body.len() + 8);
    push_chunk(&mut file, b"RIFF", &body);
    Ok(file)
}

fn push_u24(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend(&value.to_le_bytes()[..3]);
}

/// Adds a chunk of RIFF: its name, its length, and its content of an even number of bytes.
fn push_chunk(bytes: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    bytes.extend(name);
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    if !content.len().is_multiple_of(2) {
        bytes.push(0);
    }
}

/// The content of a file's first chunk of this name.
fn chunk<'a>(file: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    let mut rest = file.get(12..)?;
    loop {
        let (found, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        if found == name {
            return after.get(..length);
        }
        rest = after.get(length.checked_add(length % 2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::codecs::gif::GifDecoder;
    use image::codecs::webp::WebPDecoder;
    use image::{AnimationDecoder, Rgb, RgbImage};

    use super::*;

    fn frames() -> Vec<DynamicImage> {
        let frame = |k: u8| RgbImage::from_fn(9, 7, |x, y| Rgb([40 * k, 20 * x as u8, 30 * y as u8]));
        (0..5).map(|k| frame(k).into()).collect()
    }

    #[test]
    fn webp_frames_come_back_as_they_were_and_for_as_long() {
        let bytes = encode(&frames(), Duration::from_millis(80), Format::WebP).unwrap();
        let decoder = WebPDecoder::new(Cursor::new(&bytes)).unwrap();
        assert!(decoder.has_animation());
        let found = decoder.into_frames().collect_frames().unwrap();
        assert_eq!(found.len(), 5);
        for (found, expected) in found.iter().zip(frames()) {
            assert_eq!(found.delay().numer_denom_ms(), (80, 1));
            assert_eq!(*found.buffer(), expected.to_rgba8());
        }
        assert_eq!(bytes.len() % 2, 0);
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len() - 8);
    }

    /// 63 colours are fewer than a palette has.
    #[test]
    fn gif_frames_come_back_and_start_again() {
        let bytes = encode(&frames(), Duration::from_millis(80), Format::Gif).unwrap();
        assert!(bytes.windows(11).any(|part| part == b"NETSCAPE2.0"), "it does not repeat");
        let found = GifDecoder::new(Cursor::new(&bytes)).unwrap().into_frames().collect_frames().unwrap();
        assert_eq!(found.len(), 5);
        for (found, expected) in found.iter().zip(frames()) {
            assert_eq!(found.delay().numer_denom_ms(), (80, 1));
            let differences =
                found.buffer().iter().zip(expected.to_rgba8().iter()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(differences.is_some_and(|most| most <= 8), "{differences:?}");
        }
    }

    #[test]
    fn other_formats_have_no_animations() {
        let error = encode(&frames(), Duration::from_millis(80), Format::Png).unwrap_err();
        assert_eq!(error.to_string(), "png is no format of animations: expected one of gif, webp");
    }
}
