//! Pictures that the program draws itself.

use dcgan_core::rng::Rng;
use dcgan_core::streams;
use image::{DynamicImage, Rgb, RgbImage};

use crate::download::md5_of;
use crate::outline::{OUTLINES, Outline, Point};
use crate::{DataError, Dataset, Fingerprint, resize_crop};

/// How many pictures there are.
const LEN: usize = 10_000;

/// 10,000 different pictures of one figure (a disc, a ring, a heart, a cross or a star) on a light background: something
/// to learn from without any file, for demonstrations and tests.
///
/// Figure, place, size, angle and colours of a picture follow from its index alone, whatever the size it is
/// drawn at; on every machine it is the same to the byte.
#[derive(Clone, Debug)]
pub struct Shapes {
    size: u32,
}

impl Shapes {
    /// The pictures at `size` x `size`.
    ///
    /// # Errors
    /// When `size` is 0 or above 4096.
    pub fn new(size: usize) -> Result<Self, DataError> {
        resize_crop::check_size(size)?;
        Ok(Self { size: size as u32 })
    }
}

impl Dataset for Shapes {
    fn len(&self) -> usize {
        LEN
    }

    fn picture(&self, index: usize) -> Result<DynamicImage, DataError> {
        assert!(index < LEN, "picture {index} of {LEN}");
        Ok(Drawing::new(&mut Rng::stream(0, streams::DRAWING, index as u64)).render(self.size).into())
    }

    fn may_be_broken(&self) -> bool {
        false
    }

    /// How the program draws: the first picture and the last, at a fixed size.
    fn fingerprint(&self) -> Result<Fingerprint, DataError> {
        let mut fingerprint = Fingerprint::default();
        for index in [0, LEN - 1] {
            let pixels = Self { size: 16 }.picture(index)?.into_bytes();
            let md5 = md5_of(&mut pixels.as_slice()).expect("reading memory does not fail");
            fingerprint.add_md5(&format!("drawn picture {index}"), &md5);
        }
        Ok(fingerprint)
    }
}

/// Red, green and blue, each in [0, 1].
type Colour = [f32; 3];

/// What a picture shows, in a frame from -1 to 1 with y upwards.
#[derive(Debug)]
struct Drawing {
    outline: Outline,
    centre: Point,
    radius: f32,
    /// Cosine and sine of the angle that the figure is turned by.
    turn: Point,
    figure: Gradient,
    background: Gradient,
}

impl Drawing {
    fn new(rng: &mut Rng) -> Self {
        let outline = OUTLINES[rng.below(OUTLINES.len())];
        let radius = between(rng, 0.74, 0.82);
        let room = 0.9 - radius;
        let centre = (between(rng, -room, room), between(rng, -room, room));
        let angle = between(rng, -0.08, 0.08);
        let (figure, background) = gradients(rng);
        Self { outline, centre, radius, turn: (libm::cosf(angle), libm::sinf(angle)), figure, background }
    }

    fn render(&self, size: u32) -> RgbImage {
        let pixel = 2.0 / size as f32;
        RgbImage::from_fn(size, size, |column, row| {
            let p = ((column as f32 + 0.5) * pixel - 1.0, 1.0 - (row as f32 + 0.5) * pixel);
            Rgb(self.colour(p, pixel).map(|value| (value * 255.0 + 0.5) as u8))
        })
    }

    /// The colour at a point: the figure, its edge softened over the width of a pixel, above the background.
    fn colour(&self, p: Point, pixel: f32) -> Colour {
        let cover = (0.5 - self.distance(p) / pixel).clamp(0.0, 1.0);
        mix(self.background.at(p), self.figure.at(self.local(p)), cover)
    }

    fn distance(&self, p: Point) -> f32 {
        self.outline.distance(self.local(p)) * self.radius
    }

    /// A point in the coordinates of the figure.
    fn local(&self, p: Point) -> Point {
        let (x, y) = ((p.0 - self.centre.0) / self.radius, (p.1 - self.centre.1) / self.radius);
        let (cos, sin) = self.turn;
        (x * cos + y * sin, y * cos - x * sin)
    }
}

