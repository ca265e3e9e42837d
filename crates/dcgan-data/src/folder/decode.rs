//! The picture of an image file.

use std::io::Cursor;
use std::path::Path;

use dcgan_core::input;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::config::FolderConfig;
use crate::memory::DecodeMemory;
use crate::{DataError, jpeg};

/// The formats that are read, whatever else the `image` crate was built with for other parts of a program.
const FORMATS: [ImageFormat; 4] = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Bmp];

/// The largest picture, in bytes of its pixels; and the largest file.
const MAX_BYTES: u64 = 512 << 20;

/// Reads and decodes a file, and turns the picture as its EXIF orientation says unless that is off.
pub(super) fn decode(
    path: &Path,
    config: FolderConfig,
    memory: &DecodeMemory,
) -> Result<DynamicImage, DataError> {
    let bytes = read(path)?;
    let format = format(path, &bytes)?;
    if format == ImageFormat::Jpeg && !jpeg::is_whole(&bytes) {
        return Err(DataError::Truncated { path: path.to_owned() });
    }
    let failed = |reason| DataError::Decode { path: path.to_owned(), reason };
    let reader = ImageReader::with_format(Cursor::new(&bytes), format);
    let mut decoder = reader.into_decoder().map_err(failed)?;
    let (width, height) = decoder.dimensions();
    if decoder.total_bytes() > MAX_BYTES {
        let bytes = decoder.total_bytes();
        return Err(DataError::TooLarge { path: path.to_owned(), width, height, bytes, limit: MAX_BYTES });
    }
    let reserved = memory.reserve(&blocks(&decoder, format)).map_err(|bytes| DataError::DecodeMemory {
        path: path.to_owned(),
        width,
        height,
        bytes,
        address_space: memory.address_space(),
    })?;
    let orientation =
        if config.no_exif_orientation { Orientation::NoTransforms } else { orientation(&mut decoder) };
    let mut picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    picture.apply_orientation(orientation);
    drop(reserved);
    Ok(picture)
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let unreadable = |reason| DataError::Read { path: path.to_owned(), reason };
    input::check(path).map_err(unreadable)?;
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_BYTES {
        return Err(DataError::LargeFile { path: path.to_owned(), bytes: size, limit: MAX_BYTES });
    }
    std::fs::read(path).map_err(unreadable)
}

/// The format that the content has.
fn format(path: &Path, bytes: &[u8]) -> Result<ImageFormat, DataError> {
    let found = match image::guess_format(bytes) {
        Ok(format) if FORMATS.contains(&format) => return Ok(format),
        Ok(other) => format!("{other:?}"),
        Err(_) if bytes.is_empty() => "an empty file".to_owned(),
        Err(_) => "something else".to_owned(),
    };
    Err(DataError::Format { path: path.to_owned(), found })
}

/// The blocks of memory that a picture takes at most until it has been fitted: its pixels, a copy that is turned or in
/// RGB, and what a decoder itself needs (the coefficients of a progressive JPEG, the frame of a WebP).
fn blocks(decoder: &impl ImageDecoder, format: ImageFormat) -> Vec<u64> {
    let (width, height) = decoder.dimensions();
    let (pixels, size) = (u64::from(width) * u64::from(height), decoder.total_bytes());
    let mut blocks = vec![size, size.max(3 * pixels)];
    match format {
        ImageFormat::Jpeg => blocks.extend([2 * pixels; 3]),
        ImageFormat::WebP => blocks.push(4 * pixels),
        _ => {}
    }
    blocks
}

/// What the EXIF data says; nothing where there are none, or none that can be understood.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    let exif = decoder.exif_metadata().ok().flatten().unwrap_or_default();
    // Some programs write JPEG's prefix to WebP and PNG files, too.
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif);
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}
