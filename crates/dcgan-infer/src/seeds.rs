//! Lists of seeds, as people write them.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// The most seeds of one list: their images are in memory at once.
pub const MAX_SEEDS: usize = 10_000;

/// Seeds in the order in which their images are drawn, one or more.
///
/// ```
/// use dcgan_infer::seeds::Seeds;
/// let seeds: Seeds = "3,7,10-12".parse()?;
/// assert_eq!(seeds.as_slice(), [3, 7, 10, 11, 12]);
/// assert_eq!(seeds.to_string(), "3, 7, 10 to 12");
/// # Ok::<(), dcgan_infer::seeds::SeedsError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(Vec<u64>);

/// A text is no list of seeds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedsError {
    /// A part is neither a number nor a range.
    #[error("expected whole numbers from 0 on and ranges of them, such as 3,7,10-19, found {0:?}")]
    Part(String),
    /// A range that ends before it begins.
    #[error("the range {0} ends before it begins")]
    Reversed(String),
    /// Too many.
    #[error("these are more than {MAX_SEEDS} seeds")]
    TooMany,
}

impl Seeds {
    /// The seeds `first`, `first + 1` and so on, after the largest one again from 0: `count` of them.
    pub fn from_first(first: u64, count: usize) -> Self {
        Self((0..count as u64).map(|k| first.wrapping_add(k)).collect())
    }

    /// The seeds in their order.
    pub fn as_slice(&self) -> &[u64] {
        &self.0
    }
}

impl FromStr for Seeds {
    type Err = SeedsError;

    fn from_str(text: &str) -> Result<Self, SeedsError> {
        let mut seeds = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (first, last) = range(part)?;
            if first > last {
                return Err(SeedsError::Reversed(part.to_owned()));
            }
            // The range is looked at before it is walked through: it may have 2^64 seeds.
            if last - first >= (MAX_SEEDS - seeds.len()) as u64 {
                return Err(SeedsError::TooMany);
            }
            seeds.extend(first..=last);
        }
        Ok(Self(seeds))
    }
}

fn range(part: &str) -> Result<(u64, u64), SeedsError> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().ok_or_else(|| SeedsError::Part(part.to_owned()))
    };
    Ok((number(first.trim())?, number(last.trim())?))
}

impl Display for Seeds {
    /// Consecutive seeds as `0 to 15`.
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let runs = self.0.chunk_by(|a, b| a.wrapping_add(1) == *b);
        for (k, run) in runs.enumerate() {
            let separator = if k > 0 { ", " } else { "" };
            match run {
                [only] => write!(f, "{separator}{only}")?,
                [first, .., last] => write!(f, "{separator}{first} to {last}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_order_with_repeats() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|seeds| seeds.0);
        assert_eq!(seeds("7"), Ok(vec![7]));
        assert_eq!(seeds("9, 3-5 ,3"), Ok(vec![9, 3, 4, 5, 3]));
        assert_eq!(seeds("18446744073709551614-18446744073709551615"), Ok(vec![u64::MAX - 1, u64::MAX]));
        assert_eq!(seeds("0-9999").map(|seeds| seeds.len()), Ok(10_000));
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_part() {
        let error = |text: &str| text.parse::<Seeds>().unwrap_err();
        for (text, part) in
            [("", ""), ("1,,2", ""), ("1,x", "x"), ("-3", "-3"), ("1-2-3", "1-2-3"), ("+1", "+1")]
        {
            assert_eq!(error(text), SeedsError::Part(part.to_owned()), "{text}");
        }
        assert_eq!(error("18446744073709551616"), SeedsError::Part("18446744073709551616".into()));
        assert_eq!(error("1,9-3"), SeedsError::Reversed("9-3".into()));
        for text in ["0-10000", "0-18446744073709551615", "0-9998,7,8"] {
            assert_eq!(error(text), SeedsError::TooMany, "{text}");
        }
    }

    #[test]
    fn consecutive_seeds_are_told_as_a_range_even_around_the_largest() {
        assert_eq!(Seeds::from_first(0, 16).to_string(), "0 to 15");
        assert_eq!(Seeds::from_first(7, 1).to_string(), "7");
        assert_eq!(Seeds::from_first(u64::MAX, 2).to_string(), "18446744073709551615 to 0");
    }
}
