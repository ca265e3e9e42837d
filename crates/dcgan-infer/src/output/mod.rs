//! Pictures, animations and tensors as bytes of a file.
//!
//! - [`Format`]: the kinds of files, by their extensions
//! - [`picture`]: PNG, lossless WebP, JPEG; [`animation`]: GIF, animated WebP
//! - [`tensor`]: NumPy's `.npy` and `.npz`

pub mod animation;
pub mod picture;
pub mod tensor;

use std::path::Path;
use std::time::Duration;

use dcgan_core::grid::{self, GridConfig};
use dcgan_core::memory::{self, OutOfMemory};
use ndarray::{ArrayView4, Axis};

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A picture without loss.
    Png,
    /// A picture without loss, or an animation.
    WebP,
    /// A picture with loss, of a quality of 95.
    Jpeg,
    /// An animation of 256 colours a frame.
    Gif,
    /// One tensor.
    Npy,
    /// Several tensors, by name.
    Npz,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [Self::Png, Self::WebP, Self::Jpeg, Self::Gif, Self::Npy, Self::Npz];

    /// The usual extension, and the name on the command line.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Npy => "npy",
            Self::Npz => "npz",
        }
    }

    /// The format that a file's name promises, if any does.
    ///
    /// ```
    /// use dcgan_infer::output::Format;
    /// assert_eq!(Format::of("grid.JPEG".as_ref()), Some(Format::Jpeg));
    /// assert_eq!(Format::of("grid".as_ref()), None);
    /// ```
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        if extension == "jpeg" {
            return Some(Self::Jpeg);
        }
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }
}

/// Images `[N, C, H, W]` in [-1, 1] as a file: one picture, or, where it is said how long each is shown, an animation of
/// them one after the other.
///
/// # Errors
/// [`EncodeError`] if the format has no such pictures.
///
/// # Panics
/// As [`grid::grid_as`], and if there are no frames.
pub fn encode(
    images: ArrayView4<f32>,
    layout: &GridConfig,
    each: Option<Duration>,
    format: Format,
) -> Result<Vec<u8>, EncodeError> {
    check_memory(images.dim(), layout, each.is_some())?;
    let Some(each) = each else { return picture::encode(&grid::grid_as(images, layout), format) };
    let frames = images.axis_chunks_iter(Axis(0), 1).map(|image| grid::grid_as(image, layout));
    animation::encode(&frames.collect::<Vec<_>>(), each, format)
}

/// Sees to it that there is memory for the picture, or for all frames.
fn check_memory(
    (count, channels, height, width): (usize, usize, usize, usize),
    layout: &GridConfig,
    is_animation: bool,
) -> Result<(), EncodeError> {
    let (each, frames) = if is_animation { (1, count) } else { (count, 1) };
    let pixels = layout.pixels(each, [height, width]);
    let bytes = pixels.and_then(|pixels| pixels.checked_mul(channels)?.checked_mul(frames));
    Ok(memory::check(format_args!("the pictures of {count} images of {width}x{height}"), bytes)?)
}

/// Images cannot be written in a format.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The format has no pictures of this size.
    #[error(
        "a {format} picture has at most {most} pixels a side, this one has {width}x{height}: choose fewer or smaller images, or another format"
    )]
    TooLarge {
        /// The format's name.
        format: &'static str,
        /// The longest side.
        most: u32,
        /// The picture's width.
        width: u32,
        /// The picture's height.
        height: u32,
    },
    /// There is no memory for it.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// The encoder failed.
    #[error("cannot encode {format}")]
    Encoder {
        /// The format's name.
        format: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The format is of another kind.
    #[error("{format} is no format of {what}: expected one of {expected}")]
    Kind {
        /// The format's name.
        format: &'static str,
        /// What was to be written.
        what: &'static str,
        /// Formats that are.
        expected: &'static str,
    },
}

impl EncodeError {
    fn encoder(format: Format, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Encoder { format: format.extension(), source: source.into() }
    }
}
