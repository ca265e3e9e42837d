//! Latents in NumPy's files.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use dcgan_core::input;
use dcgan_core::memory::{self, Bytes, OutOfMemory};
use half::f16;
use ndarray::{Array, Array2, IxDyn, ShapeBuilder};
use ndarray_npy::npy::header::Header;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::seeds::MAX_SEEDS;

/// The most bytes of a file of latents, and of an array in it: 10,000 latents of 100 numbers are 4 million.
const MAX_BYTES: u64 = 1 << 30;
/// How a zip archive begins, and one without content.
const ARCHIVES: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// Names of the array that holds the latents, in an archive with several: the first of them that is there.
const NAMES: [&str; 5] = ["z", "latents", "latent", "noise", "fixed_noise"];

/// A file of latents cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LatentsError {
    /// The file cannot be read.
    #[error("cannot read latents {}: expected a .npy or .npz file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It, or its array, is larger than is believed.
    #[error("{} has {}, latents have at most {}: split it", path.display(), Bytes(*found), Bytes(MAX_BYTES))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        found: u64,
    },
    /// It holds more latents than are drawn at once.
    #[error("{} has {found} latents, at most {MAX_SEEDS} are drawn at once: split it", path.display())]
    TooMany {
        /// The file.
        path: PathBuf,
        /// How many.
        found: usize,
    },
    /// It holds no latents.
    #[error(
        "{} holds no latents ({reason}): expected float16, float32 or float64 [N, latent] or [N, latent, 1, 1], as \
         numpy.save writes it, or as `z` in a .npz file",
        path.display()
    )]
    NoLatents {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no memory for them.
    #[error("{}: {source}: split it", path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        source: OutOfMemory,
    },
}

/// The latents `[N, latent]` of a file: 1 to [`MAX_SEEDS`] of them, of finite numbers.
///
/// A `.npy` file has them as `[N, latent]` or `[N, latent, 1, 1]`, the fixed noise of PyTorch's DCGAN example, of f16, f32
/// or f64 in either byte order, in rows or in columns. Of a `.npz` file, the only array is read, or else the first one there
/// of `z` (as `dcgan-infer --output` writes it), `latents`, `latent`, `noise` and `fixed_noise`.
///
/// NumPy equivalent: `numpy.load(path).astype(numpy.float32)`.
///
/// # Errors
/// [`LatentsError`] names the file and what is wrong with it.
pub fn read_latents(path: &Path) -> Result<Array2<f32>, LatentsError> {
    let read = |source| LatentsError::Read { path: path.to_owned(), source };
    input::check(path).map_err(read)?;
    let mut file = File::open(path).map_err(read)?;
    let found = file.metadata().map_err(read)?.len();
    if found > MAX_BYTES {
        return Err(LatentsError::TooLarge { path: path.to_owned(), found });
    }
    let bytes = read_all(path, &mut file)?;
    let fault = |fault| match fault {
        Fault::Reason(reason) => LatentsError::NoLatents { path: path.to_owned(), reason },
        Fault::TooMany(found) => LatentsError::TooMany { path: path.to_owned(), found },
        Fault::Memory(source) => LatentsError::Memory { path: path.to_owned(), source },
    };
    if !ARCHIVES.iter().any(|start| bytes.starts_with(start)) {
        return latents(&bytes).map_err(fault);
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| fault(error.into()))?;
    let name = choose(archive.file_names()).map_err(|reason| fault(Fault::Reason(reason)))?;
    let mut array = archive.by_name(&name).map_err(|error| fault(error.into()))?;
    latents(&read_all(path, &mut array)?).map_err(fault)
}

/// All bytes, unless they are too many.
fn read_all(path: &Path, reader: &mut impl Read) -> Result<Vec<u8>, LatentsError> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|source| LatentsError::Read { path: path.to_owned(), source })?;
    match bytes.len() as u64 {
        ..=MAX_BYTES => Ok(bytes),
        found => Err(LatentsError::TooLarge { path: path.to_owned(), found }),
    }
}

/// What is wrong with an array.
enum Fault {
    Reason(String),
    TooMany(usize),
    Memory(OutOfMemory),
}

impl From<ZipError> for Fault {
    fn from(error: ZipError) -> Self {
        Self::Reason(error.to_string())
    }
}

