//! Which engines there are, whether they really start, and what to do where one does not.
//!
//! A library can crash the process that loads it, and one process has one engine. So the program starts itself anew,
//! as a [`probe`](Probe), for each question: what a library is, whether a provider of it runs a model, whether tract
//! does, whether an engine draws what a generator's file says that it draws. What a library prints, and how it dies, stays in there.
//! The server has its models tried in the same way.

pub(crate) mod child;
pub(crate) mod probe;
mod provider;
mod replay;
mod report;
mod text;
mod verdict;

use std::path::PathBuf;
use std::time::Duration;

use self::child::Asked;
use self::probe::{LibraryAnswer, RunAnswer};
use crate::generator::GeneratorConfig;
use crate::library::OLDEST_MINOR;
use crate::model_file::ModelFile;
use crate::search::{self, Candidate, Place};

pub use self::probe::{Probe, TrialProbe};
pub use self::report::{
    EngineStatus, ModelReport, PlaceReport, PlaceStatus, Problem, ProviderReport, ReplayReport, ReplayStatus,
    Report, RunReport, TractReport,
};

/// How to examine this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoctorConfig {
    /// The program to start for each question; it answers with [`Probe::answer`] on stdout.
    pub program: PathBuf,
    /// The library that a run would be given, as [`EngineConfig::library`](crate::EngineConfig::library).
    pub library: Option<PathBuf>,
    /// A generator that each engine that works has to draw with.
    pub model: Option<ModelFile>,
    /// How long one question may take.
    pub timeout: Duration,
}

/// Examines every place where ONNX Runtime may be, every execution provider of each, and tract; then the model, in
/// those that work.
pub fn examine(config: &DoctorConfig) -> Report {
    let candidates = search::candidates(config.library.as_deref());
    let place = |place: Place| {
        let candidate = candidates.iter().find(|candidate| candidate.place == place);
        candidate.map_or_else(|| PlaceReport::empty(place), |candidate| examine_place(config, candidate))
    };
    let places: Vec<_> = Place::ALL.into_iter().map(place).collect();
    let tract = examine_tract(config);
    let run = verdict::run(&places, &tract);
    let model = config.model.as_ref();
    let model = model.map(|file| replay::examine(config, file, &places, &candidates, &tract));
    Report {
        format: report::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api_level_needed: OLDEST_MINOR,
        works: tract.status == EngineStatus::Works
            || places.iter().any(|place| place.status == PlaceStatus::Works),
        problems: verdict::problems(&places, &tract, model.as_ref()),
        run,
        onnxruntime: places,
        tract,
        model,
    }
}

fn examine_place(config: &DoctorConfig, candidate: &Candidate) -> PlaceReport {
    let path = Some(candidate.path.display().to_string());
    let report = PlaceReport { path, ..PlaceReport::empty(candidate.place) };
    match child::ask(&config.program, config.timeout, &Probe::Library(candidate.clone())) {
        Asked::Died(reason) | Asked::Late(reason) => {
            PlaceReport { status: PlaceStatus::Crashes, reason: Some(reason), ..report }
        }
        Asked::Answered(LibraryAnswer::Refused { status, reason, version, api_level }) => {
            PlaceReport { status, reason: Some(reason), version, api_level, ..report }
        }
        Asked::Answered(LibraryAnswer::Loaded { version, api_level, file, providers }) => {
            let ask = |name: String| examine_provider(config, candidate, name);
            let providers: Vec<_> = providers.into_iter().map(ask).collect();
            let (status, reason) = verdict::of_library(&providers);
            PlaceReport {
                status,
                reason,
                version: Some(version),
                api_level: Some(api_level),
                path: file.or(report.path.clone()),
                providers,
                ..report
            }
        }
    }
}

fn examine_provider(config: &DoctorConfig, candidate: &Candidate, name: String) -> ProviderReport {
    let probe = Probe::Provider(candidate.clone(), name.clone());
    let (status, reason) = status(child::ask(&config.program, config.timeout, &probe));
    ProviderReport { name, status, reason }
}

fn examine_tract(config: &DoctorConfig) -> TractReport {
    if cfg!(not(feature = "tract")) {
        let reason = Some("this build has none".to_owned());
        return TractReport { status: EngineStatus::Absent, version: None, reason };
    }
    let asked = child::ask(&config.program, config.timeout, &Probe::Tract);
    let version = match &asked {
        Asked::Answered(RunAnswer { build, .. }) => build.clone(),
        Asked::Died(_) | Asked::Late(_) => None,
    };
    let (status, reason) = status(asked);
    TractReport { status, version, reason }
}

fn status(asked: Asked<RunAnswer>) -> (EngineStatus, Option<String>) {
    match asked {
        Asked::Died(reason) | Asked::Late(reason) => (EngineStatus::Crashes, Some(reason)),
        Asked::Answered(RunAnswer { status, reason, .. }) => (status, reason),
    }
}
