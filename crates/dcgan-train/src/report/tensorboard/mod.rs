//! Event files that TensorBoard shows: numbers and pictures by step.
//!
//! A run writes one file, and one more each time it goes on; TensorBoard reads all of a folder, and leaves out what was
//! done again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::SystemTime;

use dcgan_core::atomic::WriteError;
use image::{DynamicImage, ImageFormat};

mod message;
mod record;

use message::Message;

/// What the names of event files have in them.
const NAME: &str = "events.out.tfevents.";

/// Writes an event file.
///
/// PyTorch equivalent: `torch.utils.tensorboard.SummaryWriter`.
pub struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl EventFile {
    /// Begins a run's file in `folder`, which is made where it is missing. Event files of an earlier run there are
    /// removed: both would be shown as one. Those of other programs stay.
    ///
    /// # Errors
    /// [`WriteError`] names what cannot be written.
    pub fn create(folder: &Path) -> Result<Self, WriteError> {
        remove_events(folder).map_err(|source| wrong(folder, source))?;
        Self::open(folder)
    }

    /// Begins the file of a run that goes on after step `step`; what older files have of later steps is left out by
    /// TensorBoard.
    ///
    /// # Errors
    /// As [`EventFile::create`].
    pub fn resume(folder: &Path, step: u64) -> Result<Self, WriteError> {
        let mut file = Self::open(folder)?;
        file.add(&message::restart(now(), step + 1))?;
        Ok(file)
    }

    fn open(folder: &Path) -> Result<Self, WriteError> {
        fs::create_dir_all(folder).map_err(|source| wrong(folder, source))?;
        let (path, file) = new_file(folder)?;
        let mut file = Self { path, file: BufWriter::new(file) };
        file.add(&message::version(now()))?;
        Ok(file)
    }

    /// Adds the numbers of a step by their tags; `/` in a tag makes groups.
    ///
    /// # Errors
    /// [`WriteError`] names the file.
    pub fn scalars(&mut self, step: u64, values: &[(&str, f64)]) -> Result<(), WriteError> {
        self.add(&message::scalars(now(), step, values))
    }

    /// Adds a picture to a step.
    ///
    /// # Errors
    /// [`WriteError`] names the file.
    pub fn image(&mut self, step: u64, tag: &str, picture: &DynamicImage) -> Result<(), WriteError> {
        let mut png = io::Cursor::new(Vec::new());
        let encoded = picture.write_to(&mut png, ImageFormat::Png).map_err(io::Error::other);
        encoded.map_err(|source| wrong(&self.path, source))?;
        let size = [picture.height(), picture.width(), u32::from(picture.color().channel_count())];
        self.add(&message::image(now(), step, tag, size.map(u64::from), png.get_ref()))
    }

    /// Makes what was added visible to others.
    ///
    /// # Errors
    /// [`WriteError`] names the file.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        self.file.flush().map_err(|source| wrong(&self.path, source))
    }

    fn add(&mut self, message: &Message) -> Result<(), WriteError> {
        let result = self.file.write_all(&record::record(message.bytes()));
        result.map_err(|source| wrong(&self.path, source))
    }
}

/// A file that was not there, whose name comes after those of all that are there: TensorBoard reads them in this order.
fn new_file(folder: &Path) -> Result<(PathBuf, File), WriteError> {
    let latest = event_files(folder).filter_map(|path| time_of(&path)).max().unwrap_or(0);
    let time = (now() as u64).max(latest.saturating_add(1));
    let path = folder.join(format!("{NAME}{time:010}.{}", process::id()));
    let file = File::create_new(&path).map_err(|source| wrong(&path, source))?;
    Ok((path, file))
}

/// Whether a file's name is one that [`EventFile`] gives: other programs' event files have the machine's name in theirs.
pub(crate) fn is_event_file(name: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = name.strip_prefix(NAME).and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(time, process)| is_number(time) && is_number(process))
}

/// The time in an event file's name.
fn time_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix(NAME)?.split('.').next()?.parse().ok()
}

fn event_files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter(|file| file.file_name().to_string_lossy().starts_with(NAME)).map(|file| file.path())
}

fn remove_events(folder: &Path) -> io::Result<()> {
    let is_own = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(is_event_file);
    event_files(folder).filter(is_own).try_for_each(fs::remove_file)
}

fn wrong(path: &Path, source: io::Error) -> WriteError {
    WriteError::new(path, source)
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0.0, |time| time.as_secs_f64())
}