/// The colours of a figure and its background: strong ones on a light ground, which a network tells apart, and learns
/// the outlines from, long before it would on grounds of every brightness.
fn gradients(rng: &mut Rng) -> (Gradient, Gradient) {
    let hue = between(rng, 0.0, 1.0);
    // Far around the colour circle.
    let figure_hue = hue + between(rng, 0.25, 0.75);
    (Gradient::new(rng, figure_hue, (0.8, 1.0), 0.75), Gradient::new(rng, hue, (0.03, 0.2), 0.98))
}

/// Two colours and the direction from the one to the other.
#[derive(Debug)]
struct Gradient {
    from: Colour,
    to: Colour,
    direction: Point,
}

impl Gradient {
    /// Neighbouring hues, of a saturation within a range and up to a brightness.
    fn new(rng: &mut Rng, hue: f32, saturation: (f32, f32), brightness: f32) -> Self {
        let angle = between(rng, 0.0, std::f32::consts::TAU);
        let shift = between(rng, -0.03, 0.03);
        let saturation = between(rng, saturation.0, saturation.1);
        Self {
            from: colour(hue, saturation, brightness),
            to: colour(hue + shift, saturation, brightness * between(rng, 0.85, 1.0)),
            direction: (libm::cosf(angle), libm::sinf(angle)),
        }
    }

    fn at(&self, p: Point) -> Colour {
        let along = p.0 * self.direction.0 + p.1 * self.direction.1;
        mix(self.from, self.to, smooth(0.5 + 0.5 * along))
    }
}

/// The colour of a hue (in turns), a saturation and a brightness (HSV).
fn colour(hue: f32, saturation: f32, brightness: f32) -> Colour {
    [5.0, 3.0, 1.0].map(|offset| {
        let k = (offset + hue * 6.0) % 6.0;
        brightness * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0))
    })
}

fn mix(a: Colour, b: Colour, part: f32) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * part)
}

/// 0 below 0, 1 above 1, a smooth way in between.
fn smooth(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

fn between(rng: &mut Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.uniform() as f32
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn bytes(size: usize, index: usize) -> Vec<u8> {
        Shapes::new(size).unwrap().picture(index).unwrap().into_bytes()
    }

    #[test]
    fn a_picture_follows_from_its_index_and_differs_from_the_others() {
        let pictures: HashSet<Vec<u8>> = (0..300).map(|index| bytes(16, index)).collect();
        assert_eq!(pictures.len(), 300);
        assert_eq!(bytes(16, 123), bytes(16, 123));
        assert_eq!(bytes(16, LEN - 1).len(), 16 * 16 * 3);
    }

    #[test]
    fn a_picture_shows_the_same_at_every_size() {
        let mean = |bytes: &[u8]| bytes.iter().map(|&b| f64::from(b)).sum::<f64>() / bytes.len() as f64;
        for index in 0..20 {
            let (small, large) = (mean(&bytes(32, index)), mean(&bytes(64, index)));
            assert!((small - large).abs() < 2.0, "picture {index}: {small} and {large}");
        }
    }

    #[test]
    fn the_whole_range_of_colours_is_used() {
        for channel in 0..3 {
            let values: Vec<u8> =
                (0..200).flat_map(|index| bytes(8, index).into_iter().skip(channel).step_by(3)).collect();
            assert!(values.iter().min().unwrap() < &10 && values.iter().max().unwrap() > &240);
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
            assert!((90.0..210.0).contains(&mean), "channel {channel} has mean {mean}");
        }
    }

    #[test]
    fn figures_stand_out_in_gray() {
        let mut fitter = crate::ResizeCrop::new(32, 1).unwrap();
        for index in 0..200 {
            let gray = fitter.fit(Shapes::new(32).unwrap().picture(index).unwrap()).unwrap();
            let (low, high) = (gray.iter().min().unwrap(), gray.iter().max().unwrap());
            assert!(high - low > 50, "picture {index} goes from {low} to {high}");
        }
    }

    #[test]
    fn a_size_that_cannot_be_drawn_is_refused() {
        assert!(Shapes::new(0).is_err() && Shapes::new(5000).is_err());
    }
}
