//! One chart of the picture: axes, grid, lines.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Area, DrawError, GRID, INK, LOW, MARGIN, PALE_INK, anchored, length, text};
use super::stroke::stroke;

// Pixels of the finished picture.
const CAPTION: u32 = 50;
/// From the edge to the middle of the vertical axis' name.
const LEFT: u32 = 30;
const LABELS_LEFT: u32 = 130;
const LABELS_BELOW: u32 = 82;
const TICK: u32 = 6;
const TEXT: u32 = 32;
/// Smaller: the longest caption and the longest remark have to fit side by side.
const CAPTION_TEXT: u32 = 28;
const DOT: u32 = 7;

/// What a chart says beside its lines.
pub struct Words {
    /// Above it, on the left.
    pub caption: String,
    /// Above it, on the right.
    pub remark: String,
    /// Below its horizontal axis.
    pub x: &'static str,
    /// Beside its vertical axis.
    pub y: &'static str,
}

/// How a line looks.
#[derive(Clone, Copy)]
pub struct Pen {
    /// Its colour.
    pub colour: RGBColor,
    /// From 0, invisible, to 1.
    pub opacity: f64,
    /// In pixels of the finished picture.
    pub thickness: u32,
}

/// A chart that waits for its lines.
pub struct Chart<'a> {
    plane: Area<'a>,
    x: Axis,
    y: Axis,
}

impl<'a> Chart<'a> {
    /// Draws everything but the lines.
    pub fn new(area: &Area<'a>, words: &Words, x: Axis, y: Axis) -> Result<Self, DrawError> {
        let (head, body) = area.split_vertically(length(CAPTION));
        caption(&head, words)?;
        let mut chart = ChartBuilder::on(&body)
            .margin_left(length(LEFT))
            .margin_right(length(MARGIN))
            .x_label_area_size(length(LABELS_BELOW))
            .y_label_area_size(length(LABELS_LEFT))
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(length(1) as u32))
            .axis_style(INK.stroke_width(length(1) as u32))
            .set_all_tick_mark_size(length(TICK))
            .label_style(text(TEXT, INK))
            .y_label_offset(length(LOW))
            .x_desc(words.x)
            .y_desc(words.y)
            .draw()?;
        Ok(Self { plane: chart.plotting_area().strip_coord_spec(), x, y })
    }

    /// Draws a line through points in the axes' units, x rising. Where a value is not finite, it is interrupted;
    /// what lies above or below the axis is left out.
    pub fn line(&self, points: impl Iterator<Item = [f64; 2]>, pen: Pen) -> Result<(), DrawError> {
        let (width, height) = self.plane.dim_in_pixel();
        let places = points.map(|point| self.place(point));
        let covered = stroke(places, f64::from(length(pen.thickness)), width as usize);
        let style = ShapeStyle::from(pen.colour.mix(pen.opacity));
        for (x, (top, bottom)) in (0..).zip(covered) {
            let (top, bottom) = (top.max(0.0), bottom.min(f64::from(height)));
            if top < bottom {
                let (first, end) = (top.round() as i32, bottom.round() as i32);
                self.plane.draw(&PathElement::new([(x, first), (x, first.max(end - 1))], style))?;
            }
        }
        Ok(())
    }

    /// Draws a dot at each point that lies within the axes.
    pub fn dots(&self, points: impl Iterator<Item = [f64; 2]>, colour: RGBColor) -> Result<(), DrawError> {
        let height = f64::from(self.plane.dim_in_pixel().1);
        for [x, y] in points.map(|point| self.place(point)).filter(|[_, y]| (0.0..=height).contains(y)) {
            let centre = (x.round() as i32, y.round() as i32);
            self.plane.draw(&Circle::new(centre, length(DOT), colour.filled()))?;
        }
        Ok(())
    }

    /// Where a point stands, in pixels from the upper left corner.
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let (width, height) = self.plane.dim_in_pixel();
        [self.x.place(x) * f64::from(width), (1.0 - self.y.place(y)) * f64::from(height)]
    }
}

fn caption(area: &Area, words: &Words) -> Result<(), DrawError> {
    let (width, height) = area.dim_in_pixel();
    let middle = (height / 2) as i32;
    let left = length(LEFT + LABELS_LEFT);
    area.draw_text(&words.caption, &anchored(text(CAPTION_TEXT, INK), HPos::Left), (left, middle))?;
    let right = width as i32 - length(MARGIN);
    area.draw_text(&words.remark, &anchored(text(CAPTION_TEXT, PALE_INK), HPos::Right), (right, middle))
}
