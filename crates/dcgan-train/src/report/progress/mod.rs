//! What people see of a run on standard error: bars on a terminal, plain lines in a file or a pipe.
//!
//! A closed terminal or a full log must not end a run: what cannot be told is not told.

use std::env;
use std::fmt::Display;
use std::io::{self, Stderr, Write};

use console::Term;
use dcgan_core::terminal::escaped;

use crate::report::event::Event;

mod bar;
mod bars;
mod lines;

pub use bars::Bars;
pub use lines::Lines;

/// Tells people the events of a run.
pub enum Progress {
    /// Warnings alone.
    Quiet(Stderr),
    /// A line for each event that is worth one.
    Lines(Lines<Stderr>),
    /// Bars that are drawn again and again, with lines above them.
    Bars(Box<Bars<Term>>),
}

impl Progress {
    /// Bars if standard error is a terminal that can move its cursor, else lines; `quiet` asks for warnings alone.
    ///
    /// The bars have no colours where `NO_COLOR` is set and not empty.
    pub fn on_stderr(quiet: bool) -> Self {
        let term = Term::buffered_stderr();
        if quiet {
            return Self::Quiet(io::stderr());
        }
        if !term.is_term() || console::is_dumb() {
            return Self::Lines(Lines::new(io::stderr()));
        }
        // Left alone, the library looks at standard output, and takes an empty NO_COLOR for one that is set.
        let colours = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        console::set_colors_enabled(colours);
        console::set_colors_enabled_stderr(colours);
        Self::Bars(Box::new(Bars::new(term)))
    }

    /// Tells an event.
    pub fn tell(&mut self, event: &Event) {
        match self {
            Self::Quiet(stderr) if matches!(event, Event::Skipped { .. } | Event::Warning(_)) => {
                drop(writeln!(stderr, "{}", escaped(&event.to_string())))
            }
            Self::Quiet(_) => {}
            Self::Lines(lines) => lines.tell(event),
            Self::Bars(bars) => bars.tell(event),
        }
    }

    /// Says something else that is no warning.
    pub fn say(&mut self, line: &dyn Display) {
        match self {
            Self::Quiet(_) => {}
            Self::Lines(lines) => lines.say(line),
            Self::Bars(bars) => bars.say(line),
        }
    }

    /// Ends with what the run came to. Dropped without it, as a run that failed, it leaves the last bar as it was.
    pub fn finish(self) {
        if let Self::Bars(bars) = self {
            bars.finish();
        }
    }
}
