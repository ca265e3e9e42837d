//! Images from a trained generator, by dfdx itself.

use std::path::Path;

use dcgan_core::GeneratorSpec;
use dcgan_core::checkpoint::Checkpoint;
use ndarray::{Array4, ArrayView2, Axis};

use crate::arch::{Arch, Architecture, ForArchitecture};
use crate::batch::{images_to_array, latents_from_array};
use crate::engine::{DeviceResult, Engine};
use crate::error::TrainError;
use crate::layers::Layer;
use crate::state::{self, StateDict};

/// Images that are computed at once, so that memory stays bounded whatever is asked for.
const BATCH: usize = 64;

/// The images of latents `[N, latent]`, `[N, C, S, S]` in [-1, 1].
///
/// # Errors
/// If the device fails.
///
/// # Panics
/// If the latents have another length than the architecture's.
pub fn sample<A: Architecture, E: Engine>(
    generator: &A::Generator<E>,
    device: &E::Device,
    latents: ArrayView2<f32>,
) -> DeviceResult<Array4<f32>, E> {
    let mut images = Array4::zeros((0, A::CHANNELS, A::SIDE, A::SIDE));
    for latents in latents.axis_chunks_iter(Axis(0), BATCH) {
        let batch = generator.infer(latents_from_array::<A, E>(device, latents)?)?;
        let batch = images_to_array::<A, E>(&batch);
        images.append(Axis(0), batch.view()).expect("batches of one shape");
    }
    Ok(images)
}

/// The images of latents `[N, latent]` by a generator's checkpoint: what `dcgan-train sample` draws.
///
/// # Errors
/// If the file is no generator of an architecture in the table, or the device fails.
pub fn sample_checkpoint<E: Engine>(
    device: &E::Device,
    path: &Path,
    latents: impl FnOnce(&GeneratorSpec) -> ndarray::Array2<f32>,
) -> Result<Array4<f32>, TrainError> {
    let (spec, checkpoint) = Checkpoint::load_generator(path)?;
    let arch = architecture(&spec, path)?;
    let latents = latents(&spec);
    let images = arch.run(Sample::<E> { device, state: &checkpoint.tensors, latents: latents.view() });
    images.map_err(TrainError::device)
}

/// The architecture of the table that has the sizes of a spec, whatever the file calls it.
pub(crate) fn architecture(spec: &GeneratorSpec, path: &Path) -> Result<Arch, TrainError> {
    struct Matches<'a>(&'a GeneratorSpec);
    impl ForArchitecture for Matches<'_> {
        type Output = bool;
        fn run<A: Architecture>(self, _: &'static str) -> bool {
            A::generator(&self.0.arch) == *self.0
        }
    }
    let found = Arch::ALL.iter().copied().find(|arch| arch.run(Matches(spec)));
    found.ok_or_else(|| TrainError::UnknownArchitecture {
        path: path.to_owned(),
        found: format!("latent {}, widths {:?}, {} channels", spec.latent, spec.widths, spec.channels),
        known: Arch::ALL.iter().map(|arch| arch.name()).collect::<Vec<_>>().join(", "),
    })
}

struct Sample<'a, E: Engine> {
    device: &'a E::Device,
    state: &'a StateDict,
    latents: ArrayView2<'a, f32>,
}

impl<E: Engine> ForArchitecture for Sample<'_, E> {
    type Output = DeviceResult<Array4<f32>, E>;

    fn run<A: Architecture>(self, _: &'static str) -> Self::Output {
        let generator = state::from_state_dict::<E, A::Generator<E>>(self.device, self.state)?;
        sample::<A, E>(&generator, self.device, self.latents)
    }
}
