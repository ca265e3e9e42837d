//! MNIST, gray and small, as images of every network. The digits are drawn here: no file of MNIST is needed.

use std::fs;
use std::io::Write;
use std::path::Path;

use dcgan_data::{Dataset, Mnist, ResizeCrop, Split};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

const SIDE: usize = 28;

/// The segments of each digit: top, upper left and right, middle, lower left and right, bottom.
const DIGITS: [[u8; 7]; 10] = [
    [1, 1, 1, 0, 1, 1, 1],
    [0, 0, 1, 0, 0, 1, 0],
    [1, 0, 1, 1, 1, 0, 1],
    [1, 0, 1, 1, 0, 1, 1],
    [0, 1, 1, 1, 0, 1, 0],
    [1, 1, 0, 1, 0, 1, 1],
    [1, 1, 0, 1, 1, 1, 1],
    [1, 0, 1, 0, 0, 1, 0],
    [1, 1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 0, 1, 1],
];

/// Rows and columns of the segments.
const SEGMENTS: [(std::ops::Range<usize>, std::ops::Range<usize>); 7] = [
    (4..7, 9..19),
    (4..15, 8..11),
    (4..15, 17..20),
    (13..16, 9..19),
    (14..24, 8..11),
    (14..24, 17..20),
    (21..24, 9..19),
];

fn digit(digit: usize) -> Vec<u8> {
    let is_lit = |row: usize, column: usize| {
        let segments = SEGMENTS.iter().zip(DIGITS[digit]);
        segments.filter(|(_, on)| *on == 1).any(|((r, c), _)| r.contains(&row) && c.contains(&column))
    };
    (0..SIDE * SIDE).map(|i| if is_lit(i / SIDE, i % SIDE) { 255 } else { 0 }).collect()
}

/// An IDX file of the digits from 0 on, gzipped.
fn write_digits(path: &Path, count: usize) {
    let header = [0x803, count as u32, 28, 28].map(u32::to_be_bytes).concat();
    let pixels: Vec<u8> = (0..count).flat_map(|i| digit(i % 10)).collect();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&[header, pixels].concat()).unwrap();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, encoder.finish().unwrap()).unwrap();
}

/// Averages of 4x4 cells of an image, whatever its size.
fn cells(plane: &[u8], side: usize) -> Vec<f64> {
    let cell = |i: usize| {
        let range = |k: usize| k * side / 4..(k + 1) * side / 4;
        let pixels: Vec<f64> = range(i / 4)
            .flat_map(|row| range(i % 4).map(move |column| f64::from(plane[row * side + column])))
            .collect();
        pixels.iter().sum::<f64>() / pixels.len() as f64
    };
    (0..16).map(cell).collect()
}

#[test]
fn digits_keep_their_form_at_every_size_and_gray_becomes_colour() {
    let folder = TempDir::new().unwrap();
    write_digits(&folder.path().join("train-images-idx3-ubyte.gz"), 20);
    let dataset = Mnist::open(Split::Train, folder.path()).unwrap();
    assert_eq!(dataset.len(), 20);
    for (size, channels) in [(28, 1), (32, 1), (32, 3), (64, 1), (64, 3)] {
        let mut fitter = ResizeCrop::new(size, channels).unwrap();
        for index in 0..dataset.len() {
            let bytes = fitter.fit(dataset.picture(index).unwrap()).unwrap();
            let planes: Vec<&[u8]> = bytes.chunks(size * size).collect();
            assert_eq!(planes.len(), channels);
            assert!(planes.iter().all(|plane| *plane == planes[0]), "digit {index} is not gray");
            let expected = cells(&digit(index % 10), SIDE);
            for (found, expected) in cells(planes[0], size).iter().zip(&expected) {
                assert!((found - expected).abs() < 8.0, "digit {index} at {size}: {found} and {expected}");
            }
        }
    }
}
