//! The numbers of a run's steps: in a file, as averages and as the history that the plot shows.

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::metrics::{Average, Averages, Metrics, MetricsFile};
use crate::plot::LossHistory;

pub(super) struct Log {
    metrics: MetricsFile,
    averages: Averages,
    history: LossHistory,
}

impl Log {
    /// Begins the records of a run anew.
    pub(super) fn create(config: &TrainConfig) -> Result<Self, TrainError> {
        let metrics = MetricsFile::create(&config.output_dir.join("metrics.jsonl"))?;
        Ok(Self { metrics, averages: Averages::new(), history: LossHistory::default() })
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
