//! The execution providers of ONNX Runtime, and a model that shows whether one of them runs.

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};
use ort::session::Session;
use ort::value::Tensor;

use super::report::EngineStatus;
use crate::engine::{Engine, with_causes};

/// One transposed convolution, `z` `[1, 2, 1, 1]` to `image` `[1, 1, 2, 2]`: what a generator consists of, and what every
/// provider that is worth having can do itself. `tests/fixtures/make.py` makes it.
const MODEL: &[u8] = include_bytes!("tiny.onnx");
/// A latent, and the image that the model makes of it: `1 * [1, 2, 3, 4] + 2 * [10, 20, 30, 40]`.
const LATENT: [f32; 2] = [1.0, 2.0];
const IMAGE: [f32; 4] = [21.0, 42.0, 63.0, 84.0];

/// An execution provider that ONNX Runtime may have.
pub(super) struct Provider {
    pub name: &'static str,
    is_listed: fn() -> ort::Result<bool>,
    build: fn() -> ExecutionProviderDispatch,
}

/// Every provider that can be asked for.
const PROVIDERS: [Provider; 16] = [
    provider::<ep::CPU>(),
    provider::<ep::CUDA>(),
    provider::<ep::TensorRT>(),
    provider::<ep::NVRTX>(),
    provider::<ep::ROCm>(),
    provider::<ep::MIGraphX>(),
    provider::<ep::DirectML>(),
    provider::<ep::CoreML>(),
    provider::<ep::OpenVINO>(),
    provider::<ep::OneDNN>(),
    provider::<ep::XNNPACK>(),
    provider::<ep::QNN>(),
    provider::<ep::CANN>(),
    provider::<ep::Vitis>(),
    provider::<ep::WebGPU>(),
    provider::<ep::Azure>(),
];

const fn provider<E: ExecutionProvider + Default + Into<ExecutionProviderDispatch>>() -> Provider {
    Provider { name: E::NAME, is_listed: E::is_available, build: || E::default().into() }
}

impl Provider {
    /// The provider of this name.
    pub(super) fn of(name: &str) -> Option<&'static Self> {
        PROVIDERS.iter().find(|provider| provider.name == name)
    }

    /// The names of those that the running ONNX Runtime lists.
    pub(super) fn listed() -> ort::Result<Vec<String>> {
        let listed = PROVIDERS.iter().map(|provider| Ok(((provider.is_listed)()?, provider.name)));
        let listed = listed.collect::<ort::Result<Vec<_>>>()?.into_iter();
        Ok(listed.filter(|(is_listed, _)| *is_listed).map(|(_, name)| name.to_owned()).collect())
    }

    /// Runs the model on this provider: alone if it can, or with what it leaves to the CPU.
    pub(super) fn try_out(&self, engine: &Engine) -> (EngineStatus, Option<String>) {
        let is_cpu = self.name == ep::CPU::NAME;
        let ep = (self.build)().error_on_failure();
        match run(engine, Some((ep.clone(), !is_cpu))) {
            Ok(()) => (EngineStatus::Works, None),
            Err(error) if is_cpu => (EngineStatus::Fails, Some(error)),
            // Without the CPU's help it is an error that the provider takes nothing of the model.
            Err(alone) => match run(engine, Some((ep, false))) {
                Ok(()) => (EngineStatus::FallsBack, Some(alone)),
                Err(error) => (EngineStatus::Fails, Some(error)),
            },
        }
    }
}

/// Runs the model in an engine that has no providers.
pub(super) fn try_engine(engine: &Engine) -> (EngineStatus, Option<String>) {
    match run(engine, None) {
        Ok(()) => (EngineStatus::Works, None),
        Err(error) => (EngineStatus::Fails, Some(error)),
    }
}

/// Runs the model, on a provider that may have to do all of it alone, and checks the result.
fn run(engine: &Engine, provider: Option<(ExecutionProviderDispatch, bool)>) -> Result<(), String> {
    let image = image(engine, provider).map_err(|error| with_causes(&error))?;
    let is_right = |(found, expected): (&f32, &f32)| (found - expected).abs() <= 0.01;
    match image.len() == IMAGE.len() && image.iter().zip(&IMAGE).all(is_right) {
        true => Ok(()),
        false => Err(format!("it computes wrongly: expected {IMAGE:?}, found {image:?}")),
    }
}

fn image(engine: &Engine, provider: Option<(ExecutionProviderDispatch, bool)>) -> ort::Result<Vec<f32>> {
    let mut builder = Session::builder(&engine.environment)?;
    if let Some((provider, is_alone)) = provider {
        builder = builder.with_execution_providers([provider])?;
        if is_alone {
            builder = builder.with_disable_cpu_fallback()?;
        }
    }
    let mut session = builder.commit_from_memory(MODEL)?;
    let outputs = session.run(ort::inputs![Tensor::from_array(([1, 2, 1, 1], LATENT.to_vec()))?])?;
    Ok(outputs[0].try_extract_array::<f32>()?.iter().copied().collect())
}
