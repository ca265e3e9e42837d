//! The draws at load: which batches a model runs with, and whether its images depend on their latents alone.

use std::collections::HashSet;

use dcgan_core::latent::latents;
use ndarray::{ArrayD, ArrayView2, ArrayViewD, Axis, Slice, s};
use ort::session::Session;

use super::interface::{Input, MAX_INPUT, Output};
use super::range::ValueRange;
use crate::engine::with_causes;

/// The most numbers in the images of a run, 256 MiB of `f32`: larger images are not drawn at load.
const MAX_NUMBERS: usize = 1 << 26;
/// Numbers of an engine's message that are tried as batch sizes.
const MAX_NAMED: usize = 32;
/// Batch sizes that are tried after those, and after all up to 64.
const USUAL: [usize; 6] = [100, 128, 256, 512, 1000, 1024];
/// Images that differ by more than this many levels of 255 are different. The rounding of f16 and TF32 stays below one
/// level, and a byte may round either way.
const LEVELS: f32 = 1.5;

/// What an image depends on besides its latent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// Chance: each draw of a latent gives another image, as with nodes that draw random numbers.
    Chance,
    /// The other latents of its batch, as with BatchNorm in training mode.
    Neighbors,
}

/// What the draws show.
#[derive(Debug)]
pub(super) struct Trial {
    /// The shape of an image, without the batch.
    pub shape: [usize; 3],
    /// The one batch size that the model runs with, though its input declares any.
    pub hidden_batch: Option<usize>,
    pub dependence: Option<Dependence>,
    pub is_finite: bool,
}

/// Draws the latent of seed 0 alone, and again beside that of seed 1: batches of 1 and 2, or of the model's own size.
///
/// If the model refuses a single latent, or two, its graph holds a batch size; up to 101 are tried. Nothing is drawn
/// where the images of a batch have more than 2^26 numbers.
///
/// # Errors
/// What the engine says, or that the output has another shape than the model declares.
pub(super) fn run(
    session: &mut Session,
    input: &Input,
    output: &Output,
    range: ValueRange,
) -> ort::Result<Trial> {
    let mut draws = Draws { session, input: *input, output };
    if let Some(shape) = output.shape
        && !draws.fits(input.batch(1))
    {
        return Ok(Trial { shape, hidden_batch: None, dependence: None, is_finite: true });
    }
    let z = latents(0, 2, input.latent);
    let first = z.slice(s![..1, ..]);
    let alone = draws.first(first)?;
    let pair = draws.pair(z.slice(s![..;-1, ..]))?;
    let beside = match &pair {
        Some(pair) => pair.slice_axis(Axis(0), Slice::from(1..)).into_owned(),
        None => draws.draw(first)?,
    };
    let tolerance = tolerance(alone.view(), range);
    let dependence = match distance(alone.view(), beside.view()) > tolerance {
        true if pair.is_none() || distance(alone.view(), draws.draw(first)?.view()) > tolerance => {
            Some(Dependence::Chance)
        }
        true => Some(Dependence::Neighbors),
        false => None,
    };
    Ok(Trial {
        shape: [1, 2, 3].map(|axis| alone.shape()[axis]),
        hidden_batch: draws.input.fixed_batch.filter(|_| input.fixed_batch.is_none()),
        dependence,
        is_finite: [Some(alone), Some(beside), pair]
            .iter()
            .flatten()
            .flatten()
            .all(|value| value.is_finite()),
    })
}

/// A model, with the batch size that is known so far.
struct Draws<'a> {
    session: &'a mut Session,
    input: Input,
    output: &'a Output,
}

