//! A run's sample grids as one animated picture: how the same latents' images became what they are.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dcgan_core::atomic::{self, WriteError};
use image::codecs::gif::{GifEncoder, Repeat};
use image::imageops::FilterType;
use image::{Delay, Frame, RgbaImage};

/// The most frames: of a longer run, some are left out.
const MOST_FRAMES: usize = 40;
/// The longest side; larger grids are made smaller. With [`MOST_FRAMES`] it bounds the file.
const LONGEST_SIDE: u32 = 544;
/// How long a frame is shown, and the last one.
const SHOWN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(2)];
/// From 1, the best colours, to 30, the fastest.
const SPEED: i32 = 10;

/// Writes grids, in this order, as an animated GIF that begins anew at its end. Those that are not there any more, or
/// are of another size than the last one, are left out; whether there were two or more, without which nothing is written.
///
/// # Errors
/// [`WriteError`] names the file; an old file there is kept.
pub fn save(grids: &[PathBuf], path: &Path) -> Result<bool, WriteError> {
    let mut pictures: Vec<RgbaImage> = chosen(grids).filter_map(read).collect();
    if let Some(size) = pictures.last().map(RgbaImage::dimensions) {
        pictures.retain(|picture| picture.dimensions() == size);
    }
    if pictures.len() < 2 {
        return Ok(false);
    }
    let encoded = encode(pictures).map_err(io::Error::other);
    atomic::write(path, |file| file.write_all(&encoded?))?;
    Ok(true)
}

/// At most [`MOST_FRAMES`] of them, evenly, the first and the last among them.
fn chosen(grids: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    let last = grids.len().saturating_sub(1);
    let frames = grids.len().min(MOST_FRAMES);
    (0..frames).map(move |frame| &grids[frame * last / (frames - 1).max(1)])
}

fn read(path: &PathBuf) -> Option<RgbaImage> {
    let picture = image::open(path).ok()?;
    let is_small = picture.width().max(picture.height()) <= LONGEST_SIDE;
    let picture =
        if is_small { picture } else { picture.resize(LONGEST_SIDE, LONGEST_SIDE, FilterType::Triangle) };
    Some(picture.into_rgba8())
}

fn encode(pictures: Vec<RgbaImage>) -> Result<Vec<u8>, image::ImageError> {
    let mut encoded = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut encoded, SPEED);
    encoder.set_repeat(Repeat::Infinite)?;
    let last = pictures.len() - 1;
    for (i, picture) in pictures.into_iter().enumerate() {
        let delay = Delay::from_saturating_duration(SHOWN[usize::from(i == last)]);
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay))?;
    }
    drop(encoder);
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::BufReader;

    use image::codecs::gif::GifDecoder;
    use image::{AnimationDecoder, Rgb, RgbImage};
    use tempfile::TempDir;

    use super::*;

    fn grids(folder: &TempDir, count: u8, side: u32) -> Vec<PathBuf> {
        let save = |i| {
            let path = folder.path().join(format!("{i}.png"));
            RgbImage::from_pixel(side, side, Rgb([i, 0, 255])).save(&path).unwrap();
            path
        };
        (0..count).map(save).collect()
    }

    /// Each frame's size, its first pixel's red, and how many milliseconds it is shown.
    fn frames(path: &Path) -> Vec<((u32, u32), u8, u32)> {
        let decoder = GifDecoder::new(BufReader::new(File::open(path).unwrap())).unwrap();
        let frames = decoder.into_frames().collect_frames().unwrap();
        let describe = |frame: &Frame| {
            let (milliseconds, parts) = frame.delay().numer_denom_ms();
            let buffer = frame.buffer();
            (buffer.dimensions(), buffer.get_pixel(0, 0).0[0], milliseconds / parts)
        };
        frames.iter().map(describe).collect()
    }

    #[test]
    fn frames_come_in_order_and_the_last_one_stays_longer() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("training.gif");
        assert!(save(&grids(&folder, 3, 20), &path).unwrap());
        let size = (20, 20);
        assert_eq!(frames(&path), [(size, 0, 200), (size, 1, 200), (size, 2, 2000)]);
    }

    #[test]
    fn a_long_run_of_large_grids_has_bounds() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("training.gif");
        assert!(save(&grids(&folder, 100, 600), &path).unwrap());
        let frames = frames(&path);
        assert_eq!(frames.len(), MOST_FRAMES);
        assert_eq!((frames[0].1, frames[MOST_FRAMES - 1].1), (0, 99), "the first and the last are there");
        assert!(frames.is_sorted_by_key(|frame| frame.1));
        assert!(frames.iter().all(|frame| frame.0 == (LONGEST_SIDE, LONGEST_SIDE)));
    }

    #[test]
    fn missing_and_odd_grids_are_left_out() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("training.gif");
        let mut grids = grids(&folder, 4, 20);
        RgbImage::new(7, 7).save(&grids[0]).unwrap();
        std::fs::remove_file(&grids[1]).unwrap();
        assert!(save(&grids, &path).unwrap());
        assert_eq!(frames(&path).iter().map(|frame| frame.1).collect::<Vec<_>>(), [2, 3]);
        grids.truncate(3);
        std::fs::remove_file(&path).unwrap();
        assert!(!save(&grids, &path).unwrap(), "one picture does not move");
        assert!(!path.exists());
    }
}
