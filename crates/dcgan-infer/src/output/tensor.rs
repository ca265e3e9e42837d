//! Tensors in NumPy's files.

use std::io::{Cursor, Write};

use dcgan_core::memory;
use ndarray::{ArrayView, ArrayView1, ArrayView2, ArrayView4, Dimension};
use ndarray_npy::{WritableElement, WriteNpyExt};
use zip::ZipWriter;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

use super::{EncodeError, Format};

/// The most bytes of a `.npy` file's header, or of what a `.npz` file says of each entry.
const HEADER: usize = 512;

/// Images `[N, C, H, W]` as a `.npy` file of f32.
///
/// NumPy equivalent: `numpy.save(path, images)`.
///
/// # Errors
/// [`EncodeError`] if there is no memory for it, or the encoder fails.
pub fn npy(images: ArrayView4<f32>) -> Result<Vec<u8>, EncodeError> {
    bytes(&images, Format::Npy)
}

/// A `.npz` file with the images `[N, C, H, W]` as `images`, their latents `[N, latent]` as `z`, and, where these come from
/// seeds, those `[N]` as `seeds`, of u64. The same tensors give the same bytes.
///
/// NumPy equivalent: `numpy.savez(path, images=images, z=z, seeds=seeds)`.
///
/// # Errors
/// [`EncodeError`] if there is no memory for it, or the encoder fails.
pub fn npz(
    images: ArrayView4<f32>,
    z: ArrayView2<f32>,
    seeds: Option<&[u64]>,
) -> Result<Vec<u8>, EncodeError> {
    let mut entries = vec![("images", bytes(&images, Format::Npz)?), ("z", bytes(&z, Format::Npz)?)];
    if let Some(seeds) = seeds {
        entries.push(("seeds", bytes(&ArrayView1::from(seeds), Format::Npz)?));
    }
    let size = entries.iter().map(|(_, content)| content.len() + HEADER).sum();
    let mut archive = ZipWriter::new(Cursor::new(reserved(size)?));
    let failed = |error: ZipError| EncodeError::encoder(Format::Npz, error);
    for (name, content) in entries {
        let large = content.len() >= u32::MAX as usize;
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(format!("{name}.npy"), options.large_file(large)).map_err(failed)?;
        archive.write_all(&content).map_err(|error| failed(error.into()))?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

fn bytes<A: WritableElement, D: Dimension>(
    array: &ArrayView<A, D>,
    format: Format,
) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = reserved(array.len() * size_of::<A>() + HEADER)?;
    array.write_npy(&mut bytes).map_err(|error| EncodeError::encoder(format, error))?;
    Ok(bytes)
}

/// An empty vector with memory for so many bytes.
fn reserved(size: usize) -> Result<Vec<u8>, EncodeError> {
    memory::check("the tensors of the images", Some(size))?;
    Ok(Vec::with_capacity(size))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array4};
    use ndarray_npy::ViewNpyExt;

    use super::*;

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
