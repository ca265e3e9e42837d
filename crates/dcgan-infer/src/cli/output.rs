//! The flags that say what is written, and where to.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};
use dcgan_core::atomic;
use dcgan_core::grid::{self, GridConfig};
use dcgan_infer::output::Format;

use super::say;

/// The most pixels of one picture: they are in memory at once.
pub const MAX_PIXELS: usize = 1 << 28;

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
    /// The layout of so many images, by default in so many columns.
    ///
    /// # Errors
    /// If the picture would be too large for memory.
    pub fn layout(
        &self,
        count: usize,
        columns: usize,
        [height, width]: [usize; 2],
    ) -> anyhow::Result<GridConfig> {
        let (padding, scale) = (self.padding.into(), self.scale.into());
        let columns = self.columns.map_or(columns, NonZeroUsize::get);
        let config = GridConfig { columns, padding, scale };
        check(config.pixels(count, [height, width]), count, [height, width], scale)?;
        Ok(config)
    }

    /// The layout of each of so many images that are not put into one picture.
    ///
    /// # Errors
    /// If one of them would be too large for memory, or all of them together as they are.
    pub fn alone(&self, count: usize, [height, width]: [usize; 2]) -> anyhow::Result<GridConfig> {
        let config = GridConfig { columns: 1, padding: 0, scale: self.scale.into() };
        check(count.checked_mul(height * width), count, [height, width], 1)?;
        check(config.pixels(1, [height, width]), 1, [height, width], config.scale)?;
        Ok(config)
    }
}

fn check(
    pixels: Option<usize>,
    count: usize,
    [height, width]: [usize; 2],
    scale: usize,
) -> anyhow::Result<()> {
    ensure!(
        pixels.is_some_and(|pixels| pixels <= MAX_PIXELS),
        "{count} images of {width}x{height} at --scale {scale} are more than {MAX_PIXELS} pixels: ask for fewer \
         with --num-images"
    );
    Ok(())
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
