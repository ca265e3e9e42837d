//! One bar, and the texts around it.

use std::time::Duration;

use console::truncate_str;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// How often a second a bar is drawn, at most.
const REDRAWS: u8 = 20;
/// Room for the bar itself, with its brackets.
const BAR: usize = 14;
/// On a terminal of fewer columns, the texts have all the room.
const NARROW: usize = 48;

/// A bar in the terminal's last line, or in the one before it with a line of text below.
///
/// Nothing is longer than the terminal is wide: a line that wraps could not be cleared away.
pub struct Bar<T> {
    term: T,
    bar: ProgressBar,
    template: &'static str,
}

impl<T: TermLike + Clone + 'static> Bar<T> {
    /// A bar that has come to `position`. Dropped, it is cleared away.
    pub fn new(term: T, position: u64) -> Self {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), REDRAWS);
        let bar = ProgressBar::with_draw_target(None, target).with_style(style(TEXT));
        // What was there before says nothing about the rate from now on.
        bar.set_position(position);
        bar.reset_eta();
        Self { term, bar, template: TEXT }
    }

    /// Moves the bar; before its end is known, there is none to see.
    pub fn move_to(&self, position: u64, end: Option<u64>) {
        self.bar.update(|state| {
            if let Some(end) = end {
                state.set_len(end);
            }
            state.set_pos(position);
        });
    }

    /// Shows text left of the bar and below it: as many parts, from the first on, as there is room for.
    pub fn show(&mut self, left: &[String], below: &[String]) {
        let width = usize::from(self.term.width());
        let has_bar = self.bar.length().is_some() && width >= NARROW;
        let template = match (has_bar, below.is_empty()) {
            (true, false) => BAR_AND_TEXT,
            (true, true) => BAR_ALONE,
            (false, false) => TEXTS,
            (false, true) => TEXT,
        };
        if template != self.template {
            self.template = template;
            self.bar.set_style(style(template));
        }
        let left = fit(left, if has_bar { width - BAR } else { width });
        // Unlike `set_`, `with_` does not draw: both texts change at once.
        drop(self.bar.clone().with_prefix(left).with_message(fit(below, width)));
        self.bar.tick();
    }

    /// Leaves the bar on the screen as it is, and goes to the line after it.
    pub fn leave(&self) {
        self.bar.abandon();
        drop(self.term.write_line("").and_then(|()| self.term.flush()));
    }

    /// Writes a line above the bar.
    pub fn say(&self, line: &str) {
        self.bar.println(line);
    }

    /// Positions a second, of late; 0 before anything is known.
    pub fn rate(&self) -> f64 {
        self.bar.per_sec()
    }

    /// The time to the end at this rate, if both are known.
    pub fn left(&self) -> Option<Duration> {
        (self.rate() > 0.0 && self.bar.length().is_some()).then(|| self.bar.eta())
    }

    /// The time since the bar was made.
    pub fn elapsed(&self) -> Duration {
        self.bar.elapsed()
    }
}

const BAR_AND_TEXT: &str = "{prefix}  [{wide_bar:.cyan}]\n{msg}";
const BAR_ALONE: &str = "{prefix}  [{wide_bar:.cyan}]";
const TEXTS: &str = "{prefix}\n{msg}";
const TEXT: &str = "{prefix}";

fn style(template: &str) -> ProgressStyle {
    // ASCII: not every terminal has a font with blocks.
    ProgressStyle::with_template(template).expect("one of the templates above").progress_chars("=> ")
}

/// The first of `parts`, cut off if need be, and as many of the others as fit into `columns`.
fn fit(parts: &[String], columns: usize) -> String {
    let mut line = String::new();
    for part in parts {
        let longer = if line.is_empty() { part.clone() } else { format!("{line}  {part}") };
        if console::measure_text_width(&longer) > columns {
            break;
        }
        line = longer;
    }
    match parts.first() {
        Some(first) if line.is_empty() => truncate_str(first, columns, "").into_owned(),
        _ => line,
    }
}
