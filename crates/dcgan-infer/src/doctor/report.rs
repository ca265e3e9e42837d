//! What was found, in the structure that `dcgan-infer doctor --json` prints.

use serde::{Deserialize, Serialize};

use crate::search::Place;

/// The number of the structure that is documented here; fields are only added under the same number.
pub(crate) const FORMAT: u32 = 1;

/// Everything that was found. Each field is a field of the JSON of the same name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The number of this structure, 1: a field may come to it, none goes or changes.
    pub format: u32,
    /// The program's version.
    pub version: String,
    /// The API level of ONNX Runtime that the program needs, its oldest minor version.
    pub api_level_needed: u32,
    /// Whether any engine works.
    pub works: bool,
    /// What a run without `--engine` would use.
    pub run: RunReport,
    /// The four places of the search, in its order.
    pub onnxruntime: Vec<PlaceReport>,
    /// The embedded engine.
    pub tract: TractReport,
    /// The generator that the engines had to draw with, null if none was named.
    pub model: Option<ModelReport>,
    /// What is wrong, and what to do about it; empty if all is well.
    pub problems: Vec<Problem>,
}

/// What a run would use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    /// `"onnxruntime"` or `"tract"`, null if a run would stop with an error.
    pub engine: Option<String>,
    /// The place that decides: `"flag"`, `"variable"`, `"cache"` or `"system"`, null for tract or for nothing.
    pub place: Option<Place>,
}

/// What is in a place of the search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceReport {
    /// `"flag"` (`--onnxruntime`), `"variable"` (`ORT_DYLIB_PATH`), `"cache"` or `"system"`.
    pub place: Place,
    /// The file or, on the system's path, its name where the file is not known; null if the place names none.
    pub path: Option<String>,
    /// What it is.
    pub status: PlaceStatus,
    /// ONNX Runtime's version, null where there is none.
    pub version: Option<String>,
    /// The highest API level that the library grants, null where there is none.
    pub api_level: Option<u32>,
    /// Why it does not work, null if it does.
    pub reason: Option<String>,
    /// The execution providers that the library lists, empty if it cannot be used.
    pub providers: Vec<ProviderReport>,
}

/// What a place of the search holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceStatus {
    /// `"none"`: nothing is there, or the place names nothing.
    None,
    /// `"no_library"`: a file that the system's loader refuses.
    NoLibrary,
    /// `"foreign"`: a library that is not ONNX Runtime.
    Foreign,
    /// `"too_old"`: an ONNX Runtime without the API level that is needed.
    TooOld,
    /// `"crashes"`: it kills the process that uses it, or never answers.
    Crashes,
    /// `"fails"`: it loads, and cannot run a model on the CPU.
    Fails,
    /// `"works"`.
    Works,
}

/// Whether an execution provider runs a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderReport {
    /// ONNX Runtime's name of it, such as `CUDAExecutionProvider`.
    pub name: String,
    /// Whether it runs a model.
    pub status: EngineStatus,
    /// Why not, null if it does.
    pub reason: Option<String>,
}

/// The embedded engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TractReport {
    /// Whether it runs a model.
    pub status: EngineStatus,
    /// The version of `ort-tract`, with that of tract after the plus sign; null where it did not answer.
    pub version: Option<String>,
    /// Why it does not run, null if it does.
    pub reason: Option<String>,
}

/// Whether an engine, or an execution provider of one, runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineStatus {
    /// `"works"`: it ran a small model, and the result was right.
    Works,
    /// `"falls_back"`: it starts, and leaves the model to the CPU.
    FallsBack,
    /// `"fails"`: it does not start, or not run the model.
    Fails,
    /// `"crashes"`: it kills the process, or never answers.
    Crashes,
    /// `"absent"`: this build of the program has none.
    Absent,
}

/// A generator, and whether the engines draw what its file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// The file.
    pub path: String,
    /// What its model card calls it, null where it does not say.
    pub name: Option<String>,
    /// Under which terms it may be used, null where the model card does not say.
    pub license: Option<String>,
    /// Whether the file does not have the checksum that it was exported with.
    pub is_changed: bool,
    /// The seeds of its test vectors, whose images the engines had to draw.
    pub seeds: Vec<u64>,
    /// Whether an engine drew them and none drew others, null if none could be asked or there is nothing to draw.
    pub passes: Option<bool>,
    /// The engines that work.
    pub engines: Vec<ReplayReport>,
    /// Why nothing was drawn, null if something was.
    pub reason: Option<String>,
}

/// How an engine draws the images of a model's test vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// `"onnxruntime"` or `"tract"`.
    pub engine: String,
    /// The place of the library, null for tract.
    pub place: Option<Place>,
    /// Whether it draws them.
    pub status: ReplayStatus,
    /// The largest difference of a value, pixels being in [-1, 1]; null if there is none, or it is no number.
    pub difference: Option<f32>,
    /// Why it does not pass, null if it does.
    pub reason: Option<String>,
}

/// Whether an engine draws the images of a model's test vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayStatus {
    /// `"passes"`: every value is within its tolerance.
    Passes,
    /// `"differs"`: one is not.
    Differs,
    /// `"fails"`: the engine does not run the model.
    Fails,
    /// `"crashes"`: the model kills the process, or it never answers.
    Crashes,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What it is about, such as `ORT_DYLIB_PATH`.
    pub subject: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl Report {
    /// Whether any engine works, and draws what the model's file says, if there is one.
    pub fn is_well(&self) -> bool {
        self.works && self.model.as_ref().is_none_or(|model| model.passes != Some(false))
    }
}

impl PlaceReport {
    /// A place that names no library.
    pub(crate) fn empty(place: Place) -> Self {
        Self {
            place,
            path: None,
            status: PlaceStatus::None,
            version: None,
            api_level: None,
            reason: None,
            providers: Vec::new(),
        }
    }
}
