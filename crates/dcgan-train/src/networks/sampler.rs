//! Images from a trained generator, by dfdx itself.

use std::path::Path;

use dcgan_core::GeneratorSpec;
use dcgan_core::checkpoint::Checkpoint;
use ndarray::{Array4, ArrayView2, Axis};

use crate::backend::error::BackendError;
use crate::backend::operations::{Backend, DeviceResult};
use crate::networks::arch::{Arch, Architecture, ForArchitecture};
use crate::networks::batch::{images_to_array, latents_from_array};
use crate::networks::error::NetworkError;
use crate::networks::layers::Layer;
use crate::networks::state_dict::{self, StateDict};

/// Images that are computed at once, so that memory stays bounded whatever is asked for.
const BATCH: usize = 64;

/// The images of latents `[N, latent]`, `[N, C, S, S]` in [-1, 1].
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the latents have another length than the architecture's.
pub fn sample<A: Architecture, B: Backend>(
    generator: &A::Generator<B>,
    device: &B::Device,
    latents: ArrayView2<f32>,
) -> DeviceResult<Array4<f32>, B> {
    let mut images = Array4::zeros((0, A::CHANNELS, A::SIDE, A::SIDE));
    for latents in latents.axis_chunks_iter(Axis(0), BATCH) {
        let batch = generator.infer(latents_from_array::<A, B>(device, latents)?)?;
        let batch = images_to_array::<A, B>(&batch);
        images.append(Axis(0), batch.view()).expect("batches of one shape");
    }
    Ok(images)
}

/// The images of latents `[N, latent]` by a generator's checkpoint: what `dcgan-train sample` draws.
///
/// # Errors
/// If the file is no generator of an architecture in the table, or the device fails.
pub fn sample_checkpoint<B: Backend>(
    device: &B::Device,
    path: &Path,
    latents: impl FnOnce(&GeneratorSpec) -> ndarray::Array2<f32>,
) -> Result<Array4<f32>, NetworkError> {
    let (spec, checkpoint) = Checkpoint::load_generator(path)?;
    let arch = architecture(&spec, path)?;
    let latents = latents(&spec);
    let images = arch.run(Sample::<B> { device, state: &checkpoint.tensors, latents: latents.view() });
    Ok(images.map_err(|error| BackendError::new::<B>(&error))?)
}

/// The architecture of the table that has the sizes of a spec, whatever the file calls it.
pub(crate) fn architecture(spec: &GeneratorSpec, path: &Path) -> Result<Arch, NetworkError> {
    struct Matches<'a>(&'a GeneratorSpec);
    impl ForArchitecture for Matches<'_> {
        type Output = bool;
        fn run<A: Architecture>(self, _: &'static str) -> bool {
            A::generator(&self.0.arch) == *self.0
        }
    }
    let found = Arch::ALL.iter().copied().find(|arch| arch.run(Matches(spec)));
    found.ok_or_else(|| NetworkError::UnknownArchitecture {
        path: path.to_owned(),
        found: format!("latent {}, widths {:?}, {} channels", spec.latent, spec.widths, spec.channels),
        known: Arch::ALL.iter().map(|arch| arch.name()).collect::<Vec<_>>().join(", "),
    })
}

struct Sample<'a, B: Backend> {
    device: &'a B::Device,
    state: &'a StateDict,
    latents: ArrayView2<'a, f32>,
}

impl<B: Backend> ForArchitecture for Sample<'_, B> {
    type Output = DeviceResult<Array4<f32>, B>;

    fn run<A: Architecture>(self, _: &'static str) -> Self::Output {
        let generator = state_dict::from_state_dict::<B, A::Generator<B>>(self.device, self.state)?;
        sample::<A, B>(&generator, self.device, self.latents)
    }
}