/// The file in an archive that holds the latents.
fn choose<'a>(files: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let files: Vec<_> = files.collect();
    let arrays: Vec<_> = files.iter().filter_map(|file| file.strip_suffix(".npy")).collect();
    let known = NAMES.iter().find(|name| arrays.contains(name));
    match (known, &arrays[..]) {
        (Some(name), _) | (None, [name]) => Ok(format!("{name}.npy")),
        (None, []) if files.iter().any(|file| file.ends_with("data.pkl")) => {
            Err("it is a file of torch.save, which only Python reads".to_owned())
        }
        (None, []) => Err("there is no array in it".to_owned()),
        (None, several) => Err(format!("which of its arrays are they: {}? Call them z", several.join(", "))),
    }
}

/// The numbers of a `.npy` file's content.
fn latents(bytes: &[u8]) -> Result<Array2<f32>, Fault> {
    let reason = |reason: String| Fault::Reason(reason);
    check_header(bytes).map_err(reason)?;
    let mut rest = bytes;
    let header = Header::from_reader(&mut rest).map_err(|error| reason(error.to_string()))?;
    let (rows, columns) = match header.shape[..] {
        [rows, columns] | [rows, columns, 1, 1] if rows > 0 && columns > 0 => (rows, columns),
        _ => return Err(reason(format!("its shape is {:?}", header.shape))),
    };
    if rows > MAX_SEEDS {
        return Err(Fault::TooMany(rows));
    }
    let values = numbers(rest, &header.type_descriptor.to_string(), rows.checked_mul(columns))?;
    let shape = IxDyn(&header.shape).set_f(header.layout.is_fortran());
    let array = Array::from_shape_vec(shape, values).map_err(|error| reason(error.to_string()))?;
    // In rows from here on, without the maps of 1x1.
    let rows = array.as_standard_layout().into_owned().into_shape_with_order((rows, columns));
    let rows = rows.map_err(|error| reason(error.to_string()))?;
    match rows.indexed_iter().find(|(_, number)| !number.is_finite()) {
        Some(((row, column), number)) => {
            Err(reason(format!("{number} at [{row}, {column}], expected finite numbers of float32")))
        }
        None => Ok(rows),
    }
}

/// Refuses a header that is longer than the file, for which memory would be allocated.
fn check_header(bytes: &[u8]) -> Result<(), String> {
    let length = match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 2 | 3, _, a, b, c, d, ..] => {
            u32::from_le_bytes([*a, *b, *c, *d]) as usize
        }
        _ => 0,
    };
    if length > bytes.len() {
        return Err(format!("its header has {length} bytes, the file {}", bytes.len()));
    }
    Ok(())
}

