//! From a picture of any size and colour to the architecture's.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use image::DynamicImage;

use crate::DataError;

/// Brings pictures to one size and number of channels: the shorter side becomes `size`, bilinear with
/// antialiasing, then the middle is cut out.
///
/// Gray is ITU-R 601's luma, as Pillow computes it; an alpha channel is dropped, not composited.
///
/// PyTorch equivalent, to within 1 of 255: `image.convert("RGB")` (or `"L"`), `Resize(size)`,
/// `CenterCrop(size)` of torchvision on Pillow images.
#[derive(Clone)]
pub struct ResizeCrop {
    size: usize,
    channels: usize,
    resizer: Resizer,
    resized: Vec<u8>,
}

impl ResizeCrop {
    /// A fitter to `channels` (1: gray, 3: RGB) of `size` x `size`.
    ///
    /// # Errors
    /// When `channels` is neither 1 nor 3, or `size` is 0 or above 4096.
    pub fn new(size: usize, channels: usize) -> Result<Self, DataError> {
        check_size(size)?;
        check_channels(channels)?;
        Ok(Self { size, channels, resizer: Resizer::new(), resized: vec![0; channels * size * size] })
    }

    /// The picture as `[C, S, S]` bytes.
    ///
    /// # Errors
    /// When the picture has no pixels.
    pub fn fit(&mut self, picture: DynamicImage) -> Result<Vec<u8>, DataError> {
        let (width, height) = (picture.width(), picture.height());
        let pixels = if self.channels == 1 { into_gray(picture) } else { picture.into_rgb8().into_raw() };
        let size = self.size;
        self.resize(width, height, &pixels).map_err(|reason| DataError::Resize {
            width,
            height,
            size,
            reason,
        })?;
        Ok(self.planes())
    }

    /// Fills `self.resized`, `[S, S, C]`.
    ///
    /// `fast_image_resize` agrees with Pillow as well as `image`'s `Triangle` filter does (never off by more
    /// than 1) in a sixth of its time.
    fn resize(&mut self, width: u32, height: u32, pixels: &[u8]) -> Result<(), String> {
        if width == 0 || height == 0 {
            return Err("it has no pixels".into());
        }
        match self.channels {
            1 => self.resize_as::<U8>(width, height, pixels),
            _ => self.resize_as::<U8x3>(width, height, pixels),
        }
    }

    /// `Resizer::resize`, which asks for the kind of pixel at run time, takes a minute longer to compile.
    fn resize_as<P: PixelTrait>(&mut self, width: u32, height: u32, pixels: &[u8]) -> Result<(), String> {
        let source =
            TypedImageRef::<P>::from_buffer(width, height, pixels).map_err(|error| error.to_string())?;
        let side = self.size as u32;
        let mut target =
            TypedImage::<P>::from_buffer(side, side, &mut self.resized).map_err(|error| error.to_string())?;
        let short = width.min(height);
        let (left, crop_width) = window(width, short, self.size);
        let (top, crop_height) = window(height, short, self.size);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
            left,
            top,
            crop_width,
            crop_height,
        );
        self.resizer.resize_typed(&source, &mut target, &options).map_err(|error| error.to_string())
    }

    fn planes(&self) -> Vec<u8> {
        let mut planes = vec![0; self.resized.len()];
        for (channel, plane) in planes.chunks_exact_mut(self.size * self.size).enumerate() {
            for (byte, pixel) in plane.iter_mut().zip(self.resized.chunks_exact(self.channels)) {
                *byte = pixel[channel];
            }
        }
        planes
    }
}

/// Where the middle lies along a side of `length` pixels when the picture's shorter side `short` becomes
/// `size`: start and extent in pixels of the source.
///
/// Resizing that window alone gives what resizing all and cropping would (the filter still reaches beyond the
/// window's edges), without the memory that a picture of extreme proportions would need.
fn window(length: u32, short: u32, size: usize) -> (f64, f64) {
    let (length, short, size) = (u64::from(length), u64::from(short), size as u64);
    let resized = size * length / short;
    let offset = half_to_even(resized - size);
    let source = |position: u64| (position * length) as f64 / resized as f64;
    (source(offset), source(size))
}

/// Python's `round(n / 2)`.
fn half_to_even(n: u64) -> u64 {
    let floor = n / 2;
    floor + (n % 2) * (floor % 2)
}

/// Fails unless networks can have images of this size.
pub(crate) fn check_size(size: usize) -> Result<(), DataError> {
    if (1..=4096).contains(&size) {
        return Ok(());
    }
    Err(DataError::Setting { what: "size of an image", expected: "1 to 4096 pixels", found: size })
}

/// Fails unless pictures can have so many channels.
pub(crate) fn check_channels(channels: usize) -> Result<(), DataError> {
    match channels {
        1 | 3 => Ok(()),
        found => {
            Err(DataError::Setting { what: "channels of an image", expected: "1 (gray) or 3 (RGB)", found })
        }
    }
}

fn into_gray(picture: DynamicImage) -> Vec<u8> {
    match picture {
        DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageLuma16(_)
        | DynamicImage::ImageLumaA16(_) => picture.into_luma8().into_raw(),
        coloured => coloured.into_rgb8().pixels().map(|pixel| luma(pixel.0)).collect(),
    }
}

/// ITU-R 601's luma in Pillow's fixed-point arithmetic. (The `image` crate weights by ITU-R 709.)
pub(crate) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471;
    ((sum + 0x8000) >> 16) as u8
}
