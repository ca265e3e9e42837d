//! The picture of a run's losses, `training_loss.png`: by step and by epoch.
//!
//! Each loss has a pale line through every step, and a strong one through the exponential moving average over a
//! fiftieth of the steps ([`MovingAverage`], unbiased from the first step on). A run of several epochs has a second
//! chart with their means. Colours are two of Okabe and Ito's palette, which colour-blind people tell apart.

use std::io;
use std::path::Path;

use dcgan_core::atomic::WriteError;
use dcgan_core::grid;
use image::RgbImage;
use plotters::prelude::{RGBColor, Rectangle};
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use crate::report::moving_average::MovingAverage;

mod axis;
mod canvas;
mod chart;
mod history;
mod stroke;

pub use canvas::DrawError;
pub use history::LossHistory;

use axis::Axis;
use canvas::{Area, INK, LOW, MARGIN, anchored, length, text};
use chart::{Chart, Pen, Words};

/// Width and height of the picture: twice those at which it is mostly shown, so that it is sharp there on any screen.
pub const SIZE: (u32, u32) = (1600, 1000);

const HEADER: u32 = 72;
const TITLE: u32 = 42;
const LEGEND: u32 = 34;
/// The upper chart's height where there are two.
const UPPER: u32 = 540;
/// The pixels along a horizontal axis, about.
const COLUMNS: usize = 1440;
/// Above so many epochs, dots would touch.
const MOST_DOTS: usize = 60;

/// One of the two losses, as the picture shows it.
struct Loss {
    name: &'static str,
    colour: RGBColor,
}

const LOSSES: [Loss; 2] = [
    Loss { name: "discriminator", colour: RGBColor(0, 114, 178) },
    Loss { name: "generator", colour: RGBColor(213, 94, 0) },
];

impl Loss {
    fn pale(&self) -> Pen {
        Pen { colour: self.colour, opacity: 0.3, thickness: 2 }
    }

    fn strong(&self) -> Pen {
        Pen { colour: self.colour, opacity: 1.0, thickness: 4 }
    }
}

/// Saves the picture as PNG, atomically; whether there is one: see [`draw`].
///
/// # Errors
/// [`WriteError`] names the path; an old file there is kept.
pub fn save(history: &LossHistory, path: &Path) -> Result<bool, WriteError> {
    let picture = draw(history)
        .map_err(|error| WriteError { path: path.to_owned(), source: io::Error::other(error.to_string()) })?;
    match picture {
        Some(picture) => grid::save_png(&picture.into(), path).map(|()| true),
        None => Ok(false),
    }
}

/// Draws the picture, [`SIZE`] large; none where neither loss has two finite values to draw a line through.
///
/// # Errors
/// If the drawing library fails.
pub fn draw(history: &LossHistory) -> Result<Option<RgbImage>, DrawError> {
    if !has_a_line(history.losses()) {
        return Ok(None);
    }
    let (epochs, means): (Vec<u64>, Vec<[f32; 2]>) = history.epochs().into_iter().unzip();
    let picture = canvas::picture(SIZE, |area| {
        let (head, body) = area.split_vertically(length(HEADER));
        header(&head)?;
        let axis = loss_axis(history.losses(), f64::INFINITY);
        if !has_a_line(&means) {
            return by_step(&body, history, axis);
        }
        let (upper, lower) = body.split_vertically(length(UPPER));
        // A mean beyond the steps' chart is that of an epoch with a spike.
        let axis_of_means = loss_axis(&means, axis.range.end);
        by_step(&upper, history, axis)?;
        by_epoch(&lower, &epochs, &means, axis_of_means)
    });
    picture.map(Some)
}

fn has_a_line(values: &[[f32; 2]]) -> bool {
    (0..2).any(|loss| values.iter().filter(|pair| pair[loss].is_finite()).nth(1).is_some())
}

