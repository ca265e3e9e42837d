//! Which of the generators that a training run leaves in its folder is the one to use.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointError;

/// A run's generators that are worth using, the best one first, and what each is.
pub const GENERATORS: [(&str, &str); 3] = [
    ("generator_best.safetensors", "the best of the run by its metric"),
    ("generator_ema_final.safetensors", "the mean of the generator's weights at the end of the run"),
    ("generator_final.safetensors", "the generator at the end of the run"),
];

/// The checkpoint that a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The file.
    pub path: Cow<'a, Path>,
    /// What it is, where it was chosen out of a folder.
    pub reason: Option<&'static str>,
}

/// The first of [`GENERATORS`] that is in `path`, if that is a folder; else `path` itself.
///
/// # Errors
/// [`CheckpointError::Folder`] if it is a folder and has none of them.
pub fn choose(path: &Path) -> Result<Choice<'_>, CheckpointError> {
    if !path.is_dir() {
        return Ok(Choice { path: Cow::Borrowed(path), reason: None });
    }
    let found = GENERATORS.iter().find_map(|(name, reason)| {
        let path: PathBuf = path.join(name);
        path.is_file().then_some(Choice { path: Cow::Owned(path), reason: Some(*reason) })
    });
    found.ok_or_else(|| CheckpointError::Folder { path: path.to_owned() })
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
                Choice { path: Cow::Owned(path), reason: Some(*reason) }
            );
        }
    }

    #[test]
    fn a_file_is_itself_whether_it_is_there_or_not() {
        let path = Path::new("no/such/file");
        assert_eq!(choose(path).unwrap(), Choice { path: Cow::Borrowed(path), reason: None });
    }
}
