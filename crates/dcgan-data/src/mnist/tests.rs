//! Files of every wrong form, made here.

use std::fs;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn idx(magic: u32, count: u32, rows: u32, columns: u32, pixels: &[u8]) -> Vec<u8> {
    let header = [magic, count, rows, columns].map(u32::to_be_bytes).concat();
    [&header, pixels].concat()
}

/// Image `i` is `i` in its first pixel, `100 + i` at row 2, column 5, and 0 elsewhere.
fn images(count: u8) -> Vec<u8> {
    let image = |i: u8| {
        let mut pixels = [0; IMAGE as usize];
        (pixels[0], pixels[2 * 28 + 5]) = (i, 100 + i);
        pixels
    };
    idx(MAGIC, count.into(), 28, 28, &(0..count).flat_map(image).collect::<Vec<_>>())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn open(name: &str, bytes: &[u8]) -> Result<Mnist, DataError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    Mnist::open(Split::Train, folder.path())
}

/// Opening fails, as it is and gzipped, with a message of these parts and the file's name.
fn refuses(bytes: &[u8], parts: &[&str]) {
    for (name, bytes) in [(NAMES[0], bytes.to_vec()), (NAMES[1], gzip(bytes))] {
        let message = open(name, &bytes).unwrap_err().to_string();
        for part in parts.iter().chain(&[name]) {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
}

#[test]
fn images_are_found_under_every_name_compressed_or_not() {
    for folder in ["", "MNIST/raw/"] {
        for name in NAMES {
            for bytes in [images(3), gzip(&images(3))] {
                let dataset = open(&format!("{folder}{name}"), &bytes).unwrap();
                assert_eq!(dataset.len(), 3);
                let picture = dataset.picture(2).unwrap().into_luma8();
                assert_eq!(picture.dimensions(), (28, 28));
                // `get_pixel` takes x, the column, first.
                assert_eq!((picture.get_pixel(0, 0).0, picture.get_pixel(5, 2).0), ([2], [102]));
            }
        }
    }
}

#[test]
fn each_split_has_its_own_file() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(NAMES[0]), images(3)).unwrap();
    let message = Mnist::open(Split::Test, folder.path()).unwrap_err().to_string();
    assert!(message.contains("no MNIST files: expected t10k-images-idx3-ubyte or "), "{message}");
    fs::write(folder.path().join(TEST_NAMES[1]), gzip(&images(2))).unwrap();
    let lengths = [Split::Train, Split::Test].map(|split| Mnist::open(split, folder.path()).unwrap().len());
    assert_eq!(lengths, [3, 2]);
    fs::write(folder.path().join(TEST_NAMES[0]), b"").unwrap();
    let message = Mnist::open(Split::Test, folder.path()).unwrap_err().to_string();
    assert!(message.contains("put MNIST's t10k-images-idx3-ubyte there"), "{message}");
}

#[test]
fn a_header_of_another_form_is_refused() {
    refuses(b"", &["a header of 16 bytes", "an empty file"]);
    refuses(&images(1)[..15], &["a header of 16 bytes", "found 15"]);
    refuses(&idx(0x801, 5, 28, 28, &[0; 5]), &["0x00000803", "0x00000801", "labels"]);
    refuses(&idx(0x803_0000, 5, 28, 28, &[0; 5]), &["0x00000803", "0x08030000"]);
    refuses(&idx(MAGIC, 1, 28, 32, &[0; 28 * 32]), &["28x28", "32x28"]);
    refuses(&idx(MAGIC, 1, 14, 56, &[0; 14 * 56]), &["28x28", "56x14"]);
    refuses(&idx(MAGIC, 0, 28, 28, &[]), &["1 to 1000000 images", "0 in its header"]);
}

#[test]
fn a_count_that_lies_is_refused_and_nothing_of_that_size_reserved() {
    refuses(&idx(MAGIC, 3, 28, 28, &[0; 784]), &["2352 bytes", "declares 3 images", "found 784"]);
    refuses(&idx(MAGIC, 1_000_000, 28, 28, &[0; 784]), &["784000000 bytes", "found 784"]);
    refuses(&idx(MAGIC, u32::MAX, 28, 28, &[0; 784]), &["1 to 1000000 images", "4294967295"]);
}

#[test]
fn a_file_that_is_cut_off_or_goes_on_is_refused() {
    let whole = images(2);
    for kept in [16, 17, 800, whole.len() - 1] {
        refuses(&whole[..kept], &["1568 bytes", &format!("found {}", kept - 16)]);
    }
    refuses(&[&whole[..], b"x"].concat(), &["1568 bytes", "found more"]);
}

#[test]
fn a_damaged_gzip_file_is_refused() {
    let whole = gzip(&images(150));
    for kept in [2, 9, 12, whole.len() / 2, whole.len() - 1] {
        let message = open(NAMES[1], &whole[..kept]).unwrap_err().to_string();
        assert!(message.contains("a whole gzip file") && message.contains(NAMES[1]), "{message}");
    }
    // Its checksum, or bytes after it.
    let mut changed = whole.clone();
    *changed.iter_mut().rev().nth(5).unwrap() ^= 1;
    for bytes in [changed, [&whole[..], b"trailing"].concat()] {
        let message = open(NAMES[1], &bytes).unwrap_err().to_string();
        assert!(message.contains("a whole gzip file"), "{message}");
    }
}

#[test]
fn without_the_file_the_error_says_what_to_put_where() {
    let folder = tempfile::tempdir().unwrap();
    for data_dir in [folder.path().to_owned(), folder.path().join("missing")] {
        let message = Mnist::open(Split::Train, &data_dir).unwrap_err().to_string();
        for part in [&data_dir.display().to_string(), NAMES[0], NAMES[1], "MNIST/raw"] {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
}
