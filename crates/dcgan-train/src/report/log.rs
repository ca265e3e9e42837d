//! The numbers of a run's steps: in a file, as averages and as the history that the plot shows.

use std::path::{Path, PathBuf};

use dcgan_core::atomic::WriteError;
use image::DynamicImage;

use crate::gan::StepStats;
use crate::gan::measurement::Measurement;
use crate::report::metrics::{self, Average, Averages, Metrics, MetricsFile};
use crate::report::plot::LossHistory;
use crate::report::tensorboard::EventFile;

pub(crate) struct Log {
    metrics: MetricsFile,
    averages: Averages,
    history: LossHistory,
    events: Option<EventFile>,
}

pub(crate) fn metrics_path(folder: &Path) -> PathBuf {
    folder.join("metrics.jsonl")
}

pub(crate) fn events_path(folder: &Path) -> PathBuf {
    folder.join("tensorboard")
}

/// A step's numbers, grouped as TensorBoard shows them.
fn tagged(stats: &StepStats) -> [(&'static str, f64); 6] {
    let StepStats { loss_d, loss_g, d_x, d_g_z, grad_norm_d, grad_norm_g } = *stats;
    [
        ("loss/D", loss_d),
        ("loss/G", loss_g),
        ("probability/D(x)", d_x),
        ("probability/D(G(z))", d_g_z),
        ("gradient norm/D", grad_norm_d),
        ("gradient norm/G", grad_norm_g),
    ]
    .map(|(tag, value)| (tag, f64::from(value)))
}

impl Log {
    /// Begins the records of a run anew.
    pub(crate) fn create(folder: &Path, tensorboard: bool) -> Result<Self, WriteError> {
        let metrics = MetricsFile::create(&metrics_path(folder))?;
        let events = tensorboard.then(|| EventFile::create(&events_path(folder))).transpose()?;
        Ok(Self { metrics, averages: Averages::new(), history: LossHistory::default(), events })
    }

    /// Goes on after step `step`, when the file had so many bytes; whether they are there.
    pub(crate) fn resume(
        folder: &Path,
        tensorboard: bool,
        (bytes, step): (u64, u64),
        history: LossHistory,
    ) -> Result<(Self, bool), WriteError> {
        let (metrics, whole) = MetricsFile::resume(&metrics_path(folder), bytes, step)?;
        let events = tensorboard.then(|| EventFile::resume(&events_path(folder), step)).transpose()?;
        Ok((Self { metrics, averages: Averages::new(), history, events }, whole))
    }

    /// Images a second, of as many as were trained on since the last call.
    pub(crate) fn lap(&mut self, images: usize) -> f64 {
        self.averages.lap(images)
    }

    /// Adds a step of so many images, at so many a second.
    pub(crate) fn add(
        &mut self,
        metrics: &Metrics,
        images: usize,
        images_per_second: f64,
    ) -> Result<(), WriteError> {
        self.averages.add(metrics, images);
        let memory_mib = metrics::memory_mib();
        self.metrics.write(metrics, images_per_second, memory_mib)?;
        let Metrics { epoch, step, stats, .. } = metrics;
        if let Some(events) = &mut self.events {
            let memory = memory_mib.map(|mib| ("run/memory in MiB", mib));
            let numbers = tagged(stats).into_iter().chain([("run/images per second", images_per_second)]);
            events.scalars(*step, &numbers.chain(memory).collect::<Vec<_>>())?;
        }
        self.history.push(*step, *epoch, stats.loss_d, stats.loss_g);
        Ok(())
    }

    /// Adds what the images after a step were measured to be.
    pub(crate) fn measured(
        &mut self,
        epoch: u64,
        step: u64,
        measurement: &Measurement,
    ) -> Result<(), WriteError> {
        self.metrics.write_measurement(epoch, step, measurement)?;
        if let Some(events) = &mut self.events {
            let Measurement { kid, kid_error, frechet } = *measurement;
            let distances = [
                ("distance/KID", kid),
                ("distance/KID, standard error", kid_error),
                ("distance/Frechet", frechet),
            ];
            events.scalars(step, &distances)?;
        }
        Ok(())
    }

    /// Shows a picture where pictures are shown by step.
    pub(crate) fn picture(&mut self, step: u64, tag: &str, picture: &DynamicImage) -> Result<(), WriteError> {
        if let Some(events) = &mut self.events {
            events.image(step, tag, picture)?;
            events.flush()?;
        }
        Ok(())
    }

    /// Makes what was added visible to others.
    pub(crate) fn flush(&mut self) -> Result<(), WriteError> {
        if let Some(events) = &mut self.events {
            events.flush()?;
        }
        self.metrics.flush()
    }

    /// Makes what was added outlast a power failure; the bytes of the file.
    pub(crate) fn sync(&mut self) -> Result<u64, WriteError> {
        self.flush()?;
        self.metrics.sync()
    }

    /// Whether it is time for a report, within an epoch or at its end.
    pub(crate) fn due(&self, end_of_epoch: bool) -> bool {
        if end_of_epoch { self.averages.worth_a_report() } else { self.averages.due() }
    }

    /// The means since the last report, if there is anything new.
    pub(crate) fn take(&mut self) -> Option<Average> {
        self.averages.take()
    }

    pub(crate) fn history(&self) -> &LossHistory {
        &self.history
    }
}