/// The title, and which colour is whose.
fn header(area: &Area) -> Result<(), DrawError> {
    let (width, height) = area.dim_in_pixel();
    let middle = (height / 2) as i32;
    area.draw_text("Training loss", &anchored(text(TITLE, INK), HPos::Left), (length(MARGIN), middle))?;
    let style = anchored(text(LEGEND, INK), HPos::Right);
    let mut right = width as i32 - length(MARGIN);
    let line = middle - length(LOW);
    for loss in LOSSES.iter().rev() {
        area.draw_text(loss.name, &style, (right, middle))?;
        right -= area.estimate_text_size(loss.name, &style)?.0 as i32 + length(14);
        for (pen, half) in [(loss.pale(), length(11)), (loss.strong(), length(loss.strong().thickness) / 2)] {
            let corners = [(right - length(56), line - half), (right, line + half)];
            area.draw(&Rectangle::new(corners, pen.colour.mix(pen.opacity).filled()))?;
        }
        right -= length(56 + 40);
    }
    Ok(())
}

fn by_step(area: &Area, history: &LossHistory, y: Axis) -> Result<(), DrawError> {
    let span = (history.len() / 50).max(5);
    let words = Words {
        caption: format!("pale: each step, strong: moving average over about {span} steps"),
        remark: remark(&y, history.losses()),
        x: "step",
        y: "loss",
    };
    let mut numbers = history.steps().map(|(step, _)| step);
    let first = numbers.next().unwrap_or(0);
    let last = numbers.last().unwrap_or(first);
    let x = Axis::counting(first..last, (last - first) as f64 / 200.0);
    let chart = Chart::new(area, &words, x, y)?;
    for (i, loss) in LOSSES.iter().enumerate() {
        let points = history.steps().map(|(step, losses)| [step as f64, f64::from(losses[i])]);
        chart.line(points, loss.pale())?;
    }
    for (i, loss) in LOSSES.iter().enumerate() {
        let mut mean = MovingAverage::over(span);
        let points = history.steps().map(|(step, losses)| [step as f64, mean.add(losses[i])]);
        chart.line(points, loss.strong())?;
    }
    Ok(())
}

fn by_epoch(area: &Area, epochs: &[u64], means: &[[f32; 2]], y: Axis) -> Result<(), DrawError> {
    let words = Words {
        caption: "mean of each epoch".to_owned(),
        remark: remark(&y, means),
        x: "epoch",
        y: "mean loss",
    };
    let ends = [epochs.first(), epochs.last()].map(|epoch| epoch.copied().unwrap_or(0));
    let x = Axis::counting(ends[0]..ends[1], 0.5);
    let chart = Chart::new(area, &words, x, y)?;
    for (i, loss) in LOSSES.iter().enumerate() {
        let points = epochs.iter().zip(means).map(|(epoch, pair)| [*epoch as f64, f64::from(pair[i])]);
        chart.line(points.clone(), loss.strong())?;
        if epochs.len() <= MOST_DOTS {
            chart.dots(points, loss.colour)?;
        }
    }
    Ok(())
}

/// The axis that shows the values of both losses up to a ceiling: a pair for each place along the other axis.
fn loss_axis(pairs: &[[f32; 2]], ceiling: f64) -> Axis {
    let least = pairs.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f32::min);
    let column = pairs.len().div_ceil(COLUMNS).max(1);
    let peak = |pairs: &[[f32; 2]], loss: usize| {
        pairs.iter().map(|pair| pair[loss]).filter(|value| value.is_finite()).reduce(f32::max)
    };
    let peaks = pairs.chunks(column).flat_map(|pairs| [peak(pairs, 0), peak(pairs, 1)]);
    Axis::of_losses(f64::from(least), peaks.flatten().map(f64::from).collect(), ceiling)
}

/// What the chart does not show.
fn remark(axis: &Axis, pairs: &[[f32; 2]]) -> String {
    let count = |is_one: &dyn Fn(f32) -> bool| pairs.iter().flatten().filter(|value| is_one(**value)).count();
    let above = count(&|value| value.is_finite() && f64::from(value) > axis.range.end);
    let broken = count(&|value| !value.is_finite());
    let cut = axis.cut.map(|largest| match largest {
        ..1e5 => format!("off the chart: {above}, up to {largest:.1}"),
        _ => format!("off the chart: {above}, up to {largest:.1e}"),
    });
    let broken = (broken > 0).then(|| format!("not finite: {broken}"));
    cut.into_iter().chain(broken).collect::<Vec<_>>().join("; ")
}
