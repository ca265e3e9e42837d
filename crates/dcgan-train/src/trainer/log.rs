//! The numbers of a run's steps: in a file, as averages and as the history that the plot shows.

use std::path::PathBuf;

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::metrics::{Average, Averages, Metrics, MetricsFile};
use crate::plot::LossHistory;

pub(super) struct Log {
    metrics: MetricsFile,
    averages: Averages,
    history: LossHistory,
}

pub(super) fn metrics_path(config: &TrainConfig) -> PathBuf {
    config.output_dir.join("metrics.jsonl")
}

impl Log {
    /// Begins the records of a run anew.
    pub(super) fn create(config: &TrainConfig) -> Result<Self, TrainError> {
        let metrics = MetricsFile::create(&metrics_path(config))?;
        Ok(Self { metrics, averages: Averages::new(), history: LossHistory::default() })
    }

    /// Goes on after step `step`, when the file had so many bytes; whether they are there.
    pub(super) fn resume(
        config: &TrainConfig,
        (bytes, step): (u64, u64),
        history: LossHistory,
    ) -> Result<(Self, bool), TrainError> {
        let (metrics, whole) = MetricsFile::resume(&metrics_path(config), bytes, step)?;
        Ok((Self { metrics, averages: Averages::new(), history }, whole))
    }

    /// Adds a step of so many images.
    pub(super) fn add(&mut self, metrics: &Metrics, images: usize) -> Result<(), TrainError> {
        self.metrics.write(metrics, self.averages.add(metrics, images))?;
        let Metrics { epoch, step, stats, .. } = metrics;
        self.history.push(*step, *epoch, stats.loss_d, stats.loss_g);
        Ok(())
    }

    /// Makes what was added visible to others.
    pub(super) fn flush(&mut self) -> Result<(), TrainError> {
        Ok(self.metrics.flush()?)
    }

    /// Makes what was added outlast a power failure; the bytes of the file.
    pub(super) fn sync(&mut self) -> Result<u64, TrainError> {
        Ok(self.metrics.sync()?)
    }

    /// Whether it is time for a report, within an epoch or at its end.
    pub(super) fn due(&self, end_of_epoch: bool) -> bool {
        if end_of_epoch { self.averages.worth_a_report() } else { self.averages.due() }
    }

    /// The means since the last report, if there is anything new.
    pub(super) fn take(&mut self) -> Option<Average> {
        self.averages.take()
    }

    pub(super) fn history(&self) -> &LossHistory {
        &self.history
    }
}
