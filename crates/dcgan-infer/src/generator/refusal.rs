//! Why an engine does not run a model, and what to do about it.

use ort::error::ErrorCode;

use crate::engine::TRACT;
use crate::model_file::ModelFile;
use crate::outline::Outline;

/// A reason that can be told apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// The system gives no more memory.
    Memory,
    /// The file's format is too new.
    IrVersion,
    /// The version of ONNX's operators is too new.
    Opset,
    /// An operator of ONNX's own is not in this version.
    Operator,
    /// A file that holds weights cannot be used.
    Weights,
    /// The graph holds the size of a batch.
    Batch,
    /// The graph does not fit together.
    Graph,
}

/// Parts of what engines say where neither the error's code nor the file tells the reason: ONNX Runtime up to 1.32, tract
/// 0.23, and this program where it calls them.
const SAID: [(&str, Reason); 15] = [
    ("Failed to allocate memory", Reason::Memory),
    ("failed to allocate", Reason::Memory),
    ("bad_alloc", Reason::Memory),
    // `OutOfMemory`.
    (" of memory, ", Reason::Memory),
    ("bad allocation", Reason::Memory),
    ("Unsupported model IR version", Reason::IrVersion),
    ("ValidateOpsetForDomain", Reason::Opset),
    ("is under development and support for this is limited", Reason::Opset),
    ("No Op registered for", Reason::Operator),
    ("is not a registered function/op", Reason::Operator),
    ("External data path", Reason::Weights),
    ("input_shape_size == size", Reason::Batch),
    ("cannot be reshaped to the requested shape", Reason::Batch),
    ("Type Error: ", Reason::Graph),
    // `Form::draw`.
    ("it returned a tensor of shape", Reason::Batch),
];

impl Reason {
    fn of(source: &ort::Error) -> Option<Self> {
        match source.code() {
            ErrorCode::NoSuchFile => Some(Self::Weights),
            ErrorCode::InvalidGraph => Self::of_words(source.message()).or(Some(Self::Graph)),
            _ => Self::of_words(source.message()),
        }
    }

    fn of_words(said: &str) -> Option<Self> {
        SAID.iter().find(|(part, _)| said.contains(part)).map(|(_, reason)| *reason)
    }
}

/// What to do about a model that an engine does not load.
pub(super) fn of_load(engine: &str, file: &ModelFile, source: &ort::Error) -> String {
    if file.is_changed() || source.code() == ErrorCode::InvalidProtobuf {
        return "it is damaged: copy it again from where it comes from, or export it again".to_owned();
    }
    let (outline, reason) = (Outline::of(file.bytes()), Reason::of(source));
    by_words(engine, &outline, reason)
        .or_else(|| by_content(&outline))
        .unwrap_or_else(|| by_code(engine, &outline, reason, source.code()))
}

/// Where what the engine says tells the reason.
fn by_words(engine: &str, outline: &Outline, reason: Option<Reason>) -> Option<String> {
    let Outline { ir_version, opset, .. } = outline;
    match reason? {
        Reason::Memory => Some(MEMORY.to_owned()),
        Reason::Weights => Some(
            "a file with its weights is missing beside it; copy that from where the model comes from"
                .to_owned(),
        ),
        Reason::IrVersion => Some(format!(
            "its format, IR version {ir_version}, is newer than {engine} knows; {}",
            newer("save it with an older `ir_version`")
        )),
        Reason::Opset => Some(format!(
            "its operators, opset {opset}, are newer than {engine} knows; {}",
            newer("export it with an older opset, such as 17")
        )),
        Reason::Operator | Reason::Batch | Reason::Graph => None,
    }
}

/// Where what is in the file is a reason.
fn by_content(outline: &Outline) -> Option<String> {
    if !outline.custom_operators.is_empty() {
        let operators = outline.custom_operators.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
        return Some(format!(
            "it uses custom operators ({operators}), which only the library that defines them can run; export it \
             with ONNX operators alone"
        ));
    }
    let elements = outline.rare_elements.iter().copied().collect::<Vec<_>>().join(", ");
    (!elements.is_empty()).then(|| {
        format!("it computes in {elements}, which engines implement for few operators; export it in float32")
    })
}

/// Where neither tells it.
fn by_code(engine: &str, outline: &Outline, reason: Option<Reason>, code: ErrorCode) -> String {
    let other = newer(&format!("export it with another opset than {}", outline.opset));
    match (engine, reason, code) {
        (TRACT, ..) => unknown(engine).to_owned(),
        (_, Some(Reason::Operator), _) => format!("{engine} does not have one of its operators; {other}"),
        (_, _, ErrorCode::NotImplemented) => {
            format!("{engine} does not implement one of its operators for its types; {other}")
        }
        (_, Some(Reason::Graph), _) | (_, _, ErrorCode::InvalidArgument) => {
            "its graph is not valid, `onnx.checker.check_model(model, full_check=True)` tells more; export it again"
                .to_owned()
        }
        _ => unknown(engine).to_owned(),
    }
}

/// What to do about a model that an engine loads and fails to run.
pub(crate) fn of_run(engine: &str, source: &ort::Error) -> &'static str {
    match (Reason::of(source), source.code()) {
        (Some(Reason::Memory), _) => MEMORY,
        (Some(Reason::Batch), _) => {
            "the size of a batch may be fixed in its graph; export it with a dynamic first dimension of input and output"
        }
        (_, ErrorCode::InvalidArgument) if engine != TRACT => {
            "its weights or inputs do not fit each other, so that it is damaged or was put together wrongly; export it \
             again"
        }
        _ => unknown(engine),
    }
}

const MEMORY: &str = "there is too little memory for it; free some, or raise the limit (`ulimit -v`)";

fn newer(other: &str) -> String {
    format!("{other}, or use a newer ONNX Runtime (`dcgan-infer install --version VERSION`)")
}

/// What to do about a model at which an engine panics with these words.
pub fn advice(engine: &str, said: &str) -> &'static str {
    match Reason::of_words(said) {
        Some(Reason::Memory) => MEMORY,
        _ => unknown(engine),
    }
}

/// What to do where the reason is not known.
fn unknown(engine: &str) -> &'static str {
    match engine {
        TRACT => {
            "it is damaged, or ONNX Runtime is needed, which runs more models; `dcgan-infer install` fetches it"
        }
        _ => {
            "it is damaged, or of a newer kind than this version knows; export it again, with an older opset"
        }
    }
}
