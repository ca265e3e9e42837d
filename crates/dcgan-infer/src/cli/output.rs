//! The flags that say what is written, and where to.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use dcgan_core::grid::{self, GridConfig};
use dcgan_core::{atomic, memory};
use dcgan_infer::output::Format;

use super::say;

/// The most pixels of one picture, and of the images in it: they are in memory at once.
const MAX_PIXELS: usize = 1 << 28;
/// Memory of a picture while it is encoded, in pictures: itself, the encoder's copy, and the file twice where that grows.
const ENCODING: usize = 4;
/// Bytes a pixel that WebP's encoder needs besides: it takes colours, and copies them with an alpha channel.
const WEBP_ENCODING: usize = 24;

#[derive(Debug, Args)]
pub struct OutputArgs {
    /// File to write, in the format of its extension
    ///
    /// Pictures are .png, .webp (both without loss) and .jpg, animations .gif and .webp, tensors .npy (the images
    /// [N, C, H, W] in [-1, 1]) and .npz (those as `images`, with `z` and `seeds`). A name that ends in / is a folder with
    /// a file for each image, - is standard output.
    #[arg(long, value_name = "FILE", default_value = "generated.png")]
    output: PathBuf,
    /// Format where the output's name has none: of standard output, or of the files in a folder
    #[arg(long, value_name = "FORMAT")]
    format: Option<FormatName>,
    #[command(flatten)]
    grid: GridArgs,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct GridArgs {
    /// Images in a row of the picture, by default as many as make it square
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    columns: Option<NonZeroUsize>,
    /// Pixels, in each direction, that stand for one of an image
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u8).range(1..=64))]
    scale: u8,
    /// Black pixels between and around the images
    #[arg(long, value_name = "N", default_value_t = grid::PADDING as u16, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=1024))]
    padding: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    Png,
    Webp,
    #[value(alias = "jpeg")]
    Jpg,
    Gif,
    Npy,
    Npz,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Png => Self::Png,
            FormatName::Webp => Self::WebP,
            FormatName::Jpg => Self::Jpeg,
            FormatName::Gif => Self::Gif,
            FormatName::Npy => Self::Npy,
            FormatName::Npz => Self::Npz,
        }
    }
}

impl GridArgs {
    /// The layout of images, by default in so many columns.
    ///
    /// # Errors
    /// If the images or their picture have more than [`MAX_PIXELS`].
    pub fn layout(&self, images: &Images, columns: usize) -> anyhow::Result<GridConfig> {
        let (padding, scale) = (self.padding.into(), self.scale.into());
        let columns = self.columns.map_or(columns, NonZeroUsize::get);
        let config = GridConfig { columns, padding, scale };
        images.check_pixels()?;
        let [_, height, width] = images.shape;
        let pixels = config.pixels(images.count, [height, width]);
        ensure!(
            pixels.is_some_and(|pixels| pixels <= MAX_PIXELS),
            "the picture of {images} at --scale {scale} and --padding {padding} has {} pixels, at most {MAX_PIXELS} \
             are drawn: ask for fewer images with {} or for smaller ones with --scale",
            counted(pixels),
            images.flag
        );
        Ok(config)
    }

    /// The layout of each of the images, which are not put into one picture.
    ///
    /// # Errors
    /// If the images, or the picture of one, have more than [`MAX_PIXELS`].
    pub fn alone(&self, images: &Images) -> anyhow::Result<GridConfig> {
        let config = GridConfig { columns: 1, padding: 0, scale: self.scale.into() };
        images.check_pixels()?;
        let [_, height, width] = images.shape;
        let pixels = config.pixels(1, [height, width]);
        ensure!(
            pixels.is_some_and(|pixels| pixels <= MAX_PIXELS),
            "an image of {width}x{height} at --scale {} has {} pixels, at most {MAX_PIXELS} are drawn: ask for a \
             smaller one with --scale",
            self.scale,
            counted(pixels)
        );
        Ok(config)
    }
}

/// Images that are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    /// How many.
    pub count: usize,
    /// Channels, height and width of each.
    pub shape: [usize; 3],
    /// The flag that says how many.
    pub flag: &'static str,
}

impl Display for Images {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let [_, height, width] = self.shape;
        write!(f, "{} images of {width}x{height}", self.count)
    }
}

impl Images {
    fn check_pixels(&self) -> anyhow::Result<()> {
        let [_, height, width] = self.shape;
        let pixels = self.count.checked_mul(height * width);
        ensure!(
            pixels.is_some_and(|pixels| pixels <= MAX_PIXELS),
            "{self} have {} pixels, at most {MAX_PIXELS} are drawn at once: ask for fewer with {}",
            counted(pixels),
            self.flag
        );
        Ok(())
    }

    /// Checks that there is memory for the images, for latents of so many numbers, and for what is written of them:
    /// before they are drawn, which takes a while.
    ///
    /// # Errors
    /// With the size, the limit, and the flag that asks for so many.
    pub fn check_memory(
        &self,
        latent: usize,
        target: &Target,
        layout: &GridConfig,
        is_animation: bool,
    ) -> anyhow::Result<()> {
        let bytes = self.bytes(latent, target, layout, is_animation);
        memory::check(format_args!("{self}, their latents and their file"), bytes)
            .map_err(|error| anyhow!("{error}: ask for fewer with {}", self.flag))
    }

