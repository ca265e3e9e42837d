//! One runtime's run, judged.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use dcgan_tests::largest_difference;
use ndarray::Array4;
use serde::{Deserialize, Serialize};

use crate::cases::{Cases, images_path};
use crate::command;
use crate::environment::Places;
use crate::table::Entry;

/// The largest difference from dfdx that an image may have, on values in [-1, 1].
const TOLERANCE: f32 = 1e-4;
/// How long a runtime may take for all models.
const LIMIT: Duration = Duration::from_secs(600);
/// What a runner exits with where its runtime does not start on this machine.
const UNAVAILABLE: i32 = 77;

/// What a runner says of its runtime, `result.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Facts {
    /// The runtime's version.
    pub version: String,
    /// `dynamic` or `fixed`, as `run.py` explains; empty for a check.
    #[serde(default)]
    pub batch: String,
    /// What else should be known, such as a browser's version.
    #[serde(default)]
    pub note: String,
}

/// How a run ended.
#[derive(Debug)]
pub enum Verdict {
    /// All is well; the largest difference, unless nothing was drawn.
    Passed(Facts, Option<f32>),
    /// The runtime refused a file or gave something else.
    Failed(String),
    /// The runtime is not to be had here.
    NotRun(String),
}

/// Installs and runs a runtime and compares what it leaves.
pub fn run(entry: &Entry, places: &Places, cases: &Cases) -> Verdict {
    let prepared = places.log(entry).and_then(|log| {
        let command = places.command(entry, &log)?;
        Ok((command, log, places.results(entry)?))
    });
    let (mut command, log, folder) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return Verdict::NotRun(format!("{error:#}")),
    };
    command.arg(&cases.path).arg(&folder);
    match command::run(&mut command, &log, LIMIT) {
        Ok(status) if status.code() == Some(UNAVAILABLE) => Verdict::NotRun(command::tail(&log)),
        Ok(status) if !status.success() => Verdict::Failed(format!("{status}: {}", command::tail(&log))),
        Ok(_) => judge(entry, &folder, cases).unwrap_or_else(|error| Verdict::Failed(format!("{error:#}"))),
        Err(error) => Verdict::Failed(format!("{error:#}")),
    }
}

fn judge(entry: &Entry, folder: &Path, cases: &Cases) -> anyhow::Result<Verdict> {
    let facts = fs::read(folder.join("result.json")).context("the runner left no result.json")?;
    let facts: Facts = serde_json::from_slice(&facts).context("the runner's result.json")?;
    if !entry.draws() {
        return Ok(Verdict::Passed(facts, None));
    }
    let mut most = 0f32;
    for (model, expected) in cases.answers() {
        let path = images_path(folder, model, expected.dim().0);
        let found = read_images(&path, expected.dim())?;
        let difference = largest_difference(expected, found.view());
        ensure!(difference <= TOLERANCE, "off by {difference:.1e} in {}", path.display());
        most = most.max(difference);
    }
    Ok(Verdict::Passed(facts, Some(most)))
}

fn read_images(path: &Path, shape: (usize, usize, usize, usize)) -> anyhow::Result<Array4<f32>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    ensure!(rest.is_empty(), "{}: no whole number of values", path.display());
    let numbers = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    Array4::from_shape_vec(shape, numbers).with_context(|| format!("{}: not {shape:?}", path.display()))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::cases::{tests::zeros, write_numbers};
    use crate::table::TABLE;

    /// What comes of a runner that leaves these images in its last batch, zeros in the others.
    fn verdict(last: &[f32]) -> anyhow::Result<Verdict> {
        let folder = TempDir::new().unwrap();
        let cases = zeros(folder.path());
        let model = &cases.job.models[0];
        for batch in [1, 2, 7] {
            let values = if batch == 7 { last.to_vec() } else { vec![0.0; batch * 4] };
            write_numbers(&images_path(folder.path(), model, batch), &values).unwrap();
        }
        let facts = Facts { version: "1".into(), batch: "dynamic".into(), note: String::new() };
        fs::write(folder.path().join("result.json"), serde_json::to_vec(&facts).unwrap()).unwrap();
        judge(&TABLE[0], folder.path(), &cases)
    }

    fn with(value: f32) -> Vec<f32> {
        let mut values = vec![0.0; 28];
        values[27] = value;
        values
    }

    #[test]
    fn a_small_difference_passes_and_is_told() {
        let verdict = verdict(&with(-9e-5)).unwrap();
        assert!(matches!(verdict, Verdict::Passed(_, Some(difference)) if difference == 9e-5), "{verdict:?}");
    }

    #[test]
    fn what_is_wrong_anywhere_fails() {
        for value in [1.1e-4, f32::NAN, f32::NEG_INFINITY] {
            let error = verdict(&with(value)).unwrap_err().to_string();
            assert!(error.starts_with("off by ") && error.contains("small-7"), "{value}: {error}");
        }
    }

    #[test]
    fn images_of_another_size_fail() {
        let error = verdict(&[0.0; 24]).unwrap_err();
        assert!(format!("{error:#}").contains("small-7"), "{error:#}");
    }

    #[test]
    fn a_runner_that_leaves_nothing_fails() {
        let folder = TempDir::new().unwrap();
        let error = judge(&TABLE[0], folder.path(), &zeros(folder.path())).unwrap_err();
        assert!(error.to_string().contains("result.json"), "{error}");
    }
}
