//! Pictures: a batch of images laid out in one, and saved.

use std::io;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use ndarray::ArrayView4;

use crate::atomic::{self, WriteError};
use crate::pixels;

/// Pixels between and around the images of a grid.
pub const PADDING: usize = 2;

/// The number of columns that makes a grid of `count` images as square as it can be, the wider way.
///
/// ```
/// use dcgan_core::grid::square_columns;
/// assert_eq!([1, 2, 7, 16, 17].map(square_columns), [1, 2, 3, 4, 5]);
/// ```
pub fn square_columns(count: usize) -> usize {
    (1..).find(|side| side * side >= count).unwrap_or(1)
}

/// How images are laid out in a grid.
///
/// ```
/// use dcgan_core::grid::GridConfig;
/// assert_eq!(GridConfig::square(16), GridConfig { columns: 4, padding: 2, scale: 1 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridConfig {
    /// Images a row, from 1.
    pub columns: usize,
    /// Black pixels between and around the images.
    pub padding: usize,
    /// Pixels that stand for each pixel of an image, in each direction, from 1.
    pub scale: usize,
}

impl GridConfig {
    /// The usual grid of `count` images: as square as it can be.
    pub fn square(count: usize) -> Self {
        Self { columns: square_columns(count), padding: PADDING, scale: 1 }
    }

    /// Width and height of the picture of `count` images of `[height, width]`; `None` if they overflow.
    pub fn size(&self, count: usize, [height, width]: [usize; 2]) -> Option<(usize, usize)> {
        let columns = self.columns.min(count.max(1));
        let side = |cells: usize, size: usize| {
            size.checked_mul(self.scale)?
                .checked_add(self.padding)?
                .checked_mul(cells)?
                .checked_add(self.padding)
        };
        Some((side(columns, width)?, side(count.div_ceil(columns), height)?))
    }

    /// Pixels of that picture; `None` if they overflow.
    pub fn pixels(&self, count: usize, image: [usize; 2]) -> Option<usize> {
        let (width, height) = self.size(count, image)?;
        width.checked_mul(height)
    }
}

/// Lays images `[N, C, H, W]` in [-1, 1] out row by row, `columns` a row, on black.
///
/// PyTorch equivalent: `torchvision.utils.make_grid(images, nrow=columns, padding=2)` of images in that range.
///
/// # Panics
/// If `columns` is 0, or the images have neither one nor three channels.
pub fn grid(images: ArrayView4<f32>, columns: usize) -> DynamicImage {
    grid_as(images, &GridConfig { columns, padding: PADDING, scale: 1 })
}

/// Lays images `[N, C, H, W]` in [-1, 1] out row by row, on black.
///
/// # Panics
/// If columns or scale are 0, or the images have neither one nor three channels.
pub fn grid_as(images: ArrayView4<f32>, config: &GridConfig) -> DynamicImage {
    let (count, channels, height, width) = images.dim();
    let GridConfig { columns, padding, scale } = *config;
    assert!(columns > 0, "a grid needs at least one column");
    assert!(scale > 0, "a pixel is drawn as at least one");
    assert!(matches!(channels, 1 | 3), "images have 1 or 3 channels, these have {channels}");
    let columns = columns.min(count.max(1));
    let (grid_width, grid_height) =
        config.size(count, [height, width]).expect("a picture that fits in memory");
    let corner = |cell: usize, size: usize| cell * (size * scale + padding) + padding;
    let mut bytes = vec![0; grid_width * grid_height * channels];
    for ((n, c, y, x), value) in images.indexed_iter() {
        let value = pixels::to_u8(*value);
        let left = corner(n % columns, width) + x * scale;
        let top = corner(n / columns, height) + y * scale;
        for row in top..top + scale {
            for column in left..left + scale {
                bytes[(row * grid_width + column) * channels + c] = value;
            }
        }
    }
    picture(grid_width, grid_height, channels, bytes)
}

