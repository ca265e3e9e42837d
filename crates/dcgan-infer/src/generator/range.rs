//! Which values stand for black and white.

use std::fmt;
use std::str::FromStr;

/// The lowest and the highest value of a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueRange {
    low: f32,
    high: f32,
}

/// Who says what the range is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeSource {
    /// [`GeneratorConfig::value_range`](super::GeneratorConfig::value_range), the flag `--value-range`.
    Config,
    /// The file's metadata.
    File,
    /// The output's type, bytes.
    Type,
    /// Nobody: a generator that ends in tanh is assumed.
    Assumed,
}

/// A text is no [`ValueRange`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the lowest and the highest value, such as -1,1 or 0,255, found {0:?}")]
pub struct RangeError(String);

impl ValueRange {
    /// The range of tanh.
    pub const SIGNED: Self = Self { low: -1.0, high: 1.0 };
    /// The range of probabilities, and of PyTorch's `ToTensor`.
    pub const UNIT: Self = Self { low: 0.0, high: 1.0 };
    /// The range of bytes.
    pub const BYTES: Self = Self { low: 0.0, high: 255.0 };

    /// The range from `low` to `high`; `None` unless both are finite and `low` is the lower one.
    pub fn new(low: f32, high: f32) -> Option<Self> {
        (low < high && (high - low).is_finite()).then_some(Self { low, high })
    }

    /// A value of this range as one of [-1, 1]; values outside stay outside. In [`ValueRange::SIGNED`] each is itself.
    pub fn normalize(self, value: f32) -> f32 {
        (value - self.middle()) / self.half()
    }

    /// The value that [`normalize`](Self::normalize) makes `value` of.
    pub fn denormalize(self, value: f32) -> f32 {
        value * self.half() + self.middle()
    }

    fn middle(self) -> f32 {
        (self.low + self.high) / 2.0
    }

    fn half(self) -> f32 {
        (self.high - self.low) / 2.0
    }
}

impl FromStr for ValueRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let numbers = text.split_once(',').and_then(|(low, high)| {
            let number = |text: &str| text.trim().parse().ok();
            Some((number(low)?, number(high)?))
        });
        numbers.and_then(|(low, high)| Self::new(low, high)).ok_or_else(|| RangeError(text.to_owned()))
    }
}

impl fmt::Display for ValueRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use dcgan_core::{metadata, pixels};

    use super::*;

    #[test]
    fn every_byte_and_every_value_of_tanh_stays_what_it_is() {
        for byte in 0..=255u8 {
            assert_eq!(pixels::to_u8(ValueRange::BYTES.normalize(f32::from(byte))), byte);
        }
        for value in [-1.0, -0.3, -0.0, 1e-30, 0.1, 0.999_999_9, 1.0, 7.0] {
            assert_eq!(ValueRange::SIGNED.normalize(value).to_bits(), f32::to_bits(value));
        }
        let unit = ValueRange::new(0.0, 1.0).unwrap();
        assert_eq!([0.0, 0.25, 1.0, 2.0].map(|value| unit.normalize(value)), [-1.0, -0.5, 1.0, 3.0]);
        assert_eq!(unit.denormalize(-0.5), 0.25);
    }

    #[test]
    fn a_range_is_two_numbers_the_lower_one_first() {
        assert_eq!(metadata::VALUE_RANGE_SIGNED.parse(), Ok(ValueRange::SIGNED));
        assert_eq!(" 0 , 255.0 ".parse(), Ok(ValueRange::BYTES));
        assert_eq!(ValueRange::SIGNED.to_string(), metadata::VALUE_RANGE_SIGNED);
        for bad in ["", "1", "1,1", "1,-1", "0,inf", "nan,1", "-3e38,3e38", "0,1,2", "a,b", "--layout"] {
            let error = bad.parse::<ValueRange>().unwrap_err().to_string();
            assert!(error.ends_with(&format!("found {bad:?}")), "{error}");
        }
    }
}
