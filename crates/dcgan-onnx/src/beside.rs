//! Files beside a model: where a model may say that its weights are.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Symbolic links that are followed one after the other.
const MOST_LINKS: usize = 40;

/// The file at `location`, which a model's file names, if that is a path inside of the model's folder. Outside of it,
/// nothing is looked at: neither `..`, nor an absolute path, nor a symbolic link leads there. If the model itself is a
/// symbolic link, as in the cache of Hugging Face, the folder of the file that it leads to is one of the model's, too.
pub fn beside(model: &Path, location: &str) -> Option<PathBuf> {
    let folder = model.parent().unwrap_or(Path::new(""));
    let path = Path::new(location);
    let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.components().all(is_plain) {
        return None;
    }
    let Ok(real_folder) = fs::canonicalize(Path::new(".").join(folder)) else {
        return Some(folder.join(path));
    };
    let real_model = fs::canonicalize(model).ok();
    let target = real_model.as_deref().and_then(Path::parent).map(Path::to_owned);
    let roots: Vec<_> = [real_folder.clone()].into_iter().chain(target).collect();
    stays_inside(&roots, real_folder.join(path), MOST_LINKS).then(|| folder.join(path))
}

/// Whether every part of an absolute path, whose beginning is one of `roots`, leads to a place inside of them.
fn stays_inside(roots: &[PathBuf], path: PathBuf, links: usize) -> bool {
    let Some(root) = roots.iter().find(|root| path.starts_with(root)) else { return false };
    let Ok(inner) = path.strip_prefix(root) else { return false };
    let mut at = root.clone();
    let mut parts = inner.components();
    while let Some(part) = parts.next() {
        let folder = at.clone();
        at.push(part);
        if let Ok(target) = fs::read_link(&at) {
            let next = leads_to(&folder, &target).map(|place| place.join(parts.as_path()));
            return links > 0 && next.is_some_and(|next| stays_inside(roots, next, links - 1));
        }
    }
    true
}

/// Where a symbolic link in a folder leads, which has no links in its own path. `None` if it goes up in its middle, where
/// another link may be.
fn leads_to(folder: &Path, target: &Path) -> Option<PathBuf> {
    let mut place = folder.to_owned();
    let mut is_down = false;
    for part in target.components() {
        match part {
            Component::ParentDir if is_down => return None,
            Component::ParentDir => drop(place.pop()),
            Component::CurDir => {}
            Component::Normal(name) => {
                is_down = true;
                place.push(name);
            }
            root => place.push(root),
        }
    }
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_inside_of_the_folder_are_beside_the_model() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("m.onnx");
        for location in ["w.bin", "./w.bin", "a/b/w.bin"] {
            assert_eq!(beside(&model, location), Some(folder.path().join(location)), "{location}");
        }
        for location in ["../w.bin", "a/../w.bin", "a/../../w.bin", "/etc/passwd", ".."] {
            assert_eq!(beside(&model, location), None, "{location}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_that_leave_the_folder_are_not_followed() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("models/inner")).unwrap();
        fs::create_dir_all(at("outside")).unwrap();
        let link = |target: &str, name: &str| symlink(target, at("models").join(name)).unwrap();
        let model = at("models/m.onnx");
        for (target, name) in [("inner/w.bin", "good"), ("good", "chain"), ("inner", "folder")] {
            link(target, name);
            assert!(beside(&model, name).is_some(), "{name}");
        }
        link("../models/inner", "around");
        assert!(beside(&model, "around/w.bin").is_some());
        link("loop", "loop");
        for (target, name, location) in [
            ("../outside/w.bin", "bad", "bad"),
            ("bad", "bad_chain", "bad_chain"),
            ("../outside", "bad_folder", "bad_folder/w.bin"),
            ("folder/../../outside", "bad_middle", "bad_middle/w.bin"),
            ("/etc/passwd", "absolute", "absolute"),
            ("/no/such/file", "dangling", "dangling"),
        ] {
            link(target, name);
            assert_eq!(beside(&model, location), None, "{name}");
        }
        assert_eq!(beside(&model, "loop"), None);
    }

    /// snapshots/1/m.onnx and its weights are links into blobs.
    #[cfg(unix)]
    #[test]
    fn weights_lie_beside_the_file_that_a_model_links_to() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("snapshots/1")).unwrap();
        fs::create_dir_all(at("blobs")).unwrap();
        for (blob, name) in [("5e", "m.onnx"), ("7f", "m.onnx.data")] {
            fs::write(at("blobs").join(blob), name).unwrap();
            symlink(format!("../../blobs/{blob}"), at("snapshots/1").join(name)).unwrap();
        }
        let model = at("snapshots/1/m.onnx");
        assert_eq!(beside(&model, "m.onnx.data"), Some(at("snapshots/1/m.onnx.data")));
        assert_eq!(beside(&at("blobs/5e"), "7f"), Some(at("blobs/7f")));
    }
}
