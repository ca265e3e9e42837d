//! The picture of the losses, read as a person reads it: by its colours, and by its grid.

use std::fs;
use std::ops::Range;

use dcgan_train::report::plot::{self, LossHistory, SIZE};
use image::{Rgb, RgbImage};
use tempfile::TempDir;

const BLUE: Rgb<u8> = Rgb([0, 114, 178]);
const ORANGE: Rgb<u8> = Rgb([213, 94, 0]);
/// Rows of a lone chart; above are title, legend and remarks.
const CHART: Range<u32> = 130..900;

/// Losses of `steps` steps in epochs of `epoch` steps.
fn history(steps: u64, epoch: u64, losses: impl Fn(u64) -> [f32; 2]) -> LossHistory {
    let mut history = LossHistory::default();
    for step in 1..=steps {
        let [loss_d, loss_g] = losses(step);
        history.push(step, 1 + (step - 1) / epoch, loss_d, loss_g);
    }
    history
}

fn picture(history: &LossHistory) -> RgbImage {
    plot::draw(history).unwrap().expect("enough steps for a picture")
}

fn is_gray(pixel: &Rgb<u8>) -> bool {
    let [r, g, b] = pixel.0;
    r == g && g == b && r < 250
}

/// The middles of runs of numbers.
fn middles(numbers: impl IntoIterator<Item = u32>) -> Vec<f64> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for number in numbers {
        match runs.last_mut().filter(|run| run.end == number) {
            Some(run) => run.end += 1,
            None => runs.push(number..number + 1),
        }
    }
    runs.into_iter().map(|run| f64::from(run.start + run.end - 1) / 2.0).collect()
}

/// The rows of the horizontal grid lines from the lowest (the axis itself) up, and the columns of the vertical ones.
fn grid(picture: &RgbImage) -> (Vec<f64>, Vec<f64>) {
    let rows =
        (0..SIZE.1).filter(|y| (0..SIZE.0).filter(|x| is_gray(picture.get_pixel(*x, *y))).count() > 1200);
    let columns =
        (0..SIZE.0).filter(|x| CHART.clone().filter(|y| is_gray(picture.get_pixel(*x, *y))).count() > 600);
    let (mut rows, columns) = (middles(rows), middles(columns));
    rows.reverse();
    (rows, columns)
}

/// The middle row of a colour in a column.
fn row_of(picture: &RgbImage, column: f64, colour: Rgb<u8>) -> f64 {
    let rows =
        middles((0..SIZE.1).filter(|y| *picture.get_pixel(column as u32, *y) == colour && CHART.contains(y)));
    assert_eq!(rows.len(), 1, "one line of {colour:?} in column {column}: {rows:?}");
    rows[0]
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 2.0, "at {found}, not {expected}");
}

#[test]
fn constant_losses_stand_where_the_grid_says() {
    // The axis has lines at 0, 0.5, 1 and 1.5; the generator's covers that of 2.
    let picture = picture(&history(200, 200, |_| [1.25, 2.0]));
    assert_eq!(picture.dimensions(), SIZE);
    let (rows, _) = grid(&picture);
    assert_eq!(rows.len(), 4, "{rows:?}");
    let at = |loss: f64| rows[0] + (rows[3] - rows[0]) * loss / 1.5;
    for column in [300.0, 800.0, 1500.0] {
        near(row_of(&picture, column, BLUE), at(1.25));
        near(row_of(&picture, column, ORANGE), at(2.0));
    }
}

#[test]
fn a_change_stands_at_its_step() {
    let picture = picture(&history(200, 200, |step| [if step <= 100 { 0.75 } else { 1.25 }, 2.0]));
    let (rows, columns) = grid(&picture);
    // The axis' line is that of 0, then 50, 100, 150 and 200.
    assert_eq!((rows.len(), columns.len()), (4, 5), "{rows:?} {columns:?}");
    let at = |loss: f64| rows[0] + (rows[3] - rows[0]) * loss / 1.5;
    near(row_of(&picture, columns[1], BLUE), at(0.75));
    near(row_of(&picture, columns[2] - 3.0, BLUE), at(0.75));
    // A moving average over five steps is there after thirty.
    near(row_of(&picture, columns[2] + 30.0 * (columns[3] - columns[2]) / 50.0, BLUE), at(1.25));
    // The pale line jumps at once: between step 100 and step 101, seven columns.
    let blueish = |column: f64| {
        let [r, _, b] = picture.get_pixel(column as u32, at(1.25) as u32).0;
        b > r.saturating_add(30)
    };
    assert!(blueish(columns[2] + 9.0) && !blueish(columns[2] - 3.0));
}

#[test]
fn two_steps_are_lines_and_one_is_no_picture() {
    let two = picture(&history(2, 2, |step| [1.0 / step as f32, step as f32]));
    for colour in [BLUE, ORANGE] {
        let columns = (0..SIZE.0).filter(|x| CHART.clone().any(|y| *two.get_pixel(*x, y) == colour)).count();
        assert!(columns > 1300, "{colour:?} from the left to the right: {columns} columns");
    }
    assert!(plot::draw(&history(1, 1, |_| [1.0, 1.0])).unwrap().is_none());
    assert!(plot::draw(&LossHistory::default()).unwrap().is_none());
    assert!(
        plot::draw(&history(50, 50, |step| if step == 7 { [1.0; 2] } else { [f32::NAN; 2] }))
            .unwrap()
            .is_none()
    );
    assert!(plot::draw(&history(50, 50, |_| [f32::INFINITY, 1.0])).unwrap().is_some(), "one loss is finite");
}

