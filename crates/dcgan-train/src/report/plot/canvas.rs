//! The surface that is drawn on: colours, type and their sizes.

use std::sync::Once;

use image::RgbImage;
use image::imageops;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::FontStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Everything is drawn this much larger and then scaled down: smooth edges.
const OVERSAMPLING: u32 = 2;
const FONT: &str = "DejaVu Sans";

/// A part of the picture under work.
pub type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
/// A shape or a text could not be drawn.
pub type DrawError = DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

/// Text and axes.
pub const INK: RGBColor = RGBColor(38, 38, 38);
/// Remarks.
pub const PALE_INK: RGBColor = RGBColor(89, 89, 89);
/// The lines behind the data.
pub const GRID: RGBColor = RGBColor(222, 222, 222);

/// Free space at the left and right edge, in pixels of the finished picture.
pub const MARGIN: u32 = 44;
/// By how much the library draws text too high.
pub const LOW: u32 = 5;

/// A length in pixels of the finished picture, as drawn.
pub fn length(pixels: u32) -> i32 {
    (pixels * OVERSAMPLING) as i32
}

/// Text of a height in pixels of the finished picture.
pub fn text(height: u32, colour: RGBColor) -> TextStyle<'static> {
    (FONT, length(height)).into_font().color(&colour)
}

/// The same, placed by the middle of its left or right end.
pub fn anchored(style: TextStyle<'static>, end: HPos) -> TextStyle<'static> {
    style.pos(Pos::new(end, VPos::Center))
}

/// A white picture of `size` that `fill` draws on.
pub fn picture(
    size: (u32, u32),
    fill: impl FnOnce(&Area) -> Result<(), DrawError>,
) -> Result<RgbImage, DrawError> {
    register_font();
    let (width, height) = (size.0 * OVERSAMPLING, size.1 * OVERSAMPLING);
    let mut large = RgbImage::from_pixel(width, height, image::Rgb([255; 3]));
    {
        let area = BitMapBackend::with_buffer(&mut large, (width, height)).into_drawing_area();
        fill(&area)?;
        area.present()?;
    }
    Ok(imageops::thumbnail(&large, size.0, size.1))
}

/// The font is part of the program: a machine that trains may have none.
fn register_font() {
    static ONCE: Once = Once::new();
    // An unusable font shows when text is drawn with it.
    ONCE.call_once(|| drop(plotters::style::register_font(FONT, FontStyle::Normal, dejavu::sans::regular())));
}
