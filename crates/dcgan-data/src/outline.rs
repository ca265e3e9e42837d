//! Signed distances to the outlines of simple figures.
//!
//! Points are `(x, y)` with y upwards; each figure about fills the unit circle. A distance is negative inside,
//! and right near the outline, where antialiasing needs it; far from it some are only a lower bound.

use std::f32::consts::{PI, TAU};

/// A point of the plane.
pub(crate) type Point = (f32, f32);

/// The figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outline {
    Circle,
    Ring,
    Heart,
    Cross,
    Star,
}

/// Every figure that is drawn, equally often: few enough, and different enough, for a small network to learn each
/// within minutes.
pub(crate) const OUTLINES: [Outline; 5] =
    [Outline::Circle, Outline::Ring, Outline::Heart, Outline::Cross, Outline::Star];

impl Outline {
    /// The signed distance from a point.
    pub(crate) fn distance(self, p: Point) -> f32 {
        match self {
            Self::Circle => circle(p, 0.9),
            Self::Ring => (length(p) - 0.72).abs() - 0.23,
            Self::Heart => heart(p),
            Self::Cross => rectangle(p, (0.95, 0.34)).min(rectangle(p, (0.34, 0.95))),
            Self::Star => star(p),
        }
    }
}

fn length((x, y): Point) -> f32 {
    (x * x + y * y).sqrt()
}

fn circle(p: Point, radius: f32) -> f32 {
    length(p) - radius
}

fn rectangle((x, y): Point, half: Point) -> f32 {
    let (x, y) = (x.abs() - half.0, y.abs() - half.1);
    length((x.max(0.0), y.max(0.0))) + x.max(y).min(0.0)
}

/// A square on its corner, with a half circle on each of its upper sides.
fn heart((x, y): Point) -> f32 {
    const HALF_DIAGONAL: f32 = 0.78;
    const CENTRE: f32 = HALF_DIAGONAL / 2.0;
    let (x, y) = (x.abs(), y + 0.1);
    let square = (x + y.abs() - HALF_DIAGONAL) * std::f32::consts::FRAC_1_SQRT_2;
    square.min(circle((x - CENTRE, y - CENTRE), CENTRE * std::f32::consts::SQRT_2))
}

/// Five points at a distance of 1 from the centre, the corners between them at 0.45.
fn star(p: Point) -> f32 {
    const INNER: f32 = 0.45;
    const CORNER: f32 = PI / 5.0;
    let (x, y) = into_wedge(p);
    let edge = (INNER * libm::cosf(CORNER) - 1.0, INNER * libm::sinf(CORNER));
    ((x - 1.0) * edge.1 - y * edge.0) / length(edge)
}

/// Turns and mirrors a point into the first of ten equal sectors, so that the star needs its outline only there: from
/// the positive x axis, where a point of it lies, up to an angle of pi / 5.
fn into_wedge((x, y): Point) -> Point {
    const SECTOR: f32 = TAU / 5.0;
    // Measured from the y axis, so that the star stands upright.
    let angle = libm::atan2f(x, y);
    let folded = (angle - SECTOR * libm::roundf(angle / SECTOR)).abs();
    let radius = length((x, y));
    (radius * libm::cosf(folded), radius * libm::sinf(folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_cover_their_middle_and_end_within_the_frame() {
        for outline in OUTLINES {
            let has_hole = matches!(outline, Outline::Ring);
            let centre = if has_hole { (0.72, 0.0) } else { (-0.4, 0.0) };
            assert!(outline.distance(centre) < 0.0, "{outline:?} does not cover {centre:?}");
            for step in 0..64 {
                let angle = step as f32 * TAU / 64.0;
                let p = (1.1 * angle.cos(), 1.1 * angle.sin());
                assert!(outline.distance(p) > 0.0, "{outline:?} reaches {p:?}");
            }
        }
    }

    #[test]
    fn distances_change_by_one_per_unit_across_the_outline() {
        for outline in OUTLINES {
            // Leftwards from a point inside to the first crossing.
            let mut x = -0.4;
            while outline.distance((x, 0.02)) < 0.0 {
                x -= 0.001;
            }
            let slope = |dx: f32, dy: f32| {
                (outline.distance((x + dx, 0.02 + dy)) - outline.distance((x - dx, 0.02 - dy))) / 0.002
            };
            let gradient = length((slope(0.001, 0.0), slope(0.0, 0.001)));
            assert!((gradient - 1.0).abs() < 0.02, "{outline:?} has slope {gradient} at x = {x}");
        }
    }
}
