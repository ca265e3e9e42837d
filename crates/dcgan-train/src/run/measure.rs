//! Measuring the generator while it trains, and keeping the best one.

use dcgan_core::checkpoint::{Checkpoint, TrainingRecord};
use dcgan_core::spec::NetworkSpec;

use super::best::Best;
use super::record::record;
use super::training_loop::Run;
use crate::backend::operations::Backend;
use crate::gan::measurement::Reals;
use crate::networks::arch::Architecture;
use crate::networks::state_dict;
use crate::report::event::Event;
use crate::run::error::TrainError;

impl<A: Architecture, B: Backend> Run<'_, A, B> {
    /// Measures the generator if that is due after an epoch, and saves it if it is the best so far.
    ///
    /// A generator that cannot be measured is no reason to end a run.
    pub(super) fn measure_if_due(&mut self, epoch: u64) -> Result<(), TrainError> {
        let every = self.config.metric_every;
        if every == 0 || !epoch.is_multiple_of(every) {
            return Ok(());
        }
        match self.measure(epoch) {
            Err(TrainError::Metric(error)) => {
                (self.report)(Event::Warning(format!(
                    "the images of epoch {epoch} cannot be measured: {error}"
                )));
                Ok(())
            }
            result => result,
        }
    }

    fn measure(&mut self, epoch: u64) -> Result<(), TrainError> {
        let reals = match self.reals.take() {
            Some(reals) => reals,
            None => self.load_reals()?,
        };
        let images = self.config.metric_images;
        let mut mean = self.take_mean_generator()?;
        let generator = mean.as_ref().unwrap_or_else(|| self.gan.generator());
        let measurement = reals.measure::<A, B>(generator, self.gan.device(), self.config.seed, images);
        self.reals = Some(reals);
        let measurement = measurement?;
        self.log.measured(epoch, self.position.steps, &measurement)?;
        let is_nearer = |best: Best| measurement.frechet < best.measurement.frechet;
        let best = self.best.is_none_or(|best| best.images != images || is_nearer(best));
        (self.report)(Event::Measured { epoch, measurement, best });
        if best {
            let tensors = match &mut mean {
                Some(generator) => state_dict::state_dict::<B, _>(generator),
                None => self.gan.generator_state(),
            };
            let spec = NetworkSpec::Generator(A::generator(self.name));
            let measured = measurement.named().map(|(name, value)| (name.to_owned(), value)).into();
            let record = TrainingRecord { measured, ..record(self.config, &self.position) };
            let path = self.network_path("generator", "best");
            self.tell_saved(path.clone(), Checkpoint { spec, record, tensors }.save(&path))?;
            self.best = Some(Best { measurement, images });
        }
        if let Some(mean) = mean {
            self.keep_mean_generator(mean);
        }
        Ok(())
    }

    /// The features of real images, which stay the same through the run.
    fn load_reals(&mut self) -> Result<Reals, TrainError> {
        let images = self.examples(self.config.metric_images)?;
        Ok(Reals::new(&images)?)
    }
}
