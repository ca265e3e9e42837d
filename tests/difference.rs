//! How far apart two engines' images are.

use ndarray::ArrayView4;

/// The largest absolute difference between two batches of images `[N, C, H, W]`, infinite where a value is not a
/// number in either: an engine that gives NaN is as wrong as can be.
///
/// # Panics
/// If the shapes differ.
pub fn largest_difference(a: ArrayView4<f32>, b: ArrayView4<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    a.iter().zip(b).fold(0.0, |most, (a, b)| f32::max(most, distance(*a, *b)))
}

/// `f32::max` takes the other number where one is NaN, so NaN has to become a number that counts.
fn distance(a: f32, b: f32) -> f32 {
    let distance = (a - b).abs();
    if distance.is_nan() { f32::INFINITY } else { distance }
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    fn image(values: [f32; 3]) -> Array4<f32> {
        Array4::from_shape_vec((1, 1, 1, 3), values.to_vec()).unwrap()
    }

    fn between(a: [f32; 3], b: [f32; 3]) -> f32 {
        largest_difference(image(a).view(), image(b).view())
    }

    #[test]
    fn the_largest_counts_whatever_its_sign_and_place() {
        assert_eq!(between([0.0, 0.5, 1.0], [0.0, 0.25, 1.0]), 0.25);
        assert_eq!(between([0.0, 0.25, -1.0], [0.5, 0.5, -1.0]), 0.5);
        assert_eq!(between([1.0, -1.0, 0.0], [1.0, -1.0, 0.0]), 0.0);
    }

    #[test]
    fn not_a_number_is_infinitely_far() {
        for place in 0..3 {
            let (good, mut bad) = ([0.1, 0.2, 0.3], [0.1, 0.2, 0.3]);
            bad[place] = f32::NAN;
            assert_eq!(between(good, bad), f32::INFINITY, "at {place}");
            assert_eq!(between(bad, good), f32::INFINITY, "at {place}");
            assert_eq!(between(bad, bad), f32::INFINITY, "at {place}");
        }
        assert_eq!(between([f32::INFINITY; 3], [f32::INFINITY; 3]), f32::INFINITY);
    }
}
