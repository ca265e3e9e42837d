//! Whether an engine draws what a model's file says that it draws.

use std::path::Path;

use dcgan_core::latent::latents;
use serde::{Deserialize, Serialize};

use super::child::{self, Asked};
use super::probe::Probe;
use super::report::{
    EngineStatus, ModelReport, PlaceReport, PlaceStatus, ReplayReport, ReplayStatus, TractReport,
};
use super::{DoctorConfig, GeneratorConfig};
use crate::engine::{Engine, with_causes};
use crate::generator::Generator;
use crate::model_file::ModelFile;
use crate::search::Candidate;

/// What became of a model in an engine.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ReplayAnswer {
    pub status: ReplayStatus,
    /// Infinity is null in JSON.
    pub difference: Option<f32>,
    pub reason: Option<String>,
}

/// Lets each engine that works draw the images of a model's test vectors.
pub(super) fn examine(
    config: &DoctorConfig,
    file: &ModelFile,
    places: &[PlaceReport],
    candidates: &[Candidate],
    tract: &TractReport,
) -> ModelReport {
    let path = file.path().display().to_string();
    let report = ModelReport { path, is_changed: file.is_changed(), ..ModelReport::default() };
    let described = match file.description() {
        Ok(described) => described,
        Err(error) => return ModelReport { passes: Some(false), reason: Some(error.to_string()), ..report },
    };
    let (name, license) = (described.card.name, described.card.license);
    let seeds: Vec<_> = described.test_vectors.iter().map(|vector| vector.seed).collect();
    let report = ModelReport { name, license, ..report };
    if seeds.is_empty() {
        let reason = Some("it has no test vectors to compare with; dcgan-export writes them".to_owned());
        return ModelReport { reason, ..report };
    }
    let works = |place: &Candidate| {
        places.iter().any(|found| found.place == place.place && found.status == PlaceStatus::Works)
    };
    let libraries = candidates.iter().filter(|candidate| works(candidate)).cloned().map(Some);
    let embedded = (tract.status == EngineStatus::Works).then_some(None);
    let engines: Vec<_> =
        libraries.chain(embedded).map(|candidate| ask(config, candidate, file.path())).collect();
    ModelReport { seeds, passes: verdict(&engines), engines, ..report }
}

/// Whether an engine drew the images and none drew others. One that refuses the model, as tract does with f16, says nothing
/// of it where another draws it.
fn verdict(engines: &[ReplayReport]) -> Option<bool> {
    let ended = |status: ReplayStatus| engines.iter().any(|engine| engine.status == status);
    let is_wrong = ended(ReplayStatus::Differs) || ended(ReplayStatus::Crashes);
    (!engines.is_empty()).then_some(ended(ReplayStatus::Passes) && !is_wrong)
}

fn ask(config: &DoctorConfig, candidate: Option<Candidate>, model: &Path) -> ReplayReport {
    let place = candidate.as_ref().map(|candidate| candidate.place);
    let engine = if place.is_some() { "onnxruntime" } else { "tract" }.to_owned();
    match child::ask(&config.program, config.timeout, &Probe::Replay(candidate, model.to_owned())) {
        Asked::Died(reason) | Asked::Late(reason) => ReplayReport {
            engine,
            place,
            status: ReplayStatus::Crashes,
            difference: None,
            reason: Some(reason),
        },
        Asked::Answered(ReplayAnswer { status, difference, reason }) => {
            ReplayReport { engine, place, status, difference, reason }
        }
    }
}

/// Draws the images of a model's test vectors in this process, and compares.
pub(super) fn replay(engine: Result<Engine, String>, model: &Path) -> ReplayAnswer {
    match engine.and_then(|engine| compare(&engine, model)) {
        Ok((difference, true)) => {
            ReplayAnswer { status: ReplayStatus::Passes, difference: Some(difference), reason: None }
        }
        Ok((difference, false)) => ReplayAnswer {
            status: ReplayStatus::Differs,
            difference: Some(difference).filter(|difference| difference.is_finite()),
            reason: Some("the images are not those of the file's test vectors".to_owned()),
        },
        Err(reason) => ReplayAnswer { status: ReplayStatus::Fails, difference: None, reason: Some(reason) },
    }
}

/// The largest difference, and whether every one is within its tolerance.
fn compare(engine: &Engine, model: &Path) -> Result<(f32, bool), String> {
    let file = ModelFile::read(model).map_err(|error| with_causes(&error))?;
    let vectors = file.description().map_err(|error| with_causes(&error))?.test_vectors;
    let generator = Generator::new(engine, file, &GeneratorConfig::default());
    let mut generator = generator.map_err(|error| with_causes(&error))?;
    let (mut largest, mut passes) = (0f32, true);
    for vector in vectors {
        let z = latents(vector.seed, 1, generator.latent_size());
        let images = generator.sample(z.view()).map_err(|error| with_causes(&error))?; // [1, C, H, W]
        let image: Vec<f32> = images.into_iter().collect();
        largest = largest.max(vector.difference(&image));
        passes &= vector.accepts(&image);
    }
    Ok((largest, passes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_refuses_the_model_says_nothing_of_it_where_another_draws_it() {
        use ReplayStatus::{Crashes, Differs, Fails, Passes};
        let of = |status| {
            let engine = "tract".to_owned();
            ReplayReport { engine, place: None, status, difference: None, reason: None }
        };
        for (ends, expected) in [
            (&[][..], None),
            (&[Passes, Passes], Some(true)),
            (&[Passes, Fails], Some(true)),
            (&[Fails, Fails], Some(false)),
            (&[Passes, Differs], Some(false)),
            (&[Passes, Crashes], Some(false)),
        ] {
            let engines: Vec<_> = ends.iter().map(|status| of(*status)).collect();
            assert_eq!(verdict(&engines), expected, "{ends:?}");
        }
    }
}
