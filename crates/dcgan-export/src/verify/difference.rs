//! How far a file's output is from what it should be.

use super::reference::Values;
use super::{Tolerance, VerifyError};
use crate::interpreter::{Array, Element};

/// The largest difference of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    /// Of values, absolute or, beyond 1, relative; of bytes, in levels. Infinite where either is NaN.
    pub value: f64,
    /// What was allowed.
    pub limit: f64,
    /// Whether bytes were compared.
    pub bytes: bool,
}

impl Difference {
    /// Whichever is nearer to its limit, or beyond it.
    pub(super) fn worse(self, other: Self) -> Self {
        // A difference of nothing has the limit 0, and is never the worse one.
        if self.limit == 0.0 || other.value * self.limit > self.value * other.limit { other } else { self }
    }
}

/// The difference of an output at some batch from the first samples of what is expected.
///
/// # Errors
/// [`VerifyError::Output`] if it is not there or of another shape, [`VerifyError::Difference`] if it is too far off.
pub(super) fn of(
    name: &str,
    found: &Array,
    expected: &[Values],
    batch: usize,
    half: bool,
    tolerance: &Tolerance,
) -> Result<Difference, VerifyError> {
    let wrong = |expected: String| VerifyError::Output {
        output: name.to_owned(),
        batch,
        found: format!("{:?} {:?}", found.element, found.shape),
        expected,
    };
    let Some(expected) = expected.iter().find(|values| values.name == name) else {
        return Err(wrong("an output of the network".to_owned()));
    };
    let order = order(&found.shape, batch, &expected.shape);
    let order = order.ok_or_else(|| wrong(format!("{:?} a sample", expected.shape)))?;
    let size = expected.shape.iter().product::<usize>().max(1);
    let samples = expected.values.chunks(size).cycle();
    let pairs = found.values.chunks(size).zip(samples).flat_map(|(found, expected)| {
        let order = &order;
        found.iter().enumerate().map(move |(index, found)| (f64::from(*found), expected[order.source(index)]))
    });
    let bytes = match found.element {
        Element::U8 => true,
        Element::F32 => false,
        _ => return Err(wrong("F32 or U8".to_owned())),
    };
    let apart = |(found, expected): (f64, f64)| match bytes {
        true => (found - level(expected)).abs(),
        false => (found - expected).abs() / expected.abs().max(1.0),
    };
    let value = pairs
        .map(apart)
        .fold(0.0, |worst: f64, value| worst.max(if value.is_nan() { f64::INFINITY } else { value }));
    let difference = Difference { value, limit: tolerance.limit(bytes, half), bytes };
    match difference.value <= difference.limit {
        true => Ok(difference),
        false => Err(VerifyError::Difference {
            output: name.to_owned(),
            batch,
            found: value,
            limit: difference.limit,
        }),
    }
}

/// A value in [-1, 1] as a level of 255, halves up.
fn level(value: f64) -> f64 {
    // Not `clamp` on a byte: NaN has to stay one.
    ((value + 1.0) * 127.5 + 0.5).floor().clamp(0.0, 255.0)
}

/// Where an element of the found sample is in the expected one.
enum Order {
    Same,
    /// Channels last, of this many channels and pixels.
    Last {
        channels: usize,
        pixels: usize,
    },
}

impl Order {
    fn source(&self, index: usize) -> usize {
        match self {
            Self::Same => index,
            Self::Last { channels, pixels } => index % channels * pixels + index / channels,
        }
    }
}

fn order(found: &[usize], batch: usize, expected: &[usize]) -> Option<Order> {
    let (first, sample) = found.split_first()?;
    match (sample, expected) {
        _ if *first != batch => None,
        _ if sample == expected => Some(Order::Same),
        ([h, w, c], [channels, height, width]) if (c, h, w) == (channels, height, width) => {
            Some(Order::Last { channels: *channels, pixels: height * width })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(values: Vec<f64>) -> Vec<Values> {
        vec![Values { name: "image", shape: vec![2, 1, 2], values }]
    }

    fn floats(found: Vec<f32>, expected: Vec<f64>) -> Result<Difference, VerifyError> {
        let found = Array::floats(&[1, 2, 1, 2], found);
        of("image", &found, &image(expected), 1, false, &Tolerance::default())
    }

    #[test]
    fn the_largest_difference_is_relative_beyond_one() {
        let found = floats(vec![0.5, 1000.01, 0.0, 0.0], vec![0.50003, 1000.0, 0.0, 0.0]).unwrap();
        assert!((found.value - 3e-5).abs() < 1e-7, "{found:?}");
        assert!(floats(vec![0.5, 0.0, 0.0, 0.0], vec![0.5002, 0.0, 0.0, 0.0]).is_err());
    }

    #[test]
    fn nan_is_an_infinite_difference_on_either_side() {
        let infinite = |result: Result<Difference, VerifyError>| match result {
            Err(VerifyError::Difference { found, .. }) => found == f64::INFINITY,
            _ => false,
        };
        assert!(infinite(floats(vec![f32::NAN, 0.0, 0.0, 0.0], vec![0.0; 4])));
        assert!(infinite(floats(vec![0.0; 4], vec![0.0, f64::NAN, 0.0, 0.0])));
        assert!(infinite(floats(vec![f32::NAN; 4], vec![f64::NAN; 4])));
        assert!(infinite(floats(vec![0.0, 0.0, 0.0, f32::INFINITY], vec![f64::INFINITY; 4])));
    }

    /// By hand: (0.25 + 1) * 127.5 = 159.375 is 159, and so on; channels last.
    #[test]
    fn bytes_may_be_one_level_off_in_either_layout() {
        let expected = image(vec![-1.0, 0.25, 0.0, 1.0]);
        let bytes = |shape: &[usize], values: [f32; 4]| {
            let found = Array { element: Element::U8, ..Array::floats(shape, values.to_vec()) };
            of("image", &found, &expected, 1, false, &Tolerance::default()).map(|found| found.value)
        };
        assert_eq!(bytes(&[1, 2, 1, 2], [0.0, 159.0, 128.0, 255.0]).unwrap(), 0.0);
        assert_eq!(bytes(&[1, 1, 2, 2], [0.0, 128.0, 159.0, 254.0]).unwrap(), 1.0);
        assert!(bytes(&[1, 1, 2, 2], [0.0, 159.0, 128.0, 255.0]).is_err());
        assert!(bytes(&[1, 2, 2, 1], [0.0, 159.0, 128.0, 255.0]).is_err(), "a shape of neither layout");
    }
}
