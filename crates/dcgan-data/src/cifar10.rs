//! CIFAR-10's binary version.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use image::{DynamicImage, RgbImage};

use crate::download::{self, DownloadConfig, DownloadEvent, RemoteFile, Source, md5_of};
use crate::published::{open_if_there, open_or_download};
use crate::unpack::Selection;
use crate::{DataError, Dataset, Fingerprint, Split};

/// The files: five of training images, then that of the test images.
const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// The folder that the archive unpacks to.
const SUBFOLDER: &str = "cifar-10-batches-bin";

/// The archive of the binary version.
const ARCHIVE: &str = "cifar-10-binary.tar.gz";

/// What is taken out of the archive; its bounds are about twice what the published one holds.
const SELECTION: Selection =
    Selection { folder: SUBFOLDER, files: &FILES, max_file_bytes: 64 << 20, max_total_bytes: 400 << 20 };

/// Bytes of a record: a label, then the red, the green and the blue plane, each row by row.
const RECORD: u64 = 1 + 3 * PLANE as u64;

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;

/// The images of CIFAR-10, read record by record: to train on from `data_batch_1.bin` to `data_batch_5.bin`, to test with
/// from `test_batch.bin`.
///
/// Files may be missing and may hold any number of records. Labels are not used.
///
/// PyTorch equivalent: `torchvision.datasets.CIFAR10(root, train)`, in the same order.
#[derive(Debug)]
pub struct Cifar10 {
    files: Vec<RecordFile>,
}

impl Cifar10 {
    /// The archive on its author's page, with the MD5 checksum published there.
    pub const SOURCE: Source<'static> = Source {
        url: "https://www.cs.toronto.edu/~kriz/",
        files: &[RemoteFile { name: ARCHIVE, bytes: 170_052_171, md5: "c32a1d4ab5d03f1284b67883e8d87530" }],
    };

    /// [Opens](Cifar10::open) the files, or [downloads](Cifar10::download) them first where there are none.
    ///
    /// An archive that is in `data_dir` already is unpacked even where downloads are forbidden.
    ///
    /// # Errors
    /// As those two.
    pub fn open_or_download(
        split: Split,
        data_dir: &Path,
        config: &DownloadConfig,
        report: &mut dyn FnMut(DownloadEvent),
    ) -> Result<Self, DataError> {
        let may_download = !config.no_download || data_dir.join(ARCHIVE).exists();
        open_or_download(
            || Self::open(split, data_dir),
            may_download,
            || Self::download(data_dir, &Self::SOURCE, config, report),
        )
    }

    /// Downloads the archive of `source` to `data_dir` and unpacks the images to its
    /// `cifar-10-batches-bin`, which appears only when all of them are there.
    ///
    /// # Errors
    /// When the archive cannot be fetched, has another checksum, or holds something else than it should.
    pub fn download(
        data_dir: &Path,
        source: &Source,
        config: &DownloadConfig,
        report: &mut dyn FnMut(DownloadEvent),
    ) -> Result<(), DataError> {
        download::fetch(source, data_dir, config, report)
            .map_err(|error| DataError::Download { error, place: place(Split::Train, data_dir) })?;
        for file in source.files {
            SELECTION.unpack(&data_dir.join(file.name), data_dir)?;
        }
        Ok(())
    }

    /// Opens the split's files in `data_dir` itself or else in its `cifar-10-batches-bin`.
    ///
    /// # Errors
    /// When there is none, one cannot be read, or one does not consist of whole records.
    pub fn open(split: Split, data_dir: &Path) -> Result<Self, DataError> {
        for folder in [data_dir.to_owned(), data_dir.join(SUBFOLDER)] {
            let files: Vec<_> = files(split)
                .iter()
                .filter_map(|name| RecordFile::open(folder.join(name)).transpose())
                .collect::<Result<_, _>>()?;
            if !files.is_empty() {
                return Ok(Self { files });
            }
        }
        Err(DataError::Missing { dataset: "CIFAR-10", place: place(split, data_dir) })
    }
}

/// The files with the images of a split.
fn files(split: Split) -> &'static [&'static str] {
    match split {
        Split::Train => &FILES[..5],
        Split::Test => &FILES[5..],
    }
}

/// Which files are looked for, and where.
fn place(split: Split, data_dir: &Path) -> String {
    let folder = data_dir.display();
    let names = match files(split) {
        [only] => (*only).to_owned(),
        names => format!("{} to {} (at least one of them)", names[0], names[names.len() - 1]),
    };
    format!(
        "{names} in {folder} or {folder}/{SUBFOLDER}, or {ARCHIVE} (the \
         binary version of https://www.cs.toronto.edu/~kriz/cifar.html) in {folder}"
    )
}

impl Dataset for Cifar10 {
    fn len(&self) -> usize {
        self.files.iter().map(|file| file.records).sum()
    }

    fn picture(&self, index: usize) -> Result<DynamicImage, DataError> {
        let mut record = index;
        for file in &self.files {
            if record < file.records {
                return Ok(file.picture(record)?.into());
            }
            record -= file.records;
        }
        panic!("picture {index} of {}", self.len());
    }

    fn may_be_broken(&self) -> bool {
        false
    }

    /// The files' names and contents.
    fn fingerprint(&self) -> Result<Fingerprint, DataError> {
        let mut fingerprint = Fingerprint::default();
        for file in &self.files {
            let name = file.path.file_name().unwrap_or_default();
            fingerprint.add_md5(&name.to_string_lossy(), &file.md5()?);
        }
        Ok(fingerprint)
    }
}

