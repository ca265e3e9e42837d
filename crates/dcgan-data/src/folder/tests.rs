use image::{ImageFormat, Rgb, RgbImage};

use super::*;

const FORMATS: [&str; 4] = ["a.png", "b.jpg", "c.webp", "d.bmp"];

/// A folder with a 20x10 picture of noise in each format.
fn pictures() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_fn(20, 10, |x, y| Rgb([(x * 97 % 256) as u8, (y * 53) as u8, 90]));
    for name in FORMATS {
        save(&picture, &folder.path().join(name));
    }
    folder
}

fn open(folder: &Path) -> Result<Folder, DataError> {
    Folder::open(folder, FolderConfig::default())
}

fn save(picture: &RgbImage, path: &Path) {
    picture.save_with_format(path, ImageFormat::from_path(path).unwrap()).unwrap();
}

fn names(dataset: &Folder, root: &Path) -> Vec<String> {
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    dataset.paths.iter().map(name).collect()
}

#[test]
fn images_of_a_tree_are_found_in_order_whatever_the_case() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["z.JPG", "b/2.Png", "b/10.png", "a/deep/er/x.webp", "a/y.BMP", "b.jpeg", "notes.txt", "png"]
    {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    fs::create_dir(folder.path().join("empty.png")).unwrap();
    let dataset = open(folder.path()).unwrap();
    let expected = ["a/deep/er/x.webp", "a/y.BMP", "b/10.png", "b/2.Png", "b.jpeg", "z.JPG"];
    assert_eq!(names(&dataset, folder.path()), expected);
}

#[test]
fn every_format_is_decoded() {
    let folder = pictures();
    let dataset = open(folder.path()).unwrap();
    assert_eq!(dataset.len(), 4);
    for (index, name) in FORMATS.iter().enumerate() {
        let picture = dataset.picture(index).unwrap();
        assert_eq!((picture.width(), picture.height()), (20, 10), "{name}");
        let corner = picture.to_rgb8().get_pixel(0, 0).0;
        let tolerance = if name.ends_with("jpg") { 60 } else { 0 };
        assert!(corner.iter().zip([0, 0, 90]).all(|(a, b)| a.abs_diff(b) <= tolerance), "{name} {corner:?}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_an_error_that_names_it() {
    let folder = pictures();
    let dataset = open(folder.path()).unwrap();
    for (index, name) in FORMATS.iter().enumerate() {
        let path = folder.path().join(name);
        let bytes = fs::read(&path).unwrap();
        for kept in [0, 1, 10, bytes.len() / 3, bytes.len() / 2, bytes.len() * 9 / 10] {
            fs::write(&path, &bytes[..kept]).unwrap();
            let error = dataset.picture(index).expect_err(&format!("{name}, {kept} of {}", bytes.len()));
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}

#[test]
fn a_file_that_is_no_image_or_is_gone_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["gone.png", "text.png"] {
        fs::write(folder.path().join(name), "this is no image").unwrap();
    }
    let dataset = open(folder.path()).unwrap();
    fs::remove_file(folder.path().join("gone.png")).unwrap();
    assert!(dataset.picture(0).unwrap_err().to_string().contains("gone.png"));
    assert!(dataset.picture(1).unwrap_err().to_string().contains("text.png"));
}

/// Reading it would never end.
#[cfg(unix)]
#[test]
fn a_device_among_the_images_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.png")).unwrap();
    let message = open(folder.path()).unwrap().picture(0).unwrap_err().to_string();
    assert!(message.contains("zero.png: this is a device or a pipe"), "{message}");
}

#[test]
fn the_content_decides_the_format() {
    let folder = pictures();
    fs::rename(folder.path().join("a.png"), folder.path().join("a.jpg")).unwrap();
    assert!(open(folder.path()).unwrap().picture(0).is_ok());
}

#[test]
fn without_images_the_error_names_the_folder_and_the_extensions() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "").unwrap();
    let message = open(folder.path()).unwrap_err().to_string();
    for part in [&folder.path().display().to_string(), ".png", ".jpg", ".jpeg", ".webp", ".bmp"] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    let missing = folder.path().join("missing");
    assert!(open(&missing).unwrap_err().to_string().contains("missing"));
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_loops_end() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = pictures();
    symlink(elsewhere.path(), folder.path().join("linked")).unwrap();
    symlink(folder.path(), elsewhere.path().join("loop")).unwrap();
    symlink(elsewhere.path(), folder.path().join("twice")).unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    let dataset = open(folder.path()).unwrap();
    let expected = FORMATS.map(|name| format!("linked/{name}"));
    assert_eq!(names(&dataset, folder.path()), expected);
}
