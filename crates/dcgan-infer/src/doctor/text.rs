//! A report for people.

use std::fmt;

use dcgan_core::terminal::escaped;

use super::report::{
    EngineStatus, ModelReport, PlaceReport, PlaceStatus, ReplayReport, ReplayStatus, Report, RunReport,
    TractReport,
};
use crate::search::Place;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.api_level_needed;
        writeln!(
            f,
            "dcgan-infer {}, for ONNX Runtime 1.{level} or newer (API level {level})\n",
            self.version
        )?;
        writeln!(f, "ONNX Runtime, where a run looks for it, in this order")?;
        self.onnxruntime.iter().try_for_each(|place| write_place(f, place))?;
        writeln!(f, "\nEmbedded engine\n  {:<15} {}", "tract", Tract(&self.tract))?;
        writeln!(f, "\nA run uses {}", Run(&self.run))?;
        self.model.iter().try_for_each(|model| write_model(f, model))?;
        if !self.problems.is_empty() {
            writeln!(f, "\nWhat to do")?;
        }
        let mut problems = self.problems.iter();
        problems.try_for_each(|problem| writeln!(f, "  {}: {}", escaped(&problem.subject), problem.remedy))
    }
}

fn write_place(f: &mut fmt::Formatter<'_>, place: &PlaceReport) -> fmt::Result {
    writeln!(f, "  {:<15} {}", place.place, Found(place))?;
    place.providers.iter().try_for_each(|provider| {
        let status = status(provider.status);
        write!(f, "    {:<28} {status}", provider.name)?;
        match &provider.reason {
            Some(reason) if provider.status != EngineStatus::FallsBack => {
                writeln!(f, ": {}", one_line(reason))
            }
            _ => writeln!(f),
        }
    })
}

fn write_model(f: &mut fmt::Formatter<'_>, model: &ModelReport) -> fmt::Result {
    write!(f, "\nModel {}", escaped(&model.path))?;
    let about = [("name", &model.name), ("licence", &model.license)];
    for (title, text) in about.into_iter().filter_map(|(title, text)| Some((title, text.as_ref()?))) {
        write!(f, ", {title} {}", escaped(text))?;
    }
    match &model.reason {
        Some(reason) => writeln!(f, "\n  {}", escaped(reason))?,
        None if model.engines.is_empty() => writeln!(f, "\n  no engine works that could draw with it")?,
        None => {
            let seeds: Vec<_> = model.seeds.iter().map(u64::to_string).collect();
            writeln!(f, ", images of the seeds {}", seeds.join(", "))?;
        }
    }
    model.engines.iter().try_for_each(|engine| {
        let name = engine.place.map_or_else(|| engine.engine.clone(), |place| place.to_string());
        writeln!(f, "  {name:<15} {}", Replayed(engine))
    })
}

/// How an engine draws a model's images.
struct Replayed<'a>(&'a ReplayReport);

impl fmt::Display for Replayed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(engine) = self;
        f.write_str(match engine.status {
            ReplayStatus::Passes => "passes",
            ReplayStatus::Differs => "differs",
            ReplayStatus::Fails => "fails",
            ReplayStatus::Crashes => "crashes",
        })?;
        if let Some(difference) = engine.difference {
            write!(f, ", largest difference {difference:.1e}")?;
        }
        engine.reason.iter().try_for_each(|reason| write!(f, ": {}", one_line(reason)))
    }
}

/// What is in a place.
struct Found<'a>(&'a PlaceReport);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(place) = self;
        let path = escaped(place.path.as_deref().unwrap_or_default());
        let reason = one_line(place.reason.as_deref().unwrap_or_default());
        match (place.status, place.place) {
            (PlaceStatus::None, Place::Flag) if path.is_empty() => write!(f, "not given"),
            (PlaceStatus::None, Place::Variable) if path.is_empty() => write!(f, "not set"),
            (PlaceStatus::None, _) if path.is_empty() => write!(f, "this user has none"),
            (PlaceStatus::None, place) if place.is_named() => write!(f, "nothing: {reason}"),
            (PlaceStatus::None, _) => write!(f, "nothing: {path}"),
            (PlaceStatus::NoLibrary, _) => write!(f, "no library: {reason}"),
            (PlaceStatus::Foreign, _) => write!(f, "no ONNX Runtime: {reason}"),
            (PlaceStatus::TooOld, _) => write!(f, "too old: {reason}"),
            (PlaceStatus::Crashes, _) => write!(f, "crashes: {path}: {reason}"),
            (PlaceStatus::Fails, _) => write!(f, "fails: {path}: {reason}"),
            (PlaceStatus::Works, _) => {
                let version = place.version.as_deref().unwrap_or_default();
                let level = place.api_level.unwrap_or_default();
                write!(f, "works: ONNX Runtime {version} (API level {level}), {path}")
            }
        }
    }
}

struct Tract<'a>(&'a TractReport);

impl fmt::Display for Tract<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", status(self.0.status))?;
        if let Some(version) = &self.0.version {
            write!(f, ": ort-tract {version}")?;
        }
        match &self.0.reason {
            Some(reason) => write!(f, ": {}", one_line(reason)),
            None => Ok(()),
        }
    }
}

struct Run<'a>(&'a RunReport);

impl fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.engine, self.0.place) {
            (Some(_), Some(place)) => write!(f, "ONNX Runtime ({place})"),
            (Some(engine), None) => write!(f, "{engine}"),
            (None, Some(place)) => write!(f, "nothing: it takes the library of {place}, which does not work"),
            (None, None) => write!(f, "nothing: no engine works"),
        }
    }
}

fn status(status: EngineStatus) -> &'static str {
    match status {
        EngineStatus::Works => "works",
        EngineStatus::FallsBack => "starts, and leaves the model to the CPU",
        EngineStatus::Fails => "fails",
        EngineStatus::Crashes => "crashes",
        EngineStatus::Absent => "absent",
    }
}

/// What an engine said, on one line, without the place in its source that said it.
fn one_line(text: &str) -> String {
    let said = text.split_once("[ONNXRuntimeError] : ").and_then(|(_, said)| said.splitn(3, " : ").nth(2));
    said.unwrap_or(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_onnx_runtime_is_its_message_alone() {
        let said =
            "/src/provider_bridge_ort.cc:2043 Get() [ONNXRuntimeError] : 1 : FAIL : Failed : to\n load ";
        assert_eq!(one_line(said), "Failed : to load");
        assert_eq!(one_line("of another : kind"), "of another : kind");
    }
}