impl Draws<'_> {
    /// The model's output for latents `[N, latent]`, `[N, ...]`.
    fn draw(&mut self, z: ArrayView2<f32>) -> ort::Result<ArrayD<f32>> {
        let (rows, declared) = (self.input.batch(z.nrows()), self.output.shape);
        super::run(self.session, &self.input, self.output, z, |images| {
            let found = images.shape();
            if found[0] != rows || declared.is_some_and(|shape| found[1..] != shape) {
                return Err(super::other_shape(rows, found, declared));
            }
            Ok(images.slice_axis(Axis(0), Slice::from(..z.nrows())).into_owned())
        })
    }

    /// The image of the first latent; finds the batch size of a model that takes no single latent.
    fn first(&mut self, z: ArrayView2<f32>) -> ort::Result<ArrayD<f32>> {
        let error = match self.draw(z) {
            Err(error) if self.input.fixed_batch.is_none() => error,
            drawn => return drawn,
        };
        for batch in candidates(&with_causes(&error)).into_iter().filter(|batch| *batch > 1) {
            if self.fits(batch) {
                self.input.fixed_batch = Some(batch);
                if let Ok(image) = self.draw(z) {
                    return Ok(image);
                }
            }
        }
        Err(error)
    }

    /// The images of two latents, where the model takes more than one.
    fn pair(&mut self, z: ArrayView2<f32>) -> ort::Result<Option<ArrayD<f32>>> {
        match self.input.fixed_batch {
            Some(1) => Ok(None),
            Some(_) => self.draw(z).map(Some),
            None if !self.fits(2) => Ok(None),
            None => {
                let pair = self.draw(z).ok();
                if pair.is_none() {
                    self.input.fixed_batch = Some(1);
                }
                Ok(pair)
            }
        }
    }

    /// Whether a batch of this size can be drawn in little memory.
    fn fits(&self, batch: usize) -> bool {
        let numbers = self.output.shape.map_or(1, |shape| shape.iter().product());
        batch.saturating_mul(numbers) <= MAX_NUMBERS && batch.saturating_mul(self.input.latent) <= MAX_INPUT
    }
}

/// Batch sizes to try: the numbers in an engine's message, which may quote the shape that it expects, then usual ones.
fn candidates(message: &str) -> Vec<usize> {
    let words = message.split(|letter: char| !letter.is_ascii_digit());
    let named = words.filter_map(|word| word.parse().ok()).filter(|number| *number <= 4096);
    let mut tried = HashSet::new();
    let mut named: Vec<usize> = named.filter(|number| tried.insert(*number)).take(MAX_NAMED).collect();
    named.extend((1..=64).chain(USUAL).filter(|number| tried.insert(*number)));
    named
}

/// How far two images may be apart and still be the same, in the model's own range of values.
fn tolerance(image: ArrayViewD<f32>, range: ValueRange) -> f32 {
    let width = range.denormalize(1.0) - range.denormalize(-1.0);
    LEVELS / 255.0 * image.iter().fold(width, |most, value| most.max(value.abs()))
}

fn distance(a: ArrayViewD<f32>, b: ArrayViewD<f32>) -> f32 {
    a.iter().zip(b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn numbers_of_the_message_are_tried_first_and_each_once() {
        let said =
            "reshape_helper.h:91: Input shape:{1,64}, requested shape:{100,4,4,4} 99999999999999999999 5000";
        let found = candidates(said);
        assert_eq!(found[..5], [91, 1, 64, 100, 4]);
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), found.len());
        assert!((1..=64).chain([128, 1024]).all(|batch| found.contains(&batch)), "{found:?}");
        assert!(found.len() <= MAX_NAMED + 64 + USUAL.len());
    }

    /// 1.5 of 255 levels: 0.0118 of a range of 2 wide, 1.5 of values up to 255 whatever range is assumed.
    #[test]
    fn images_of_one_level_apart_are_the_same_and_of_two_are_not() {
        let level = 2.0 / 255.0;
        let image = array![[0.5f32, -0.25]].into_dyn();
        for (levels, is_same) in [(0.0, true), (1.0, true), (2.0, false)] {
            let other = &image + levels * level;
            let found = distance(image.view(), other.view()) <= tolerance(image.view(), ValueRange::SIGNED);
            assert_eq!(found, is_same, "{levels} levels");
        }
        let bytes = array![[255.0f32, 3.0]].into_dyn();
        assert_eq!(tolerance(bytes.view(), ValueRange::SIGNED), 1.5);
        assert_eq!(tolerance(bytes.view(), ValueRange::BYTES), 1.5);
    }
}
