//! The memory of a run, which is known before it begins: an allocation that fails ends the process without a word of why.

use dcgan_core::spec::BASE_SIDE;
use dcgan_data::{LoaderConfig, epoch_batches};

use crate::backend::operations::Backend;
use crate::networks::arch::Architecture;
use crate::run::config::TrainConfig;
use crate::run::error::TrainError;
use crate::run::memory_limit::{self, Limit};

/// Floats for each value of the networks' maps: before BatchNorm and after it, and gradients. Measured: see
/// `docs/training.md`.
const FLOATS_A_VALUE: u64 = 3;
/// Floats for each weight: itself, its gradient, two moments, planes of Winograd's schemes, copies while a state is saved.
const FLOATS_A_WEIGHT: u64 = 17;
/// Floats of a measurement for each image: its features and those of the generated one, some of them in `f64`.
const FLOATS_A_MEASURED_IMAGE: u64 = 4000;
/// Batches of bytes beside those that wait ready and those of a step: one in preparation, and one ahead.
const MORE_BATCHES: u64 = 2;

/// Bytes that the batch of the advice leaves: threads reserve address space when they first allocate, 64 MiB each, and what
/// is left differs by that from one start to the next.
const MARGIN: u64 = 128 << 20;

/// Bytes that a run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Needs {
    /// With any batch.
    fixed: u64,
    /// More for each image of a batch.
    image: u64,
}

impl Needs {
    /// The needs of training `A` on `images` images, on the host where `B` computes elsewhere.
    fn new<A: Architecture, B: Backend>(config: &TrainConfig, images: usize) -> Self {
        let pixels = (A::CHANNELS * A::SIDE * A::SIDE) as u64;
        let cache = (config.cache_mib as u64).saturating_mul(1 << 20).min(images as u64 * pixels);
        let measured = if is_measured(config, images) { images.min(config.metric_images) as u64 } else { 0 };
        let measuring = measured * 4 * (pixels + FLOATS_A_MEASURED_IMAGE);
        let batches = LoaderConfig::default().prefetch as u64 + MORE_BATCHES + config.d_steps;
        let [weights, values] = if B::ON_HOST { [weights::<A>(), values::<A>()] } else { [0, 0] };
        Self {
            fixed: cache + measuring + 4 * FLOATS_A_WEIGHT * weights,
            image: batches * pixels + 4 * FLOATS_A_VALUE * values,
        }
    }

    fn bytes(self, batch: u64) -> u64 {
        self.fixed.saturating_add(self.image.saturating_mul(batch))
    }

    /// The largest batch that so many bytes are enough for.
    fn largest_batch(self, bytes: u64) -> u64 {
        bytes.saturating_sub(self.fixed) / self.image
    }
}

/// Refuses a batch that the device cannot count, or that needs more memory than this process can get.
///
/// # Errors
/// [`TrainError`] names the batch that fits.
pub(super) fn check<A: Architecture, B: Backend>(
    config: &TrainConfig,
    images: usize,
) -> Result<(), TrainError> {
    let (batch_size, largest) = (config.batch_size, B::largest_batch(&A::convolutions()));
    if batch_size > largest {
        return Err(TrainError::DeviceBatch { batch_size, largest });
    }
    match memory_limit::tightest() {
        Some(limit) => compare(Needs::new::<A, B>(config, images), batch_size, limit),
        None => Ok(()),
    }
}

fn compare(needs: Needs, batch_size: usize, Limit { name, left }: Limit) -> Result<(), TrainError> {
    let needed = needs.bytes(batch_size as u64);
    if needed <= left {
        return Ok(());
    }
    let fits = needs.largest_batch(left - MARGIN.min(left / 2));
    Err(TrainError::Memory { batch_size, needed, left, limit: name, fits })
}

/// Whether the run comes to a measurement.
fn is_measured(config: &TrainConfig, images: usize) -> bool {
    let of_epoch = config.steps(epoch_batches(images, config.batch_size) as u64);
    config.metric_every > 0 && config.schedule(of_epoch).steps >= of_epoch.saturating_mul(config.metric_every)
}

/// Values of the maps of both networks for one image: the discriminator's are those of the generator in reverse.
fn values<A: Architecture>() -> u64 {
    let map = |(stage, width): (usize, &usize)| width * (BASE_SIDE << stage).pow(2);
    let maps: usize = A::WIDTHS.iter().enumerate().map(map).sum();
    (2 * maps + A::CHANNELS * A::SIDE * A::SIDE) as u64
}

/// Weights of both networks.
fn weights<A: Architecture>() -> u64 {
    let layers = A::generator("").layers().into_iter().chain(A::discriminator("").layers());
    layers.map(|layer| layer.parameters() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::CpuBackend;
    use crate::networks::arch::{Arch, ForArchitecture};

    struct Of<'a>(&'a TrainConfig, usize);

    impl ForArchitecture for Of<'_> {
        type Output = (Needs, [u64; 2]);

        fn run<A: Architecture>(self, _: &'static str) -> Self::Output {
            (Needs::new::<A, CpuBackend>(self.0, self.1), [values::<A>(), weights::<A>()])
        }
    }

    /// By hand, of the table of widths: 512x4x4 + 256x8x8 + 128x16x16 + 64x32x32 values twice, and 3x64x64.
    #[test]
    fn values_of_maps_are_those_counted_by_hand() {
        let config = TrainConfig::default();
        let [values, weights] = Arch::Dcgan64.run(Of(&config, 10)).1;
        assert_eq!(values, 2 * (8192 + 16_384 + 32_768 + 65_536) + 12_288);
        // fc, three transposed convolutions and the last; four convolutions, fc; BatchNorm's beside them.
        let convolutions = 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3);
        let least = 8192 * 101 + 2 * convolutions + 8192;
        assert!((least..least + 8192).contains(&weights), "{weights}, at least {least}");
        assert_eq!(Arch::Dcgan32Gray.run(Of(&config, 10)).1[0], 2 * (4096 + 8192 + 16_384) + 1024);
    }

    #[test]
    fn a_run_that_is_not_measured_needs_no_memory_for_it() {
        let measured = TrainConfig { metric_images: 1000, cache_mib: 0, ..TrainConfig::default() };
        let never = TrainConfig { metric_every: 0, ..measured.clone() };
        let short = TrainConfig { max_steps: Some(30), ..measured.clone() };
        let fixed = |config: &TrainConfig| Arch::Dcgan64.run(Of(config, 5000)).0.fixed;
        assert!(fixed(&measured) > fixed(&never) + 1000 * 4 * 3 * 64 * 64);
        assert_eq!(fixed(&short), fixed(&never), "five epochs are 200 steps");
        let cached = TrainConfig { cache_mib: 1, ..never.clone() };
        assert_eq!(fixed(&cached) - fixed(&never), 1 << 20);
    }

    #[test]
    fn a_batch_that_does_not_fit_is_refused_with_one_that_does() {
        let needs = Needs { fixed: 1 << 30, image: 1 << 20 };
        let limit = |left| Limit { name: "address space (ulimit -v)", left };
        let fits = |batch_size, left| match compare(needs, batch_size, limit(left)) {
            Err(TrainError::Memory { fits, .. }) => Some(fits),
            _ => None,
        };
        assert_eq!(fits(1024, 2 << 30), None);
        assert_eq!(fits(5000, 2 << 30), Some(896));
        assert_eq!(fits(1, 1 << 29), Some(0));
        assert!(fits(usize::MAX, u64::MAX - 1).is_some(), "a sum beyond 64 bits");
    }
}
