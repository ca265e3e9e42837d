//! Tensors in NumPy's files.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use dcgan_core::input;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayView4};
use ndarray_npy::{ViewNpyError, ViewNpyExt, WriteNpyExt};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{EncodeError, Format};

/// The most bytes of a file of latents: 100,000 latents of 100 numbers are 40 million.
const MAX_BYTES: u64 = 1 << 30;

/// Images `[N, C, H, W]` as a `.npy` file of f32.
///
/// NumPy equivalent: `numpy.save(path, images)`.
///
/// # Errors
/// [`EncodeError`] if the encoder fails.
pub fn npy(images: ArrayView4<f32>) -> Result<Vec<u8>, EncodeError> {
    bytes(&images).map_err(|error| EncodeError::encoder(Format::Npy, error))
}

/// A `.npz` file with the images `[N, C, H, W]` as `images`, their latents `[N, latent]` as `z`, and, where these come from
/// seeds, those `[N]` as `seeds`, of u64. The same tensors give the same bytes.
///
/// NumPy equivalent: `numpy.savez(path, images=images, z=z, seeds=seeds)`.
///
/// # Errors
/// [`EncodeError`] if the encoder fails.
pub fn npz(
    images: ArrayView4<f32>,
    z: ArrayView2<f32>,
    seeds: Option<&[u64]>,
) -> Result<Vec<u8>, EncodeError> {
    let encode = || -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let mut add =
            |name: &str, content: Vec<u8>| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
                let large = content.len() >= u32::MAX as usize;
                let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
                archive.start_file(format!("{name}.npy"), options.large_file(large))?;
                Ok(archive.write_all(&content)?)
            };
        add("images", bytes(&images)?)?;
        add("z", bytes(&z)?)?;
        if let Some(seeds) = seeds {
            add("seeds", bytes(&ArrayView1::from(seeds))?)?;
        }
        Ok(archive.finish()?.into_inner())
    };
    encode().map_err(|error| EncodeError::encoder(Format::Npz, error))
}

fn bytes(array: &impl WriteNpyExt) -> Result<Vec<u8>, ndarray_npy::WriteNpyError> {
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes)?;
    Ok(bytes)
}

/// A file of latents cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LatentsError {
    /// The file cannot be read.
    #[error("cannot read latents {}: expected a .npy file of a two-dimensional array", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// It is larger than is believed.
    #[error("{} has {found} bytes, latents have at most {MAX_BYTES}: split it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        found: u64,
    },
    /// It holds no latents.
    #[error(
        "{} holds no latents ({reason}): expected NumPy's .npy of float32 or float64 [N, latent], as numpy.save writes it",
        path.display()
    )]
    NoLatents {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The latents `[N, latent]` of a `.npy` file, of f32 or f64, in rows or in columns; one or more, of finite numbers.
///
/// NumPy equivalent: `numpy.load(path).astype(numpy.float32)`.
///
/// # Errors
/// [`LatentsError`] names the file and what is wrong with it.
pub fn read_latents(path: &Path) -> Result<Array2<f32>, LatentsError> {
    let read = |source| LatentsError::Read { path: path.to_owned(), source };
    input::check(path).map_err(read)?;
    let found = std::fs::metadata(path).map_err(read)?.len();
    if found > MAX_BYTES {
        return Err(LatentsError::TooLarge { path: path.to_owned(), found });
    }
    let bytes = std::fs::read(path).map_err(read)?;
    let refused = |reason: String| LatentsError::NoLatents { path: path.to_owned(), reason };
    // A view, unlike a copy, has no memory allocated by what the file says of its size.
    let latents = match ArrayView2::<f32>::view_npy(&bytes) {
        Err(ViewNpyError::WrongDescriptor(_)) => {
            ArrayView2::<f64>::view_npy(&bytes).map(|latents| latents.mapv(|number| number as f32))
        }
        other => other.map(|latents| latents.to_owned()),
    };
    let latents = latents.map_err(|error| refused(error.to_string()))?;
    if latents.is_empty() {
        return Err(refused(format!("its shape is {:?}", latents.shape())));
    }
    match latents.indexed_iter().find(|(_, number)| !number.is_finite()) {
        Some(((row, column), number)) => Err(refused(format!("{number} at [{row}, {column}]"))),
        None => Ok(latents.as_standard_layout().into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, ShapeBuilder, array};

    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("z.npy");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn npy_of(array: &impl WriteNpyExt) -> Vec<u8> {
        bytes(array).unwrap()
    }

    /// A file of eight bytes of numbers, whatever its header says.
    fn with_header(header: &str) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
        bytes.extend(format!("{header:117}\n").bytes());
        bytes.extend([0; 8]);
        bytes
    }

    #[test]
    fn latents_of_either_width_and_order_are_read() {
        let expected = array![[1.0f32, -2.5, 3.0], [4.0, 5.0, 0.125]];
        let columns = Array2::from_shape_vec((2, 3).f(), vec![1.0f32, 4.0, -2.5, 5.0, 3.0, 0.125]).unwrap();
        for bytes in [npy_of(&expected), npy_of(&columns), npy_of(&expected.mapv(f64::from))] {
            let (_folder, path) = file(&bytes);
            assert_eq!(read_latents(&path).unwrap(), expected);
        }
    }

    #[test]
    fn what_holds_no_latents_is_refused_with_the_reason() {
        let whole = npy_of(&array![[1.0f32, 2.0]]);
        let huge =
            with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000), }");
        for (bytes, reason) in [
            (Vec::new(), ""),
            (b"PNG".to_vec(), ""),
            (whole[..whole.len() - 1].to_vec(), ""),
            (huge, ""),
            (npy_of(&array![1.0f32, 2.0]), ""),
            (npy_of(&array![[1i64, 2]]), ""),
            (npy_of(&Array2::<f32>::zeros((0, 100))), "its shape is [0, 100]"),
            (npy_of(&array![[1.0f32, f32::NAN]]), "NaN at [0, 1]"),
            (npy_of(&array![[f32::INFINITY, 0.0]]), "inf at [0, 0]"),
        ] {
            let (_folder, path) = file(&bytes);
            let error = read_latents(&path).unwrap_err().to_string();
            assert!(error.contains("z.npy holds no latents (") && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn an_archive_is_the_same_each_time() {
        let (images, z) = (Array4::<f32>::zeros((2, 1, 3, 3)), Array2::<f32>::ones((2, 5)));
        let archive = || npz(images.view(), z.view(), Some(&[3, u64::MAX])).unwrap();
        assert_eq!(archive(), archive());
        let mut found = zip::ZipArchive::new(Cursor::new(archive())).unwrap();
        let names: Vec<_> = found.file_names().map(str::to_owned).collect();
        assert_eq!(names, ["images.npy", "z.npy", "seeds.npy"]);
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut found.by_name("z.npy").unwrap(), &mut bytes).unwrap();
        assert_eq!(ArrayView2::<f32>::view_npy(&bytes).unwrap(), z);
        let without = npz(images.view(), z.view(), None).unwrap();
        assert_eq!(zip::ZipArchive::new(Cursor::new(without)).unwrap().len(), 2);
    }
}
