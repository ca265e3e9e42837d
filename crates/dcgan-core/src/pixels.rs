//! The one definition of how values in [-1, 1] and bytes stand for each other.

/// A value in [-1, 1] as a byte: -1 is 0, 1 is 255, rounded to nearest, clamped; NaN is 0.
///
/// PyTorch equivalent: `((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)`.
///
/// ```
/// use dcgan_core::pixels::to_u8;
/// assert_eq!([-1.0, 0.0, 1.0, 7.0].map(to_u8), [0, 128, 255, 255]);
/// ```
pub fn to_u8(value: f32) -> u8 {
    // Half away from zero and half to even agree here but for exact halves; 127.5 (value 0) goes to 128 in both.
    ((value + 1.0) * 127.5).round() as u8
}

/// A byte as a value in [-1, 1]; [`to_u8`] takes each of the 256 back to itself.
///
/// PyTorch equivalent: `ToTensor()` and `Normalize(0.5, 0.5)`.
pub fn from_u8(byte: u8) -> f32 {
    f32::from(byte) / 127.5 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_there_and_back() {
        for byte in 0..=255 {
            assert_eq!(to_u8(from_u8(byte)), byte);
        }
        assert_eq!((from_u8(0), from_u8(255)), (-1.0, 1.0));
    }

    #[test]
    fn values_outside_are_clamped() {
        assert_eq!([-9.0, 9.0, f32::NAN, f32::INFINITY].map(to_u8), [0, 255, 0, 255]);
    }
}
