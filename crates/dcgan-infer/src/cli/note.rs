//! What is said of a picture's values, where nobody knows that they mean what they are taken for.

use std::path::Path;

use dcgan_infer::Generator;
use dcgan_infer::generator::{Dependence, RangeSource, ValueRange};
use ndarray::ArrayView4;

/// How far beyond [-1, 1] a value is no rounding error any more.
const WELL_OUTSIDE: f32 = 1.1;

/// In [-1, 1], what is as dark as this is hardly told from black: an eighth of the way to white.
const BLACK: f32 = -0.75;

/// A line for stderr on images that `generator` drew, if there is something to say.
pub fn note(generator: &Generator, images: ArrayView4<f32>) -> Option<String> {
    let name = generator.path().display();
    let (range, source) = generator.value_range();
    let (least, most) = images.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| {
        (least.min(*value), most.max(*value))
    });
    let found = format!("values from {:.4} to {:.4}", range.denormalize(least), range.denormalize(most));
    let is_inside = -WELL_OUTSIDE <= least && most <= WELL_OUTSIDE;
    let whose = match source {
        RangeSource::Config => format!("the range {range} of --value-range"),
        RangeSource::File => format!("the range {range} that the file says"),
        RangeSource::Type => format!("the range {range} of bytes"),
        RangeSource::Assumed => format!("the range {range}, which is assumed"),
    };
    match (is_inside, source) {
        (true, RangeSource::Assumed) => Some(format!(
            "note: {name} does not say its value range, {range} is assumed; it gives {found}: {}",
            hint(range.denormalize(least), range.denormalize(most))
        )),
        (true, _) => None,
        (false, _) => Some(format!(
            "warning: {name} gives {found}, well outside of {whose}: {}",
            hint(range.denormalize(least), range.denormalize(most))
        )),
    }
}

/// Lines for stderr on what the draws at load showed.
pub fn notes_of_draws(generator: &Generator) -> impl Iterator<Item = String> {
    let name = generator.path().display();
    let batch = generator.hidden_batch().map(|batch| {
        format!("note: {name} declares any batch size, but its graph runs with {batch} only: it is drawn so")
    });
    let dependence = generator.dependence().map(|dependence| match dependence {
        Dependence::Chance => format!(
            "warning: {name} draws random numbers in its graph: a seed gives another image each time; export it again \
             without the noise, or with noise that is part of the latent"
        ),
        Dependence::Neighbors => format!(
            "warning: {name} gives a latent another image beside other latents: BatchNorm uses the batch's statistics; \
             export it again after generator.eval(), with track_running_stats=True"
        ),
    });
    batch.into_iter().chain(dependence)
}

/// A line for stderr on a file that is not as it was exported.
pub fn changed(model: &Path) -> String {
    format!(
        "warning: {} does not have the checksum that it was exported with: unless another program was meant to change \
         it, it is damaged, export it again",
        model.display()
    )
}

/// Which flag to try for values between these: that of the narrowest usual range in which they are no black picture.
fn hint(least: f32, most: f32) -> String {
    const USUAL: [&str; 3] = ["0,1", "-1,1", "0,255"];
    let fits = |range: &ValueRange| {
        let (low, high) = (range.normalize(least), range.normalize(most));
        low >= -WELL_OUTSIDE && (BLACK..=WELL_OUTSIDE).contains(&high)
    };
    let usual = USUAL.into_iter().find(|text| text.parse().is_ok_and(|range| fits(&range)));
    format!("--value-range={} would say it", usual.unwrap_or("LOW,HIGH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_the_narrowest_range_that_holds_the_values() {
        for (least, most, range) in
            [(0.01, 0.97, "0,1"), (-0.8, 0.9, "-1,1"), (0.0, 255.0, "0,255"), (-9.0, 300.0, "LOW,HIGH")]
        {
            assert_eq!(hint(least, most), format!("--value-range={range} would say it"));
        }
    }

    /// An untrained generator's values, and those of a range that is not usual.
    #[test]
    fn a_range_that_makes_the_picture_black_is_not_advised() {
        for (least, most, range) in [
            (-0.005, 0.005, "-1,1"),
            (0.0, 0.005, "-1,1"),
            (-0.04, 0.0, "-1,1"),
            (0.0, 0.5, "0,1"),
            (0.0, 3.0, "LOW,HIGH"),
        ] {
            assert_eq!(hint(least, most), format!("--value-range={range} would say it"), "{least} to {most}");
            let drawn = range.parse::<ValueRange>().map(|range| range.normalize(most));
            assert!(drawn.is_err() || drawn.is_ok_and(|most| most > -0.75), "{range}");
        }
    }
}