/// `count` numbers of a type, which are all that there is. `descriptor` is NumPy's, such as `'<f4'`.
fn numbers(bytes: &[u8], descriptor: &str, count: Option<usize>) -> Result<Vec<f32>, Fault> {
    let refused = || {
        Fault::Reason(format!(
            "its type is {descriptor}, expected '<f2', '<f4' or '<f8', or '>' for big endian"
        ))
    };
    let descriptor_of = descriptor.trim_matches(['\'', '"']);
    let (order, kind) = descriptor_of.split_at_checked(1).ok_or_else(refused)?;
    let is_big = match order {
        "<" => false,
        ">" => true,
        "=" => cfg!(target_endian = "big"),
        _ => return Err(refused()),
    };
    let width = match kind {
        "f2" => 2,
        "f4" => 4,
        "f8" => 8,
        _ => return Err(refused()),
    };
    let needed = count.and_then(|count| count.checked_mul(width));
    if needed != Some(bytes.len()) {
        let needed = needed.map_or("more than can be counted".to_owned(), |needed| needed.to_string());
        return Err(Fault::Reason(format!(
            "it has {} bytes of numbers, its shape needs {needed}",
            bytes.len()
        )));
    }
    let mut values =
        memory::try_zeroed(format_args!("{} numbers", bytes.len() / width), count).map_err(Fault::Memory)?;
    for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(width)) {
        let mut little = [0; 8];
        little[..width].copy_from_slice(bytes);
        if is_big {
            little[..width].reverse();
        }
        let [a, b, c, d, ..] = little;
        *value = match width {
            2 => f16::from_le_bytes([a, b]).to_f32(),
            4 => f32::from_le_bytes([a, b, c, d]),
            _ => f64::from_le_bytes(little) as f32,
        };
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use ndarray::array;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Files that NumPy wrote: `tests/fixtures/latents/make.py`.
    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/latents").join(name)
    }

    fn refusal(content: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("z.npy");
        std::fs::write(&path, content).unwrap();
        read_latents(&path).unwrap_err().to_string()
    }

    /// A file by hand: a header, and so many bytes of 1.0 in the small end first.
    fn npy(header: &str, numbers: usize) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        bytes.extend(format!("{header:117}\n").bytes());
        bytes.extend((0..numbers).flat_map(|_| 1f32.to_le_bytes()));
        bytes
    }

    fn header(kind: &str, shape: &str) -> String {
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}")
    }

    #[test]
    fn what_numpy_wrote_is_read_in_every_type_order_and_form() {
        let expected = array![[-1.75f32, -1.5, -1.25, -1.0, -0.75], [-0.5, -0.25, 0.0, 0.25, 0.5]];
        for name in [
            "f2.npy",
            "f4.npy",
            "f8.npy",
            "f2_big.npy",
            "f4_big.npy",
            "f8_big.npy",
            "f4_fortran.npy",
            "f8_big_fortran.npy",
            "maps.npy",
            "maps_fortran.npy",
            "version_2.npy",
            "version_3.npy",
            "z.npz",
            "compressed.npz",
            "only.npz",
            "fixed_noise.npz",
        ] {
            let found = read_latents(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn an_archive_in_which_nobody_can_tell_the_latents_is_refused_with_the_names() {
        let said = |name: &str| read_latents(&fixture(name)).unwrap_err().to_string();
        assert!(said("several.npz").contains("which of its arrays are they: a, b? Call them z"));
        let archive = |file: &str| {
            let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
            archive.start_file(file, SimpleFileOptions::default()).unwrap();
            archive.write_all(b"...").unwrap();
            archive.finish().unwrap().into_inner()
        };
        assert!(refusal(&archive("notes.txt")).contains("there is no array in it"));
        assert!(refusal(&archive("noise/data.pkl")).contains("a file of torch.save"));
        assert!(refusal(&archive("z.npy")).contains("holds no latents"));
        assert!(refusal(b"PK\x03\x04").contains("holds no latents"));
    }

    #[test]
    fn what_holds_no_latents_is_refused_with_the_reason() {
        let whole = npy(&header("<f4", "1, 2"), 2);
        let nan = [&whole[..whole.len() - 4], &f32::NAN.to_le_bytes()].concat();
        let long_header = b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec();
        for (bytes, reason) in [
            (Vec::new(), ""),
            (b"PNG".to_vec(), ""),
            (long_header, "its header has 4294967295 bytes, the file 13"),
            (whole[..whole.len() - 1].to_vec(), "it has 7 bytes of numbers, its shape needs 8"),
            ([&whole[..], &[0]].concat(), "it has 9 bytes of numbers, its shape needs 8"),
            (npy(&header("<f4", "10, 10000000000000000000"), 2), ""),
            (npy(&header("<f4", "10, 1000000000000000000"), 2), "needs more than can be counted"),
            (npy(&header("<f4", "2,"), 2), "its shape is [2]"),
            (npy(&header("<f4", "1, 2, 1"), 2), "its shape is [1, 2, 1]"),
            (npy(&header("<f4", "1, 1, 2, 1"), 2), "its shape is [1, 1, 2, 1]"),
            (npy(&header("<f4", "0, 100"), 0), "its shape is [0, 100]"),
            (npy(&header("<i4", "1, 2"), 2), "its type is '<i4', expected '<f2', '<f4' or '<f8'"),
            (npy(&header("|O", "1, 2"), 2), "its type is '|O'"),
            (nan, "NaN at [0, 1]"),
        ] {
            let error = refusal(&bytes);
            assert!(error.contains("z.npy holds no latents (") && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_number_beyond_float32_is_no_latent() {
        let mut bytes = npy(&header("<f8", "1, 1"), 0);
        bytes.extend(1e300f64.to_le_bytes());
        assert!(refusal(&bytes).contains("inf at [0, 0], expected finite numbers of float32"));
    }

    /// As `--num-images` is: not by the numbers, but by the images.
    #[test]
    fn more_latents_than_are_drawn_at_once_are_refused() {
        let said = refusal(&npy(&header("<f4", "10001, 1"), 10_001));
        assert!(
            said.ends_with("z.npy has 10001 latents, at most 10000 are drawn at once: split it"),
            "{said}"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("z.npy");
        std::fs::write(&path, npy(&header("<f4", "10000, 1"), 10_000)).unwrap();
        assert_eq!(read_latents(&path).unwrap().dim(), (10_000, 1));
    }
}
