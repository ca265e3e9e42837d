//! Folders as people have them: which files are read, and how.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dcgan_data::{
    Cache, DataError, Dataset, Folder, FolderConfig, Loader, LoaderConfig, check, epoch_batches,
};
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ImageEncoder, Luma, Rgb, RgbImage};
use tempfile::TempDir;

/// Writes an 8x8 image of one red, which is its number, in the format that `format` ends in.
fn image(folder: &Path, name: &str, number: u8, format: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let picture = RgbImage::from_pixel(8, 8, Rgb([number, 0, 0]));
    picture.save_with_format(path, image::ImageFormat::from_extension(format).unwrap()).unwrap();
}

fn file(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn open(folder: &Path) -> Folder {
    Folder::open(folder, FolderConfig::default()).unwrap()
}

/// The files' names from the folder on.
fn names(dataset: &Folder, folder: &Path) -> Vec<String> {
    let name = |index| dataset.path(index).strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
    (0..dataset.len()).map(name).collect()
}

/// A header that is whole, and half of the data.
fn half(folder: &Path, name: &str) {
    let path = folder.join(name);
    let bytes = fs::read(&path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

/// A GIF image of one pixel.
const GIF: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// Good images by number, broken ones, what is left out with a word and what without.
fn real_folder() -> TempDir {
    let root = TempDir::new().unwrap();
    let folder = root.path();
    for (name, number, format) in [
        ("IMG_0001.JPG", 10, "jpg"),
        ("IMG_0002.jpeg", 20, "jpg"),
        ("scan.jfif", 30, "jpg"),
        ("old.jpe", 40, "jpg"),
        ("b/10.Png", 50, "png"),
        ("b/2.png", 60, "png"),
        ("b/deep/er/pic.webp", 70, "webp"),
        ("c.BMP", 80, "bmp"),
        ("x.png/inside a folder.png", 90, "png"),
        ("Ünïcödé/日本 🐈.png", 100, "png"),
        ("two.dots.v1.png", 110, "png"),
        ("really a png.jpg", 120, "png"),
        ("cut.png", 1, "png"),
        ("cut.jpg", 2, "jpg"),
        // Passed over.
        (".hidden.png", 4, "png"),
        (".thumbnails/a.png", 5, "png"),
        ("__MACOSX/b/2.png", 6, "png"),
        ("@eaDir/IMG_0001.JPG/SYNOPHOTO_THUMB_XL.jpg", 7, "jpg"),
    ] {
        image(folder, name, number, format);
    }
    half(folder, "cut.png");
    half(folder, "cut.jpg");
    for name in ["gif named.jpg", "fun.gif"] {
        file(folder, name, GIF);
    }
    file(folder, "empty.png", b"");
    file(folder, "note.png", b"a text");
    for name in ["._IMG_0001.JPG", "b/._2.png"] {
        file(folder, name, &[&[0, 5, 0x16, 7, 0, 2, 0, 0][..], &[0; 4000]].concat());
    }
    for name in ["Thumbs.db", "desktop.ini", ".DS_Store", "notes.txt", "labels.csv", "no extension", "png"] {
        file(folder, name, b"no image");
    }
    for name in
        ["p.heic", "q.HEIC", "b/r.avif", "s.jxl", "t.tif", "u.tiff", "v.Gif", ".hidden.gif", "@eaDir/w.gif"]
    {
        file(folder, name, b"not looked at");
    }
    root
}

/// The images that are read, in order, each with its number; `None` for those that are broken.
const READ: [(&str, Option<u8>); 17] = [
    ("IMG_0001.JPG", Some(10)),
    ("IMG_0002.jpeg", Some(20)),
    ("b/10.Png", Some(50)),
    ("b/2.png", Some(60)),
    ("b/deep/er/pic.webp", Some(70)),
    ("c.BMP", Some(80)),
    ("cut.jpg", None),
    ("cut.png", None),
    ("empty.png", None),
    ("gif named.jpg", None),
    ("note.png", None),
    ("old.jpe", Some(40)),
    ("really a png.jpg", Some(120)),
    ("scan.jfif", Some(30)),
    ("two.dots.v1.png", Some(110)),
    ("x.png/inside a folder.png", Some(90)),
    ("Ünïcödé/日本 🐈.png", Some(100)),
];

#[test]
fn a_real_folder_is_read_as_people_see_it() {
    let root = real_folder();
    let dataset = open(root.path());
    assert_eq!(names(&dataset, root.path()), READ.map(|(name, _)| name));
    for (index, (name, number)) in READ.iter().enumerate() {
        let red = dataset.picture(index).ok().map(|picture| picture.to_rgb8().get_pixel(4, 4).0[0]);
        let near = |found: u8| number.is_some_and(|number| found.abs_diff(number) <= 2);
        assert!(red.map_or(number.is_none(), near), "{name}: {red:?}, expected {number:?}");
    }
    let unread = dataset.unread().unwrap();
    let expected = format!(
        "8 images are left out in {}, of kinds that are not read: 1 .avif, 2 .gif, 2 .heic, 1 .jxl, 1 .tif, 1 .tiff; \
         convert them to PNG or JPEG to use them",
        root.path().display()
    );
    assert_eq!(unread, expected);
}

/// What is planned from the check alone is what an epoch then has, and nothing is decoded or reported a second time.
#[test]
fn a_check_finds_what_is_broken_before_the_first_epoch() {
    let root = real_folder();
    let dataset: Arc<dyn Dataset> = Arc::new(open(root.path()));
    let config = LoaderConfig { size: 8, batch_size: 5, ..LoaderConfig::default() };
    let cache = Arc::new(Cache::new(dataset.len(), 1 << 20));
    let mut done = 0;
    let broken = check(dataset.as_ref(), &config, &cache, &mut |count| done = count).unwrap();
    assert_eq!(done, READ.len());
    let numbers: Vec<u32> = broken.iter().map(|broken| broken.image).collect();
    assert_eq!(numbers, [6, 7, 8, 9, 10]);
    let expected =
        ["cut off before its end", "cut.png", "found an empty file", "found Gif", "found something else"];
    for ((broken, part), (name, _)) in broken.iter().zip(expected).zip(&READ[6..]) {
        let reason = broken.reason.to_string();
        assert!(reason.contains(part) && reason.contains(name), "{reason}");
    }
    // From the cache alone: the files are gone.
    let usable = dataset.len() - broken.len();
    fs::remove_dir_all(root.path()).unwrap();
    let config = LoaderConfig { broken: numbers, ..config };
    let mut loader = Loader::start_with(dataset, cache, config).unwrap();
    for _ in 0..2 {
        let counts: Vec<usize> = (0..epoch_batches(usable, 5))
            .map(|_| loader.next_batch().unwrap())
            .map(|batch| if batch.broken.is_empty() { batch.count } else { 0 })
            .collect();
        assert_eq!(counts, [5, 5, 2]);
    }
}

#[test]
fn a_folder_of_nothing_that_is_read_says_what_was_found() {
    let root = TempDir::new().unwrap();
    for name in ["a.heic", "b.heic", "c.gif", ".d.png", "._e.jpg"] {
        file(root.path(), name, b"");
    }
    let error = Folder::open(root.path(), FolderConfig::default()).unwrap_err().to_string();
    assert!(error.contains(", found 1 .gif, 2 .heic, which are not read"), "{error}");
    assert!(error.contains(".png, .jpg, .jpeg, .jpe, .jfif, .webp, .bmp"), "{error}");
    file(root.path(), "f.png", b"");
    let dataset = open(root.path());
    let config = LoaderConfig::default();
    let error = check(&dataset, &config, &Cache::new(1, 0), &mut |_| {}).unwrap_err();
    assert!(matches!(error, DataError::AllBroken { count: 1, .. }), "{error}");
}

/// A folder that is given by name is read even if that name is hidden.
#[test]
fn the_folder_itself_may_be_hidden() {
    let root = TempDir::new().unwrap();
    image(root.path(), ".cache/a.png", 1, "png");
    assert_eq!(open(&root.path().join(".cache")).len(), 1);
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;
    let (root, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    image(elsewhere.path(), "there.png", 7, "png");
    image(root.path(), "a/here.png", 8, "png");
    symlink(elsewhere.path(), root.path().join("linked")).unwrap();
    symlink(root.path(), root.path().join("a/loop")).unwrap();
    symlink("itself.png", root.path().join("itself.png")).unwrap();
    symlink("a/here.png", root.path().join("again.png")).unwrap();
    symlink("nowhere", root.path().join("dangling.png")).unwrap();
    let dataset = open(root.path());
    let expected = ["a/here.png", "again.png", "dangling.png", "itself.png", "linked/there.png"];
    assert_eq!(names(&dataset, root.path()), expected);
    let good: Vec<usize> = (0..5).filter(|index| dataset.picture(*index).is_ok()).collect();
    assert_eq!(good, [0, 1, 4]);
}

/// EXIF data of nothing but an orientation: a TIFF header, one entry of tag 0x112, and no further directory.
fn exif(orientation: u8, is_big_endian: bool) -> Vec<u8> {
    match is_big_endian {
        true => {
            let header = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
            [&header[..], &[orientation], &[0; 6]].concat()
        }
        false => {
            let header = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
            [&header[..], &[orientation], &[0; 7]].concat()
        }
    }
}

/// The image of the reference, each of its pixels a block: JPEG's 8x8 blocks and halved colours keep these apart.
const BLOCK: u32 = 16;

fn write(path: &PathBuf, exif: Vec<u8>) {
    let picture = image::GrayImage::from_fn(3 * BLOCK, 2 * BLOCK, |x, y| {
        Luma([(40 * (y / BLOCK * 3 + x / BLOCK)).try_into().unwrap()])
    });
    let picture = DynamicImage::from(picture).to_rgb8();
    let mut file = fs::File::create(path).unwrap();
    let encode = |mut encoder: Box<dyn EncodeExif>| encoder.encode(exif, &picture);
    match path.extension().unwrap().to_str().unwrap() {
        "png" => encode(Box::new(Some(PngEncoder::new(&mut file)))),
        "jpg" => encode(Box::new(Some(JpegEncoder::new_with_quality(&mut file, 95)))),
        _ => encode(Box::new(Some(WebPEncoder::new_lossless(&mut file)))),
    }
}

/// `ImageEncoder` takes itself by value.
trait EncodeExif {
    fn encode(&mut self, exif: Vec<u8>, picture: &RgbImage);
}

impl<E: ImageEncoder> EncodeExif for Option<E> {
    fn encode(&mut self, exif: Vec<u8>, picture: &RgbImage) {
        let mut encoder = self.take().unwrap();
        encoder.set_exif_metadata(exif).unwrap();
        let (width, height) = picture.dimensions();
        encoder.write_image(picture, width, height, image::ExtendedColorType::Rgb8).unwrap();
    }
}

/// The numbers of the blocks, row by row, and how many there are in a row and in a column.
fn blocks(picture: &DynamicImage) -> Vec<u32> {
    let picture = picture.to_luma8();
    let (columns, rows) = (picture.width() / BLOCK, picture.height() / BLOCK);
    let number = |x: u32, y: u32| picture.get_pixel(x * BLOCK + BLOCK / 2, y * BLOCK + BLOCK / 2).0[0];
    let numbers = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
    let numbers = numbers.map(|(x, y)| (f32::from(number(x, y)) / 40.0).round() as u32);
    [columns, rows].into_iter().chain(numbers).collect()
}

/// `exif_reference.py` made the expected results, with Pillow.
#[test]
fn images_are_turned_as_pillow_turns_them_unless_that_is_off() {
    let mut cases = 0;
    for line in include_str!("exif_reference.txt").lines() {
        let numbers: Vec<u32> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let (orientation, expected) = (numbers[0], &numbers[1..]);
        let root = TempDir::new().unwrap();
        for (name, is_big_endian) in [("a.jpg", true), ("b.jpg", false), ("c.png", true), ("d.webp", false)] {
            write(&root.path().join(name), exif(orientation as u8, is_big_endian));
        }
        // Some programs begin the EXIF data as a JPEG file has to.
        write(&root.path().join("e.webp"), [b"Exif\0\0", &exif(orientation as u8, true)[..]].concat());
        let stored = Folder::open(root.path(), FolderConfig { no_exif_orientation: true }).unwrap();
        let turned = open(root.path());
        for (index, name) in names(&turned, root.path()).iter().enumerate() {
            let found = blocks(&turned.picture(index).unwrap());
            assert_eq!(found, expected, "{name}, orientation {orientation}");
            assert_eq!(blocks(&stored.picture(index).unwrap()), [3, 2, 0, 1, 2, 3, 4, 5], "{name}");
            cases += 1;
        }
    }
    assert_eq!(cases, 50);
}

/// EXIF data that are cut off or point out of themselves.
#[test]
fn damaged_exif_data_turn_nothing() {
    let root = TempDir::new().unwrap();
    let whole = exif(6, true);
    let mut outside = whole.clone();
    outside[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    for (number, data) in [&whole[..9], &whole[..15], b"MM", b"nonsense", &outside].into_iter().enumerate() {
        write(&root.path().join(format!("{number}.jpg")), data.to_vec());
        write(&root.path().join(format!("{number}.png")), data.to_vec());
    }
    let dataset = open(root.path());
    for index in 0..dataset.len() {
        assert_eq!(blocks(&dataset.picture(index).unwrap())[..2], [3, 2]);
    }
}

/// A header that promises more than can be had, and hardly anything behind it.
#[test]
fn a_picture_that_is_too_large_is_refused_by_its_header() {
    let root = TempDir::new().unwrap();
    let mut png = Vec::new();
    let one = [255; 3];
    PngEncoder::new(&mut png).write_image(&one, 1, 1, image::ExtendedColorType::Rgb8).unwrap();
    png[16..24].copy_from_slice(&[14_000_u32, 14_000].map(u32::to_be_bytes).concat());
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    file(root.path(), "poster.png", &png);
    let dataset = open(root.path());
    let error = dataset.picture(0).unwrap_err();
    assert!(matches!(error, DataError::TooLarge { width: 14_000, height: 14_000, .. }), "{error}");
    let expected = "poster.png: its 14000x14000 pixels take 561 MiB and may take 512 MiB";
    assert!(error.to_string().contains(expected), "{error}");
    fs::File::options()
        .write(true)
        .open(root.path().join("poster.png"))
        .unwrap()
        .set_len((512 << 20) + 1)
        .unwrap();
    let error = dataset.picture(0).unwrap_err();
    assert!(error.to_string().contains("poster.png: it has 513 MiB"), "{error}");
}
