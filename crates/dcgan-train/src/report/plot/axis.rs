//! What an axis shows, and where its labels stand.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// An axis: what it shows, and the values that are labelled.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// From its first to its last value.
    pub range: Range<f64>,
    /// Round numbers of that range.
    pub ticks: Vec<f64>,
    /// The largest value, where the axis ends below it.
    pub cut: Option<f64>,
}

/// The share of the peaks that an axis may cut, if that gains enough: a spike must not flatten the rest.
const CUT_SHARE: f64 = 0.03;
/// By how much the largest value has to exceed the largest usual one.
const CUT_FROM: f64 = 1.5;

impl Axis {
    /// An axis of whole numbers with `margin` on either side.
    pub fn counting(range: Range<u64>, margin: f64) -> Self {
        let (first, last) = (range.start as f64, range.end as f64);
        let range = first - margin..last + margin;
        let step = round_step((last - first) / 9.0).max(1.0);
        Self { ticks: ticks(&range, step), range, cut: None }
    }

    /// An axis from zero (or the least value, if that is less) to the largest of `peaks`, the largest values of each
    /// column of pixels. It ends below those above `ceiling`, and where a few exceed the others by half, below those.
    ///
    /// It is linear, not logarithmic: the values of a balanced game can be read off, and the distance between two
    /// losses means the same everywhere.
    pub fn of_losses(least: f64, mut peaks: Vec<f64>, ceiling: f64) -> Self {
        peaks.sort_by(f64::total_cmp);
        let low = least.min(0.0);
        let largest = peaks.last().copied().unwrap_or(low);
        let usual = usual_peak(&peaks).filter(|peak| *peak > low).unwrap_or(largest);
        let limit = ceiling.min(low + CUT_FROM * (usual - low));
        let shown = peaks.iter().rev().copied().find(|peak| *peak <= limit).unwrap_or(largest);
        let high = low + 1.05 * (shown - low);
        let range = low..if high > low { high } else { low + 1.0 };
        let step = round_step((range.end - range.start) / 6.0);
        Self { ticks: ticks(&range, step), range, cut: (largest > shown).then_some(largest) }
    }

    /// Where a value stands, from 0 at the axis' start to 1 at its end.
    pub fn place(&self, value: f64) -> f64 {
        (value - self.range.start) / (self.range.end - self.range.start)
    }

    /// A value with the digits that tell the ticks apart.
    fn label(&self, value: f64) -> String {
        let step = self.ticks.windows(2).next().map_or(1.0, |pair| pair[1] - pair[0]);
        let size = self.range.end.abs().max(self.range.start.abs());
        let digits = (-step.log10()).ceil().max(0.0) as usize;
        let scientific = || format!("{value:.1e}").replace(".0e", "e");
        match size {
            _ if value == 0.0 && digits > 4 => "0".to_owned(),
            _ if value == 0.0 => format!("{value:.digits$}"),
            1e10.. => scientific(),
            1e7.. if step >= 1e6 => format!("{}M", value / 1e6),
            1e5.. if step >= 1e3 => format!("{}k", value / 1e3),
            _ if digits > 4 => scientific(),
            _ => format!("{value:.digits$}"),
        }
    }
}

impl Ranged for Axis {
    type ValueType = f64;
    type FormatOption = NoDefaultFormatting;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        start + (self.place(*value) * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.label(*value)
    }
}

/// The largest value once those that may be cut are left out.
fn usual_peak(sorted: &[f64]) -> Option<f64> {
    // So few values are easy to tell apart as they are.
    let cut = if sorted.len() < 20 { 0 } else { ((sorted.len() as f64 * CUT_SHARE) as usize).max(1) };
    sorted.len().checked_sub(1 + cut).map(|index| sorted[index])
}

/// The least of 1, 2, 5, 10, 20, 50, ... that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step);
    factor.unwrap_or(10.0) * power
}

/// The multiples of `step` in a range, which has a handful.
fn ticks(range: &Range<f64>, step: f64) -> Vec<f64> {
    let first = (range.start / step).ceil();
    (0..100).map(|i| (first + f64::from(i)) * step).take_while(|tick| *tick <= range.end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losses(least: f64, peaks: Vec<f64>) -> Axis {
        Axis::of_losses(least, peaks, f64::INFINITY)
    }

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|tick| axis.label(*tick)).collect()
    }

    #[test]
    fn labels_are_round_numbers() {
        assert_eq!(labels(&Axis::counting(1..2, 0.1)), ["1", "2"]);
        assert_eq!(labels(&Axis::counting(1..12, 0.5)), ["2", "4", "6", "8", "10", "12"]);
        assert_eq!(labels(&Axis::counting(1..40_000, 200.0))[..3], ["0", "5000", "10000"]);
        assert_eq!(labels(&Axis::counting(1..400_000, 9.0))[..3], ["0", "50k", "100k"]);
        assert_eq!(labels(&Axis::counting(1..40_000_000, 9.0))[7..], ["35M", "40M"]);
        assert_eq!(labels(&Axis::counting(400_001..400_004, 0.0))[..2], ["400001", "400002"]);
        assert_eq!(labels(&losses(0.5, vec![1.0, 2.0])), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
        assert_eq!(labels(&losses(0.0, vec![0.021])), ["0.000", "0.005", "0.010", "0.015", "0.020"]);
        assert_eq!(labels(&losses(-3.0, vec![4.0])), ["-2", "0", "2", "4"]);
        assert_eq!(labels(&losses(0.0, vec![1e30])), ["0", "2e29", "4e29", "6e29", "8e29", "1e30"]);
    }

    #[test]
    fn an_axis_of_nothing_has_a_length() {
        for peaks in [vec![], vec![0.0], vec![0.0; 100]] {
            assert_eq!(losses(0.0, peaks).range, 0.0..1.0);
        }
        assert!(!Axis::counting(u64::MAX - 1..u64::MAX, 0.0).ticks.is_empty());
    }

    #[test]
    fn few_peaks_are_cut_if_they_are_far_above_the_others() {
        let mut peaks = vec![2.0; 100];
        peaks[7] = 900.0;
        let axis = losses(0.0, peaks.clone());
        assert_eq!((axis.range.clone(), axis.cut), (0.0..2.1, Some(900.0)));
        assert_eq!(axis.place(1.05), 0.5);
        // The others are shown as they are, and a value near them is one of them.
        peaks[8] = 2.5;
        assert!((losses(0.0, peaks.clone()).range.end - 2.625).abs() < 1e-9);
        peaks[7] = 2.5;
        assert!((losses(0.0, peaks.clone()).range.end - 2.625).abs() < 1e-9);
        peaks[..10].fill(900.0);
        assert_eq!(losses(0.0, peaks).cut, None, "too many for spikes");
        assert_eq!(losses(0.0, vec![1.0, 900.0]).cut, None, "two steps are both shown");
        let axis = Axis::of_losses(0.0, vec![1.0, 900.0], 3.0);
        assert_eq!((axis.range, axis.cut), (0.0..1.05, Some(900.0)), "unless there is a ceiling");
    }
}