    /// The most bytes that are in memory at once: `None` if they cannot be counted.
    fn bytes(
        &self,
        latent: usize,
        target: &Target,
        layout: &GridConfig,
        is_animation: bool,
    ) -> Option<usize> {
        let [channels, height, width] = self.shape;
        let float = size_of::<f32>();
        let latents = self.count.checked_mul(latent)?.checked_mul(float)?;
        let images = self.count.checked_mul(channels)?.checked_mul(height * width)?.checked_mul(float)?;
        let picture = |count| layout.pixels(count, [height, width])?.checked_mul(channels);
        let file = match (target, target.format()) {
            // The file, and for .npz each tensor of it.
            (Target::File(..) | Target::Stdout(_), Format::Npy) => images,
            (Target::File(..) | Target::Stdout(_), Format::Npz) => {
                images.checked_add(latents)?.checked_mul(2)?
            }
            (Target::Folder(..), _) => picture(1)?.checked_mul(ENCODING)?,
            _ if is_animation => picture(1)?.checked_mul(self.count)?.checked_mul(ENCODING)?,
            (_, Format::WebP) => {
                let pixels = layout.pixels(self.count, [height, width])?;
                picture(self.count)?.checked_add(pixels.checked_mul(WEBP_ENCODING)?)?
            }
            _ => picture(self.count)?.checked_mul(ENCODING)?,
        };
        latents.checked_add(images)?.checked_add(file)
    }
}

fn counted(pixels: Option<usize>) -> String {
    pixels.map_or("countless".to_owned(), |pixels| pixels.to_string())
}

/// Where to write.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// One file.
    File(PathBuf, Format),
    /// A file for each image.
    Folder(PathBuf, Format),
    /// Standard output.
    Stdout(Format),
}

impl OutputArgs {
    /// The layout of the picture.
    pub fn grid(&self) -> &GridArgs {
        &self.grid
    }

    /// Where to write, checked as far as it can be before there is anything to write.
    ///
    /// # Errors
    /// If the format is none of `formats`, or the name and --format contradict each other.
    pub fn target(&self, formats: &[Format]) -> anyhow::Result<Target> {
        let (path, asked) = (&self.output, self.format.map(Format::from));
        let promised = Format::of(path);
        if let (Some(asked), Some(promised)) = (asked, promised)
            && asked != promised
        {
            let (asked, promised) = (asked.extension(), promised.extension());
            bail!(
                "--format {asked} and --output {} contradict each other: leave --format out, or name a .{asked} file instead of a .{promised}",
                path.display()
            );
        }
        let format = asked.or(promised);
        let target = match names_folder(path) {
            _ if path.as_os_str() == "-" => Target::Stdout(format.unwrap_or(formats[0])),
            true => Target::Folder(path.clone(), format.unwrap_or(formats[0])),
            false if format.is_none() && path.extension().is_some() => {
                bail!("cannot write {}: expected a name that ends in {}", path.display(), endings(formats))
            }
            false => Target::File(path.clone(), format.unwrap_or(formats[0])),
        };
        ensure!(
            formats.contains(&target.format()),
            "cannot write {}: expected a name that ends in {}",
            path.display(),
            endings(formats)
        );
        Ok(target)
    }
}

fn endings(formats: &[Format]) -> String {
    let endings: Vec<_> = formats.iter().map(|format| format!(".{}", format.extension())).collect();
    endings.join(", ")
}

/// A path with a slash at its end, or a folder that does not look like a picture by its name.
fn names_folder(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with('/') || path.is_dir() && Format::of(path).is_none()
}

impl Target {
    /// The format of what is written.
    pub fn format(&self) -> Format {
        match self {
            Self::File(_, format) | Self::Folder(_, format) | Self::Stdout(format) => *format,
        }
    }

    /// Whether all images go into one picture.
    pub fn is_one_picture(&self) -> bool {
        !matches!(self, Self::Folder(..)) && !matches!(self.format(), Format::Npy | Format::Npz)
    }

    /// The same, for people.
    pub fn name(&self) -> String {
        match self {
            Self::File(path, _) | Self::Folder(path, _) => path.display().to_string(),
            Self::Stdout(_) => "standard output".to_owned(),
        }
    }

    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path, _) => Some(path),
            _ => None,
        }
    }

    /// Writes one file, or to standard output.
    pub fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::File(path, _) => Ok(atomic::write(path, |file| file.write_all(bytes))?),
            Self::Stdout(_) => {
                let mut stdout = io::stdout().lock();
                stdout
                    .write_all(bytes)
                    .and_then(|()| stdout.flush())
                    .context("cannot write to standard output")
            }
            Self::Folder(path, _) => {
                bail!("cannot write {}: this is a folder, a file name was expected", path.display())
            }
        }
    }

    /// Says what was done, where it does not get into what was written.
    pub fn say(&self, line: &str) -> anyhow::Result<()> {
        match self {
            Self::Stdout(_) => {
                say::line(line);
                Ok(())
            }
            _ => say::result(line, "the summary"),
        }
    }
}
