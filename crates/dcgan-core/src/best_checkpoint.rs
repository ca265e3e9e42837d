//! Picks the best generator of a training run.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::checkpoint_error::CheckpointError;

/// File names of a run's generators, best first, each with a description.
pub const GENERATORS: [(&str, &str); 3] = [
    ("generator_best.safetensors", "the best of the run by its metric"),
    ("generator_ema_final.safetensors", "the mean of the generator's weights at the end of the run"),
    ("generator_final.safetensors", "the generator at the end of the run"),
];

/// A checkpoint file, given by its path or picked from a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BestCheckpoint<'a> {
    /// The checkpoint file.
    pub path: Cow<'a, Path>,
    /// Its description in [`GENERATORS`], if it was picked from a folder.
    pub reason: Option<&'static str>,
}

/// Picks the first of [`GENERATORS`] in the folder `path`, or returns `path` if it is not a folder.
///
/// # Errors
/// [`CheckpointError::NoGenerator`] if the folder has none of them.
pub fn choose(path: &Path) -> Result<BestCheckpoint<'_>, CheckpointError> {
    if !path.is_dir() {
        return Ok(BestCheckpoint { path: Cow::Borrowed(path), reason: None });
    }
    let found = GENERATORS.iter().find_map(|(name, reason)| {
        let path: PathBuf = path.join(name);
        path.is_file().then_some(BestCheckpoint { path: Cow::Owned(path), reason: Some(*reason) })
    });
    found.ok_or_else(|| CheckpointError::NoGenerator {
        folder: path.to_owned(),
        expected: GENERATORS.map(|(name, _)| name),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_best_generator_of_a_folder_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let error = choose(folder.path()).unwrap_err().to_string();
        assert!(error.contains("generator_ema_final.safetensors"), "{error}");
        fs::write(folder.path().join("generator_epoch_10.safetensors"), b"").unwrap();
        assert!(choose(folder.path()).is_err());
        for (name, reason) in GENERATORS.iter().rev() {
            let path = folder.path().join(name);
            fs::write(&path, b"").unwrap();
            assert_eq!(
                choose(folder.path()).unwrap(),
                BestCheckpoint { path: Cow::Owned(path), reason: Some(*reason) }
            );
        }
    }

    #[test]
    fn a_file_is_itself_whether_it_is_there_or_not() {
        let path = Path::new("no/such/file");
        assert_eq!(choose(path).unwrap(), BestCheckpoint { path: Cow::Borrowed(path), reason: None });
    }
}
