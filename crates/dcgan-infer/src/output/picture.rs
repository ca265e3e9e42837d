//! One picture.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder};

use super::{EncodeError, Format};

/// What JPEG files are saved with: differences are hard to see, files a third of PNG's.
const JPEG_QUALITY: u8 = 95;

/// A picture as a file.
///
/// # Errors
/// [`EncodeError`] if the format is none of pictures, or has none of this size.
pub fn encode(picture: &DynamicImage, format: Format) -> Result<Vec<u8>, EncodeError> {
    check_size(picture, format)?;
    let mut bytes = Cursor::new(Vec::new());
    let (width, height, color) = (picture.width(), picture.height(), picture.color().into());
    let result = match format {
        // Grids of small images hardly shrink further with more work.
        Format::Png => PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
            .write_image(picture.as_bytes(), width, height, color),
        Format::WebP => WebPEncoder::new_lossless(&mut bytes).write_image(
            // This encoder knows no gray.
            &picture.to_rgb8(),
            width,
            height,
            image::ExtendedColorType::Rgb8,
        ),
        Format::Jpeg => JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).write_image(
            picture.as_bytes(),
            width,
            height,
            color,
        ),
        Format::Gif | Format::Npy | Format::Npz => {
            let (format, what) = (format.extension(), "pictures");
            return Err(EncodeError::Kind { format, what, expected: "png, webp, jpg" });
        }
    };
    result.map_err(|error| EncodeError::encoder(format, error))?;
    Ok(bytes.into_inner())
}

/// Refuses what a format cannot hold, with a better reason than its encoder has.
pub(super) fn check_size(picture: &DynamicImage, format: Format) -> Result<(), EncodeError> {
    let most = match format {
        Format::WebP => 16_383,
        Format::Jpeg | Format::Gif => 65_535,
        _ => u32::MAX,
    };
    let (width, height) = (picture.width(), picture.height());
    match width.max(height) <= most {
        true => Ok(()),
        false => Err(EncodeError::TooLarge { format: format.extension(), most, width, height }),
    }
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};

    use super::*;

    fn colourful() -> DynamicImage {
        RgbImage::from_fn(40, 24, |x, y| Rgb([6 * x as u8, 10 * y as u8, 128])).into()
    }

    fn gray() -> DynamicImage {
        GrayImage::from_fn(40, 24, |x, y| Luma([(3 * x + 5 * y) as u8])).into()
    }

    #[test]
    fn png_and_webp_lose_nothing() {
        for (format, kind) in [(Format::Png, ImageFormat::Png), (Format::WebP, ImageFormat::WebP)] {
            for picture in [colourful(), gray()] {
                let bytes = encode(&picture, format).unwrap();
                assert_eq!(image::guess_format(&bytes).unwrap(), kind);
                assert_eq!(
                    image::load_from_memory(&bytes).unwrap().to_rgb8(),
                    picture.to_rgb8(),
                    "{format:?}"
                );
            }
        }
    }

    #[test]
    fn jpeg_stays_close() {
        for picture in [colourful(), gray()] {
            let bytes = encode(&picture, Format::Jpeg).unwrap();
            let decoded = image::load_from_memory(&bytes).unwrap();
            assert_eq!(decoded.color(), picture.color());
            let differences = decoded.as_bytes().iter().zip(picture.as_bytes()).map(|(a, b)| a.abs_diff(*b));
            let mean = differences.map(f64::from).sum::<f64>() / picture.as_bytes().len() as f64;
            assert!(mean < 3.0, "{mean}");
        }
    }

    #[test]
    fn what_a_format_cannot_hold_is_told() {
        let error = |picture: DynamicImage, format| encode(&picture, format).unwrap_err().to_string();
        let wide = |width| DynamicImage::from(GrayImage::new(width, 1));
        assert!(
            error(wide(16_384), Format::WebP).contains("at most 16383 pixels a side, this one has 16384x1")
        );
        assert!(error(wide(65_536), Format::Jpeg).contains("at most 65535 pixels a side"));
        assert!(error(gray(), Format::Npy).contains("expected one of png, webp, jpg"));
        assert!(encode(&wide(16_383), Format::WebP).is_ok());
    }
}
