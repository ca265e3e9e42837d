//! Resizing and cropping against torchvision: `resize_reference.py` made the expected bytes.

use dcgan_data::{DataError, ResizeCrop};
use image::{DynamicImage, GrayAlphaImage, GrayImage, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

/// `synthetic` of the Python script.
fn synthetic(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|c| {
            let noise = (x * x * 31 + y * 57 + x * y * (c + 3) * 13 + c * 91) % 256;
            let slopes = x * 255 / width * (c + 1) / 3;
            (if x * height > y * width { noise } else { slopes }) as u8
        }))
    })
}

fn fit(picture: impl Into<DynamicImage>, size: usize, channels: usize) -> Vec<u8> {
    ResizeCrop::new(size, channels).unwrap().fit(picture.into()).unwrap()
}

/// `[S, S, C]` of hexadecimal digits as `[C, S, S]`.
fn planes(hex: &str, channels: usize) -> Vec<u8> {
    let bytes: Vec<u8> =
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    (0..channels).flat_map(|c| bytes.iter().skip(c).step_by(channels).copied().collect::<Vec<_>>()).collect()
}

#[test]
fn results_are_torchvisions_to_within_one_level() {
    let mut cases = 0;
    for line in include_str!("resize_reference.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [mode, width, height, size, hex] = fields[..] else { panic!("{line}") };
        let channels = if mode == "L" { 1 } else { 3 };
        let picture = synthetic(width.parse().unwrap(), height.parse().unwrap());
        let found = fit(picture, size.parse().unwrap(), channels);
        let expected = planes(hex, channels);
        assert_eq!(found.len(), expected.len());
        let worst = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= 1, "{mode} {width}x{height} to {size}: a pixel is off by {worst}");
        let off = found.iter().zip(&expected).filter(|(a, b)| a != b).count();
        println!("{mode} {width}x{height} to {size}: {off} of {} bytes off by one", found.len());
        cases += 1;
    }
    assert_eq!(cases, 12);
}

#[test]
fn a_picture_of_the_right_size_is_unchanged() {
    let picture = synthetic(9, 9);
    let found = fit(picture.clone(), 9, 3);
    for (x, y, pixel) in picture.enumerate_pixels() {
        let at = (y * 9 + x) as usize;
        assert_eq!([found[at], found[81 + at], found[162 + at]], pixel.0);
    }
}

#[test]
fn gray_is_pillows_luma() {
    // Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0))
    for (colour, gray) in [
        ([255, 0, 0], 76),
        ([0, 255, 0], 150),
        ([0, 0, 255], 29),
        ([255, 255, 255], 255),
        ([1, 2, 3], 2),
        ([200, 100, 50], 124),
    ] {
        assert_eq!(fit(RgbImage::from_pixel(1, 1, Rgb(colour)), 1, 1), [gray], "{colour:?}");
    }
}

#[test]
fn gray_becomes_colour_and_stays_gray() {
    let gray = GrayImage::from_fn(2, 2, |x, y| Luma([(x * 100 + y * 7) as u8]));
    assert_eq!(fit(gray.clone(), 2, 1), [0, 100, 7, 107]);
    assert_eq!(fit(gray, 2, 3), [0, 100, 7, 107].repeat(3));
}

#[test]
fn alpha_is_dropped() {
    let clear = RgbaImage::from_pixel(4, 4, Rgba([10, 20, 30, 0]));
    assert_eq!(fit(clear, 1, 3), [10, 20, 30]);
    assert_eq!(fit(GrayAlphaImage::from_pixel(4, 4, LumaA([77, 0])), 1, 1), [77]);
}

#[test]
fn extreme_proportions_need_no_more_memory_than_others() {
    // Resized as a whole this would be 64x6,400,000.
    let column = RgbImage::from_fn(1, 100_000, |_, y| Rgb([if y < 50_000 { 0 } else { 200 }; 3]));
    let found = fit(column, 64, 3);
    // The 64 rows show one pixel of the source, half of it above the edge: row 0 is 1/128 of the way across.
    assert_eq!((found[0], found[64 * 64 - 1]), (2, 198));
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    for (size, channels) in [(0, 3), (5000, 3), (64, 0), (64, 2), (64, 4)] {
        assert!(
            matches!(ResizeCrop::new(size, channels), Err(DataError::Setting { .. })),
            "{size} {channels}"
        );
    }
    let error = ResizeCrop::new(8, 3).unwrap().fit(RgbImage::new(0, 5).into()).unwrap_err();
    assert!(error.to_string().contains("0x5"), "{error}");
}
