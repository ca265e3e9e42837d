//! A training run: its events on the terminal, signals, and what to do next.

use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::thread;

use dcgan_train::backend::device::OnDevice;
use dcgan_train::backend::operations::Backend;
use dcgan_train::report::event::Event;
use dcgan_train::report::progress::Progress;
use dcgan_train::run::config::TrainConfig;
use dcgan_train::run::interrupt::Interrupt;
use dcgan_train::run::{Ending, train_until};

use super::next_command::{kept_hint, next_command};
use super::terminal::tell;
use super::{advice, config_file};

pub(super) struct Train<'a> {
    pub(super) config: &'a TrainConfig,
    pub(super) quiet: bool,
    /// All settings, to repeat the run with.
    pub(super) settings: &'a str,
}

impl OnDevice for Train<'_> {
    type Output = anyhow::Result<ExitCode>;

    fn run<B: Backend>(self, device: B::Device, name: &str) -> Self::Output {
        let mut progress = Progress::on_stderr(self.quiet);
        progress.say(&format_args!("device: {name}"));
        let (progress, interrupt) = (Mutex::new(progress), Interrupt::default());
        let mut has_state = false;
        let mut report = |event| {
            let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
            // Before, there is nothing to save: a signal ends the program as it always does.
            if matches!(event, Event::Started { .. })
                && let Err(error) = interrupt.on_signals()
            {
                progress
                    .tell(&Event::Warning(format!("a signal will end the run without saving it: {error}")));
            }
            if matches!(event, Event::Started { .. })
                && let Err(error) =
                    config_file::save(self.settings, &self.config.output_dir.join("config.toml"))
            {
                progress.tell(&Event::Warning(format!("{:#}", anyhow::Error::from(error))));
            }
            has_state |= is_state(&event);
            progress.tell(&event);
        };
        let result = thread::scope(|scope| {
            let (_running, ended) = mpsc::channel();
            scope.spawn(|| tell_signal(&interrupt, &progress, ended));
            train_until::<B>(self.config, &device, &interrupt, &mut report)
        });
        let progress = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) if has_state => {
                drop(progress);
                let hint = kept_hint(&error);
                tell(&format!("dcgan-train: {}", advice::explain(&error.into())));
                tell(&hint);
                return Ok(ExitCode::FAILURE);
            }
            Err(error) => return Err(error.into()),
        };
        progress.finish();
        if !self.quiet {
            outcome.to_string().lines().for_each(tell);
            tell(&next_command(&outcome));
        }
        Ok(match outcome.ending {
            Ending::Complete => ExitCode::SUCCESS,
            Ending::Interrupted(signal) => ExitCode::from(signal.exit_code()),
        })
    }
}

/// Says what a first signal does and what a second one would do: a step may take minutes.
fn tell_signal(interrupt: &Interrupt, progress: &Mutex<Progress>, ended: Receiver<()>) {
    if let Some(signal) = interrupt.wait(&ended) {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.say(&format_args!(
            "{}: the run ends after this step, with its state saved; a second signal ends it at once, unsaved",
            signal.name()
        ));
    }
}

/// Whether an event reports a state to resume from.
fn is_state(event: &Event) -> bool {
    match event {
        Event::Resumed { .. } => true,
        Event::Saved(path) => {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("state_"))
        }
        _ => false,
    }
}
