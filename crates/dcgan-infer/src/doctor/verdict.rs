//! What follows from what was found: what a run would do, and what to do about each problem.

use ort::ep::{self, ExecutionProvider};

use super::report::{
    EngineStatus, ModelReport, PlaceReport, PlaceStatus, Problem, ProviderReport, ReplayReport, ReplayStatus,
    RunReport, TractReport,
};
use crate::library::OLDEST_MINOR;
use crate::search::Place;

/// What a library is whose providers do so well: a run draws with the CPU's.
pub(super) fn of_library(providers: &[ProviderReport]) -> (PlaceStatus, Option<String>) {
    let cpu = providers.iter().find(|provider| provider.name == ep::CPU::NAME);
    let status = cpu.map_or(PlaceStatus::Fails, |cpu| match cpu.status {
        EngineStatus::Works | EngineStatus::FallsBack => PlaceStatus::Works,
        EngineStatus::Crashes => PlaceStatus::Crashes,
        EngineStatus::Fails | EngineStatus::Absent => PlaceStatus::Fails,
    });
    (status, cpu.and_then(|cpu| cpu.reason.clone()))
}

/// What a run would use: it takes the first library that loads, and stops at one that the user named and that does not.
pub(super) fn run(places: &[PlaceReport], tract: &TractReport) -> RunReport {
    let decides =
        |place: &&PlaceReport| place.is_loaded() || (place.place.is_named() && place.path.is_some());
    match places.iter().find(decides) {
        Some(place) => {
            let engine = (place.status == PlaceStatus::Works).then(|| "onnxruntime".to_owned());
            RunReport { engine, place: Some(place.place) }
        }
        None => {
            let engine = (tract.status == EngineStatus::Works).then(|| "tract".to_owned());
            RunReport { engine, place: None }
        }
    }
}

/// Each problem with its remedy, in the order of the report.
pub(super) fn problems(
    places: &[PlaceReport],
    tract: &TractReport,
    model: Option<&ModelReport>,
) -> Vec<Problem> {
    let mut problems: Vec<_> = places.iter().filter_map(of_place).collect();
    problems.extend(places.iter().flat_map(of_providers));
    if !places.iter().any(|place| place.status == PlaceStatus::Works) {
        problems.push(Problem {
            subject: "ONNX Runtime".to_owned(),
            problem: "none was found that works; tract is slower and runs fewer models".to_owned(),
            remedy: "run `dcgan-infer install`".to_owned(),
        });
    }
    problems.extend(of_tract(tract));
    problems.extend(model.into_iter().flat_map(of_model));
    problems
}

impl PlaceReport {
    /// Whether a run would load it and look no further.
    fn is_loaded(&self) -> bool {
        matches!(self.status, PlaceStatus::Works | PlaceStatus::Fails | PlaceStatus::Crashes)
    }
}

fn of_place(place: &PlaceReport) -> Option<Problem> {
    let problem = match place.status {
        PlaceStatus::Works => return None,
        PlaceStatus::None if !place.place.is_named() => return None,
        _ => place.reason.clone()?,
    };
    let remedy = match place.place {
        Place::Flag => format!("name an ONNX Runtime 1.{OLDEST_MINOR} or newer, or leave --onnxruntime out"),
        Place::Variable => format!("set it to an ONNX Runtime 1.{OLDEST_MINOR} or newer, or unset it"),
        Place::Cache => "`dcgan-infer install --force` replaces it".to_owned(),
        Place::System => "`dcgan-infer install` puts one that works before it".to_owned(),
    };
    Some(Problem { subject: place.place.to_string(), problem, remedy })
}

/// Providers beside the CPU's that do not start. One that starts and leaves the model to the CPU is no problem: Azure's
/// runs nothing on this machine.
fn of_providers(place: &PlaceReport) -> Vec<Problem> {
    let broken = |provider: &&ProviderReport| {
        provider.name != ep::CPU::NAME
            && matches!(provider.status, EngineStatus::Fails | EngineStatus::Crashes)
    };
    let problem = |provider: &ProviderReport| {
        let problem = provider.reason.clone().unwrap_or_default();
        let cure = match missing_library(&problem) {
            Some(library) => format!("install what {library} belongs to, where the system's loader finds it"),
            None => "install the driver and the libraries that this ONNX Runtime was built for".to_owned(),
        };
        Problem {
            subject: format!("{} ({})", provider.name, place.place),
            problem,
            remedy: format!("dcgan-infer does without it, on the CPU; for other programs, {cure}"),
        }
    };
    place.providers.iter().filter(broken).map(problem).collect()
}

/// The library that the loader of Linux did not find.
fn missing_library(reason: &str) -> Option<&str> {
    let (before, _) = reason.split_once(": cannot open shared object file")?;
    before.split_whitespace().last()
}

fn of_tract(tract: &TractReport) -> Option<Problem> {
    let remedy = match tract.status {
        EngineStatus::Works => return None,
        EngineStatus::Absent => "with `dcgan-infer install` none is needed; `--features tract` builds it in",
        _ => {
            "this is an error of the program: report it, with this report; `dcgan-infer install` does without tract"
        }
    };
    let problem = tract.reason.clone().unwrap_or_default();
    Some(Problem { subject: "tract".to_owned(), problem, remedy: remedy.to_owned() })
}

/// A file that is damaged explains what the engines do with it.
fn of_model(model: &ModelReport) -> Vec<Problem> {
    let problem = |problem: &str, remedy: &str| Problem {
        subject: model.path.clone(),
        problem: problem.to_owned(),
        remedy: remedy.to_owned(),
    };
    let changed = problem(
        "it does not have the checksum that it was exported with",
        "unless another program was meant to change it, it is damaged: export it again",
    );
    let unread = model.reason.as_ref().filter(|_| model.passes == Some(false));
    let unread = unread.map(|reason| problem(reason, "its metadata is damaged: export it again"));
    let failed = |engine: &ReplayReport| {
        let remedy = match (engine.status, engine.place) {
            (ReplayStatus::Passes, _) => return None,
            (_, Some(place)) => {
                format!("draw with another engine than the one of {place}, or export it again")
            }
            (_, None) => {
                "draw with ONNX Runtime (`dcgan-infer install` fetches it), or export it again".to_owned()
            }
        };
        Some(problem(engine.reason.as_deref().unwrap_or_default(), &remedy))
    };
    let changed = model.is_changed.then_some(changed);
    changed.into_iter().chain(unread).chain(model.engines.iter().filter_map(failed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What ONNX Runtime 1.31 says where there is no CUDA.
    #[test]
    fn the_library_that_a_provider_misses_is_named() {
        let reason = "Failed to load library /x/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: \
                      cannot open shared object file: No such file or directory";
        let cuda = ProviderReport {
            name: "CUDAExecutionProvider".to_owned(),
            status: EngineStatus::Fails,
            reason: Some(reason.to_owned()),
        };
        let problems =
            of_providers(&PlaceReport { providers: vec![cuda], ..PlaceReport::empty(Place::Cache) });
        assert_eq!(problems[0].subject, "CUDAExecutionProvider (cache)");
        assert!(problems[0].remedy.contains("install what libcublasLt.so.13 belongs to"), "{problems:?}");
        assert_eq!(missing_library("CUDA driver version is insufficient"), None);
    }
}
