//! Scaling to another network's images against Pillow's resizing of floats: `scale_reference.py` made the expected values.

use dcgan_data::{DataError, Scaler};

/// Byte `i` of the script's images.
fn image(len: usize) -> Vec<u8> {
    (0..len).map(|i| ((i * i * 31 + i * 57) % 256) as u8).collect()
}

#[test]
fn results_are_pillows() {
    let mut cases = 0;
    for line in include_str!("scale_reference.txt").lines() {
        let numbers: Vec<f32> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        let (sizes, expected) = numbers.split_at(6);
        let [from, to] = [0, 3].map(|at| [0, 1, 2].map(|axis| sizes[at + axis] as usize));
        let found = Scaler::new(from, to).unwrap().scale(&image(from.iter().product()));
        assert_eq!(found.len(), expected.len(), "{from:?} to {to:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-3, "{from:?} to {to:?}: {found}, expected {expected}");
        }
        cases += 1;
    }
    assert_eq!(cases, 6);
}

#[test]
fn an_image_of_the_right_form_is_unchanged_and_gray_is_repeated() {
    let bytes = image(4 * 5);
    let floats: Vec<f32> = bytes.iter().copied().map(f32::from).collect();
    assert_eq!(Scaler::new([1, 4, 5], [1, 4, 5]).unwrap().scale(&bytes), floats);
    assert_eq!(Scaler::new([1, 4, 5], [3, 4, 5]).unwrap().scale(&bytes), floats.repeat(3));
}

#[test]
fn what_cannot_be_scaled_is_refused() {
    for (from, to) in
        [([2, 8, 8], [3, 8, 8]), ([3, 8, 8], [4, 8, 8]), ([3, 8, 8], [3, 0, 8]), ([3, 8, 8], [3, 8, 5000])]
    {
        assert!(matches!(Scaler::new(from, to), Err(DataError::Setting { .. })), "{from:?} {to:?}");
    }
}