fn picture(width: usize, height: usize, channels: usize, bytes: Vec<u8>) -> DynamicImage {
    let (width, height) = (width as u32, height as u32);
    let picture = match channels {
        1 => GrayImage::from_raw(width, height, bytes).map(DynamicImage::from),
        _ => RgbImage::from_raw(width, height, bytes).map(DynamicImage::from),
    };
    picture.expect("width * height * channels bytes")
}

/// Saves a picture as PNG, atomically.
///
/// # Errors
/// [`WriteError`] names the path; an old file there is kept. A name that promises another format, such as `grid.jpg`,
/// is refused.
pub fn save_png(picture: &DynamicImage, path: &Path) -> Result<(), WriteError> {
    check_png_name(path)?;
    let mut encoded = io::Cursor::new(Vec::new());
    let result = picture.write_to(&mut encoded, ImageFormat::Png);
    atomic::write(path, |file| {
        result.map_err(io::Error::other)?;
        io::Write::write_all(file, encoded.get_ref())
    })
}

/// Refuses a name that would make viewers take a PNG file for something else: better before the work than after.
///
/// # Errors
/// [`WriteError`] names the path, unless it ends in `.png` or has no extension.
pub fn check_png_name(path: &Path) -> Result<(), WriteError> {
    match path.extension() {
        Some(extension) if !extension.eq_ignore_ascii_case("png") => {
            let source = io::Error::other("the picture is a PNG file, expected a name that ends in .png");
            Err(WriteError { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    /// Seven images, two wide and three high, three a row: neither square nor rows x columns.
    #[test]
    fn every_image_stands_in_its_place_upright() {
        let images = Array4::from_shape_fn((7, 1, 3, 2), |(n, _, y, x)| {
            pixels::from_u8((10 + n * 10 + y * 2 + x) as u8)
        });
        let picture = grid(images.view(), 3).into_luma8();
        assert_eq!(picture.dimensions(), (3 * 4 + 2, 3 * 5 + 2));
        for n in 0..7u32 {
            for (y, x) in [(0, 0), (2, 0), (1, 1)] {
                let pixel = picture.get_pixel(2 + (n % 3) * 4 + x, 2 + (n / 3) * 5 + y);
                assert_eq!(u32::from(pixel.0[0]), 10 + n * 10 + y * 2 + x, "image {n}, row {y}, column {x}");
            }
        }
        assert_eq!(picture.get_pixel(2 + 4, 2 + 10).0[0], 0, "an empty cell is black");
    }

    #[test]
    fn colours_keep_their_order_and_a_lone_image_its_size() {
        let colour = [-1.0, 0.0, 1.0];
        let images = Array4::from_shape_fn((1, 3, 2, 2), |(_, c, _, _)| colour[c]);
        let picture = grid(images.view(), 8).into_rgb8();
        assert_eq!(picture.dimensions(), (6, 6));
        assert_eq!(picture.get_pixel(3, 3).0, [0, 128, 255]);
    }

    /// Two pixels, drawn as 3x3 each, a pixel apart from the next image.
    #[test]
    fn a_scale_repeats_pixels_and_the_padding_is_not_scaled() {
        let images =
            Array4::from_shape_fn((2, 1, 1, 2), |(n, _, _, x)| pixels::from_u8((50 * (2 * n + x + 1)) as u8));
        let config = GridConfig { columns: 2, padding: 1, scale: 3 };
        assert_eq!(config.size(2, [1, 2]), Some((15, 5)));
        let picture = grid_as(images.view(), &config).into_luma8();
        assert_eq!(picture.dimensions(), (15, 5));
        let row = [0, 50, 50, 50, 100, 100, 100, 0, 150, 150, 150, 200, 200, 200, 0];
        for y in 0..5 {
            let expected = if (1..4).contains(&y) { row } else { [0; 15] };
            let found: Vec<_> = (0..15).map(|x| picture.get_pixel(x, y).0[0]).collect();
            assert_eq!(found, expected, "row {y}");
        }
        assert_eq!(GridConfig { scale: usize::MAX, ..config }.size(2, [1, 2]), None);
    }
}