#[test]
fn a_picture_is_saved_whole_or_not_at_all() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("deep/loss.png");
    assert!(!plot::save(&history(1, 1, |_| [1.0, 1.0]), &path).unwrap());
    assert!(!path.exists());
    let losses = history(30, 10, |step| [1.0, 1.0 + step as f32 / 30.0]);
    assert!(plot::save(&losses, &path).unwrap());
    assert_eq!(image::open(&path).unwrap().into_rgb8(), picture(&losses));
}

/// The columns of the chart in which two pictures differ.
fn differences(a: &RgbImage, b: &RgbImage) -> Vec<u32> {
    (0..SIZE.0).filter(|x| CHART.clone().any(|y| a.get_pixel(*x, y) != b.get_pixel(*x, y))).collect()
}

#[test]
fn a_spike_is_cut_off_and_changes_nothing_else() {
    let calm = |step: u64| [1.0 + 0.1 * (step % 3) as f32, 2.0 - 0.1 * (step % 5) as f32];
    let before = picture(&history(400, 400, calm));
    let after = picture(&history(400, 400, |step| if step == 200 { [1e6, 2.0] } else { calm(step) }));
    let columns = differences(&before, &after);
    // 3.6 columns a step; the moving average has forgotten the spike after some eighty steps.
    assert!(columns.iter().all(|x| (840..1240).contains(x)), "{:?} to {:?}", columns.first(), columns.last());
    let top = grid(&before).0[0] as u32 - 700;
    assert!(
        columns.iter().any(|x| (CHART.start..top).any(|y| after.get_pixel(*x, y).0[0] < 230)),
        "it is seen"
    );
    let remark = |picture: &RgbImage| {
        (72..122)
            .flat_map(|y| (1100..SIZE.0).map(move |x| (x, y)))
            .filter(|(x, y)| is_gray(picture.get_pixel(*x, *y)))
            .count()
    };
    assert_eq!(remark(&before), 0);
    assert!(remark(&after) > 500, "and told");
}

#[test]
fn what_is_no_number_leaves_a_gap_and_changes_nothing_else() {
    let calm = |step: u64| [1.0, 2.0 - 0.1 * (step % 5) as f32];
    let whole = picture(&history(400, 400, calm));
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = picture(&history(400, 400, |step| if step == 200 { [1.0, broken] } else { calm(step) }));
        let columns = differences(&whole, &found);
        assert!(!columns.is_empty());
        assert!(
            columns.iter().all(|x| (840..1060).contains(x)),
            "{:?} to {:?}",
            columns.first(),
            columns.last()
        );
    }
}

#[test]
fn a_long_run_keeps_its_extremes_and_a_small_file() {
    let noise = |step: u64| 0.1 * (step.wrapping_mul(2_654_435_761) % 1000) as f32 / 1000.0;
    let losses = history(40_000, 400, |step| {
        [0.9 + noise(step), if step == 20_000 { 2.6 } else { 1.9 + noise(step + 7) }]
    });
    let picture = picture(&losses);
    let chart = 130..530;
    // One step of 40,000, seen in the middle: more than a third above all others.
    let high = (0..SIZE.0).filter(|x| {
        let top = chart.clone().find(|y| {
            let [r, _, b] = picture.get_pixel(*x, *y).0;
            r > b.saturating_add(30)
        });
        top.is_some_and(|y| y < 180)
    });
    let high: Vec<u32> = high.collect();
    assert!(!high.is_empty() && high.iter().all(|x| (840..860).contains(x)), "{high:?}");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("loss.png");
    plot::save(&losses, &path).unwrap();
    let bytes = fs::metadata(&path).unwrap().len();
    assert!(bytes < 300_000, "{bytes}");
}

#[test]
fn an_epoch_that_diverged_does_not_flatten_the_others() {
    let calm = history(100, 10, |step| [1.0, 2.0 + step as f32 / 100.0]);
    let diverged = history(100, 10, |step| [if step > 97 { 1e30 } else { 1.0 }, 2.0 + step as f32 / 100.0]);
    let (calm, diverged) = (picture(&calm), picture(&diverged));
    let rows = 630..900;
    for x in 300..1200 {
        assert!(rows.clone().all(|y| calm.get_pixel(x, y) == diverged.get_pixel(x, y)), "column {x}");
    }
}

#[test]
fn epochs_have_a_chart_of_their_means_once_there_are_two() {
    let losses = |step: u64| [1.0, step as f32 / 100.0];
    let is_ink = |pixel: &Rgb<u8>| is_gray(pixel) && pixel.0[0] < 120;
    let axes = |picture: &RgbImage| {
        let rows =
            (0..SIZE.1).filter(|y| (0..SIZE.0).filter(|x| is_ink(picture.get_pixel(*x, *y))).count() > 1300);
        middles(rows).len()
    };
    assert_eq!(axes(&picture(&history(100, 100, losses))), 1);
    let two = picture(&history(100, 50, losses));
    assert_eq!(axes(&two), 2);
    let lower = (620..900).flat_map(|y| (0..SIZE.0).map(move |x| (x, y)));
    for colour in [BLUE, ORANGE] {
        assert!(lower.clone().filter(|(x, y)| *two.get_pixel(*x, *y) == colour).count() > 2000, "{colour:?}");
    }
}
