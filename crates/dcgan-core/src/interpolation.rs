//! Latents between latents.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// Between two latents of one length, at `t` from 0 (`from`) to 1 (`to`): spherical interpolation, along the arc whose
/// points are as far from the origin as latents are. A straight line passes through vectors that are too short to be
/// latents, whose images are dull.
///
/// Latents that point in one direction, or in opposite ones, or nowhere have no such arc: a straight line joins them.
///
/// Source: White, *Sampling Generative Networks* (2016), 2.1; Shoemake's slerp.
///
/// # Panics
/// If the lengths differ.
pub fn slerp(from: ArrayView1<f32>, to: ArrayView1<f32>, t: f64) -> Array1<f32> {
    assert_eq!(from.len(), to.len(), "the lengths of two latents");
    let dot = |a: &ArrayView1<f32>, b: &ArrayView1<f32>| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let norms = (dot(&from, &from) * dot(&to, &to)).sqrt();
    let angle = (dot(&from, &to) / norms).clamp(-1.0, 1.0).acos();
    let sine = angle.sin();
    let [a, b] = match sine > 1e-4 {
        true => [((1.0 - t) * angle).sin() / sine, (t * angle).sin() / sine],
        // Also where the angle is no number.
        false => [1.0 - t, t],
    };
    let between = from.iter().zip(to).map(|(from, to)| (a * f64::from(*from) + b * f64::from(*to)) as f32);
    between.collect()
}

/// `count` latents along a way through `stops` `[S, latent]`, the first and the last stop included: `[count, latent]`.
/// Each part of the way is as long as the others.
///
/// # Panics
/// If there are no stops.
pub fn way(stops: ArrayView2<f32>, count: usize) -> Array2<f32> {
    let legs = stops.nrows() - 1;
    let last = count.saturating_sub(1).max(1);
    points(stops, count, |k| (k * legs) as f64 / last as f64)
}

/// `count` latents along a way through `stops` `[S, latent]` and back to the first one, which comes once: what an
/// animation repeats for ever. `[count, latent]`.
///
/// # Panics
/// If there are no stops.
pub fn round(stops: ArrayView2<f32>, count: usize) -> Array2<f32> {
    let legs = stops.nrows();
    points(stops, count, |k| (k * legs) as f64 / count as f64)
}

/// Latents at so many positions, counted in stops; behind the last stop follows the first.
fn points(stops: ArrayView2<f32>, count: usize, position: impl Fn(usize) -> f64) -> Array2<f32> {
    let mut latents = Array2::zeros((count, stops.ncols()));
    for (k, mut latent) in latents.outer_iter_mut().enumerate() {
        let position = position(k);
        let (stop, t) = (position.floor() as usize, position.fract());
        let (from, to) = (stops.row(stop % stops.nrows()), stops.row((stop + 1) % stops.nrows()));
        match t > 0.0 {
            true => latent.assign(&slerp(from, to, t)),
            false => latent.assign(&from),
        }
    }
    latents
}

/// A square of latents, `[rows * columns, latent]` row by row, whose corners are `corners` `[4, latent]`: top left, top
/// right, bottom left, bottom right. Each is interpolated along its row between two of the left and right edge.
///
/// # Panics
/// If there are not four corners.
pub fn square(corners: ArrayView2<f32>, rows: usize, columns: usize) -> Array2<f32> {
    assert_eq!(corners.nrows(), 4, "a square has four corners");
    let part = |k: usize, count: usize| k as f64 / count.saturating_sub(1).max(1) as f64;
    let mut latents = Array2::zeros((rows * columns, corners.ncols()));
    for (k, mut latent) in latents.outer_iter_mut().enumerate() {
        let down = part(k / columns, rows);
        let left = slerp(corners.row(0), corners.row(2), down);
        let right = slerp(corners.row(1), corners.row(3), down);
        latent.assign(&slerp(left.view(), right.view(), part(k % columns, columns)));
    }
    latents
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array, s};

    use super::*;
    use crate::latent::latents;

    fn assert_close(found: ArrayView1<f32>, expected: ArrayView1<f32>) {
        let furthest = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(furthest < 1e-6, "{found} is not {expected}");
    }

    /// A third of a right angle is 30 degrees.
    #[test]
    fn the_way_is_an_arc_at_constant_speed() {
        let (from, to) = (array![2.0, 0.0], array![0.0, 2.0]);
        let third = slerp(from.view(), to.view(), 1.0 / 3.0);
        assert_close(third.view(), array![3f32.sqrt(), 1.0].view());
    }

    #[test]
    fn the_ends_are_the_latents_themselves() {
        let ends = latents(3, 2, 100);
        assert_close(slerp(ends.row(0), ends.row(1), 0.0).view(), ends.row(0));
        assert_close(slerp(ends.row(0), ends.row(1), 1.0).view(), ends.row(1));
    }

    #[test]
    fn without_an_arc_there_is_a_straight_line() {
        let a = array![1.0, -2.0];
        assert_close(slerp(a.view(), (-&a).view(), 0.25).view(), (&a * 0.5).view());
        assert_close(slerp(a.view(), (&a * 3.0).view(), 0.5).view(), (&a * 2.0).view());
        assert_close(slerp(a.view(), array![0.0, 0.0].view(), 0.5).view(), (&a * 0.5).view());
    }

    #[test]
    fn a_way_meets_its_stops_and_a_round_does_not_repeat_the_first() {
        let stops = latents(0, 3, 100);
        let open = way(stops.view(), 5);
        assert_eq!(open.slice(s![..;2, ..]), stops);
        assert_close(open.row(1), slerp(stops.row(0), stops.row(1), 0.5).view());
        let closed = round(stops.view(), 6);
        assert_eq!(closed.slice(s![..;2, ..]), stops);
        assert_close(closed.row(5), slerp(stops.row(2), stops.row(0), 0.5).view());
        assert_eq!(way(stops.view(), 1), stops.slice(s![..1, ..]));
    }

    #[test]
    fn a_square_has_its_corners() {
        let corners = latents(0, 4, 100);
        let square = square(corners.view(), 3, 4);
        for (corner, place) in [0, 3, 8, 11].into_iter().enumerate() {
            assert_close(square.row(place), corners.row(corner));
        }
        let left = slerp(corners.row(0), corners.row(2), 0.5);
        assert_close(square.index_axis(Axis(0), 4), left.view());
    }
}
