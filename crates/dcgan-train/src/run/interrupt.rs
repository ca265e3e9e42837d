//! Stop requests: Ctrl-C and SIGTERM.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Time between two looks for a signal.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Why a run is to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// Such as `kill`, a scheduler or a machine that is shut down.
    Terminate,
    /// The terminal was closed. Only on Linux, and not where the signal was ignored before, as `nohup` has it.
    Hangup,
}

impl Signal {
    /// The signals that end a run, with their numbers.
    #[cfg(unix)]
    const ALL: &[(Self, i32)] =
        &[(Self::Interrupt, SIGINT), (Self::Terminate, SIGTERM), (Self::Hangup, signal_hook::consts::SIGHUP)];
    /// The signals that end a run, with their numbers.
    #[cfg(not(unix))]
    const ALL: &[(Self, i32)] = &[(Self::Interrupt, SIGINT), (Self::Terminate, SIGTERM)];

    /// What a program returns that the signal ended: 128 and the signal's number, as in a shell.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Hangup => 129,
        }
    }

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "Ctrl-C",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        }
    }
}

/// Whether a run is to end after its present step. Copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    /// The number of the signal, 0 for none.
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// From now on the signals of this process are such wishes; a second one ends the process at once.
    ///
    /// A file beyond the limit of sizes (`ulimit -f`) is an error of writing from now on, no end of the process.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn on_signals(&self) -> io::Result<()> {
        // Of any kind: a terminal that is closed after Ctrl-C ends the process, too.
        let again = Arc::new(AtomicBool::new(false));
        for (signal, number) in Signal::ALL {
            if *signal == Signal::Hangup && !hears_hangups() {
                continue;
            }
            // The order counts: the first signal finds `again` unset and sets it.
            flag::register_conditional_shutdown(*number, i32::from(signal.exit_code()), Arc::clone(&again))?;
            flag::register(*number, Arc::clone(&again))?;
            flag::register_usize(*number, Arc::clone(&self.signal), *number as usize)?;
        }
        #[cfg(unix)]
        flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
        Ok(())
    }

    /// Asks for the end.
    pub fn request(&self, signal: Signal) {
        let number =
            Signal::ALL.iter().find(|(known, _)| *known == signal).map_or(SIGTERM, |(_, number)| *number);
        self.signal.store(number as usize, Ordering::SeqCst);
    }

    /// Waits for the first signal; `None` when the sender of `running` is dropped before.
    pub fn wait(&self, running: &Receiver<()>) -> Option<Signal> {
        while running.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            if let Some(signal) = self.requested() {
                return Some(signal);
            }
        }
        None
    }

    /// What was asked for.
    pub fn requested(&self) -> Option<Signal> {
        let found = self.signal.load(Ordering::SeqCst);
        Signal::ALL.iter().find(|(_, number)| *number as usize == found).map(|(signal, _)| *signal)
    }
}

/// Whether a closed terminal would end this process: not one that was started with `nohup`.
#[cfg(target_os = "linux")]
fn hears_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 is signal 1, SIGHUP.
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 0)
}

/// Where it cannot be told, the signal stays as it is.
#[cfg(not(target_os = "linux"))]
fn hears_hangups() -> bool {
    false
}
