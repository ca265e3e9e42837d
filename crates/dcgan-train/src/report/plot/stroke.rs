//! Lines, column of pixels by column.

/// The rows that a line covers in one column, with parts of rows; the first above the last where it covers none.
pub type Rows = (f64, f64);

/// What the pen of a square tip, `thickness` pixels wide, covers in each of `columns` when it goes along `points` (x
/// and y in pixels, x rising). A point whose y is not finite lifts the pen.
///
/// However many points fall into a column, it keeps the lowest and the highest row alone: drawing a long run costs
/// no more than a short one. And as no pixel is covered twice, a pale line is as pale where it turns.
pub fn stroke(points: impl Iterator<Item = [f64; 2]>, thickness: f64, columns: usize) -> Vec<Rows> {
    let mut covered = vec![(f64::INFINITY, f64::NEG_INFINITY); columns];
    let mut before = None;
    for point in points {
        if !point[1].is_finite() {
            before = None;
            continue;
        }
        let from = before.replace(point).unwrap_or(point);
        segment(&mut covered, from, point, thickness / 2.0);
    }
    covered
}

fn segment(covered: &mut [Rows], [x0, y0]: [f64; 2], [x1, y1]: [f64; 2], half: f64) {
    let slope = if x1 > x0 { (y1 - y0) / (x1 - x0) } else { 0.0 };
    // Casts saturate: what lies left of the first column begins there.
    let first = (x0 - half) as usize;
    let end = ((x1 + half).ceil() as usize).max(first.saturating_add(1));
    for (column, rows) in covered.iter_mut().enumerate().take(end).skip(first) {
        let left = (column as f64 - half).max(x0);
        let right = (column as f64 + 1.0 + half).min(x1);
        if left > right {
            continue;
        }
        for x in [left, right] {
            let y = y0 + slope * (x - x0);
            *rows = (rows.0.min(y - half), rows.1.max(y + half));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Rows = (f64::INFINITY, f64::NEG_INFINITY);

    #[test]
    fn a_level_line_is_as_thick_as_asked_and_ends_where_it_ends() {
        let covered = stroke([[2.0, 10.0], [5.0, 10.0]].into_iter(), 2.0, 8);
        let line = (9.0, 11.0);
        assert_eq!(covered, [NONE, line, line, line, line, line, NONE, NONE]);
    }

    #[test]
    fn a_column_keeps_the_extremes_of_all_its_points() {
        let zigzag =
            (0..1000).map(|i| [3.5 + f64::from(i) / 1000.0, if i == 500 { -80.0 } else { f64::from(i % 7) }]);
        let covered = stroke(zigzag, 0.0, 6);
        assert_eq!(covered[..3], [NONE; 3]);
        assert_eq!(covered[3], (-80.0, 6.0));
    }

    #[test]
    fn a_slope_is_followed_and_a_gap_left() {
        let points = [[0.0, 0.0], [4.0, 8.0], [5.0, f64::NAN], [6.0, 1.0]];
        let covered = stroke(points.into_iter(), 0.0, 8);
        assert_eq!(covered[1], (2.0, 4.0));
        assert_eq!(covered[5], NONE);
        assert_eq!(covered[6], (1.0, 1.0), "a point alone is a dot");
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let points = [[-5.0, 3.0], [1e300, 3.0], [1e301, 1e38]];
        let covered = stroke(points.into_iter(), 2.0, 3);
        assert_eq!(covered, [(2.0, 4.0); 3]);
        assert_eq!(stroke([[-9.0, 1.0]].into_iter(), 2.0, 1), [NONE]);
    }
}