#[derive(Debug)]
struct RecordFile {
    path: PathBuf,
    /// Locked from the seek to the read, so that two readers do not move each other's position.
    file: Mutex<File>,
    records: usize,
}

impl RecordFile {
    /// `None` when there is no such file.
    fn open(path: PathBuf) -> Result<Option<Self>, DataError> {
        let Some(file) = open_if_there(&path)? else { return Ok(None) };
        let size = file.metadata().map_err(|reason| DataError::Read { path: path.clone(), reason })?.len();
        if size == 0 || size % RECORD != 0 {
            return Err(DataError::Cifar10Size { path, size, record: RECORD });
        }
        Ok(Some(Self { path, file: Mutex::new(file), records: (size / RECORD) as usize }))
    }

    fn picture(&self, record: usize) -> Result<RgbImage, DataError> {
        let mut planes = [0; 3 * PLANE];
        self.read(record as u64 * RECORD + 1, &mut planes)
            .map_err(|reason| DataError::Read { path: self.path.clone(), reason })?;
        Ok(RgbImage::from_fn(SIDE as u32, SIDE as u32, |x, y| {
            let pixel = y as usize * SIDE + x as usize;
            image::Rgb([planes[pixel], planes[PLANE + pixel], planes[2 * PLANE + pixel]])
        }))
    }

    fn md5(&self) -> Result<String, DataError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.rewind()
            .and_then(|()| md5_of(&mut *file))
            .map_err(|reason| DataError::Read { path: self.path.clone(), reason })
    }

    fn read(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A record whose planes hold `f(channel, row, column)`.
    fn record(f: impl Fn(usize, usize, usize) -> u8) -> Vec<u8> {
        let planes = (0..3 * PLANE).map(|i| f(i / PLANE, i % PLANE / SIDE, i % SIDE));
        std::iter::once(9).chain(planes).collect()
    }

    fn plain(value: u8) -> Vec<u8> {
        record(|_, _, _| value)
    }

    #[test]
    fn planes_are_red_green_blue_and_row_major() {
        let folder = tempfile::tempdir().unwrap();
        let second = record(|channel, row, column| (channel * 100 + row * 2 + column) as u8);
        fs::write(folder.path().join(FILES[0]), [plain(7), second].concat()).unwrap();
        let dataset = Cifar10::open(Split::Train, folder.path()).unwrap();
        assert_eq!(dataset.len(), 2);
        assert!(dataset.picture(0).unwrap().as_bytes().iter().all(|&byte| byte == 7));
        let picture = dataset.picture(1).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (32, 32));
        // `get_pixel` takes x, the column, first.
        assert_eq!(picture.get_pixel(0, 0).0, [0, 100, 200]);
        assert_eq!(picture.get_pixel(31, 0).0, [31, 131, 231]);
        assert_eq!(picture.get_pixel(3, 20).0, [43, 143, 243]);
    }

    #[test]
    fn records_go_on_across_files_of_different_lengths() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join(SUBFOLDER);
        fs::create_dir(&inner).unwrap();
        for (name, values) in [(FILES[0], vec![10]), (FILES[2], vec![30, 31, 32]), (FILES[4], vec![50, 51])] {
            fs::write(inner.join(name), values.into_iter().flat_map(plain).collect::<Vec<_>>()).unwrap();
        }
        let dataset = Cifar10::open(Split::Train, folder.path()).unwrap();
        let values: Vec<u8> = (0..dataset.len()).map(|i| dataset.picture(i).unwrap().as_bytes()[0]).collect();
        assert_eq!(values, [10, 30, 31, 32, 50, 51]);
    }

    #[test]
    fn each_split_has_its_own_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILES[0]), plain(1)).unwrap();
        let message = Cifar10::open(Split::Test, folder.path()).unwrap_err().to_string();
        assert!(message.contains("no CIFAR-10 files: expected test_batch.bin in "), "{message}");
        fs::write(folder.path().join("test_batch.bin"), [plain(2), plain(3)].concat()).unwrap();
        let test = Cifar10::open(Split::Test, folder.path()).unwrap();
        assert_eq!((test.len(), test.picture(0).unwrap().as_bytes()[0]), (2, 2));
        assert_eq!(Cifar10::open(Split::Train, folder.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_file_of_a_wrong_size_is_named_with_both_sizes() {
        for size in [0, 3072, 3074] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(FILES[0]), plain(1)).unwrap();
            fs::write(folder.path().join(FILES[1]), vec![0; size]).unwrap();
            let message = Cifar10::open(Split::Train, folder.path()).unwrap_err().to_string();
            for part in [FILES[1], "3073", &format!("found {size} bytes")] {
                assert!(message.contains(part), "{part:?} is not in: {message}");
            }
        }
    }

    #[test]
    fn without_files_the_error_says_what_to_put_where() {
        let folder = tempfile::tempdir().unwrap();
        for data_dir in [folder.path().to_owned(), folder.path().join("missing")] {
            let message = Cifar10::open(Split::Train, &data_dir).unwrap_err().to_string();
            for part in [&data_dir.display().to_string(), FILES[0], FILES[4], SUBFOLDER] {
                assert!(message.contains(part), "{part:?} is not in: {message}");
            }
        }
    }

    #[test]
    fn a_file_that_shrinks_while_in_use_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILES[0]);
        fs::write(&path, plain(1)).unwrap();
        let dataset = Cifar10::open(Split::Train, folder.path()).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        let message = dataset.picture(0).unwrap_err().to_string();
        assert!(message.contains(FILES[0]), "{message}");
    }
}
